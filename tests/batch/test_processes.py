"""Worker processes: all rows once, a worker that dies is replaced, memory and cores bound their number."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from restyle.batch import processes
from restyle.batch.journal import Finished
from restyle.batch.painter import Outcome, Settings
from restyle.batch.processes import default_workers, run_processes
from restyle.batch.rows import Row
from restyle.models import session
from restyle.models.session import free_memory

SETTINGS = Settings("out", "work")


def rows(count: int) -> list[Row]:
    return [
        Row(n, "jobs", f"{n}.png", "picture", ("x",), (), (), "m", f"{n}.png") for n in range(1, count + 1)
    ]


def quick(settings: Settings) -> Callable[[Row, Finished | None], Outcome]:
    """A painter that does nothing."""
    return lambda row, earlier: Outcome(row, "skipped" if earlier else "done", reason=str(os.getpid()))


def deadly(settings: Settings) -> Callable[[Row, Finished | None], Outcome]:
    """A painter that dies of row 2 always, and of row 4 once."""

    def paint(row: Row, earlier: Finished | None) -> Outcome:
        once = Path(settings.work, "once")
        if row.number == 2 or (row.number == 4 and not once.exists()):
            if row.number == 4:
                once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(row, "done")

    return paint


@pytest.mark.slow
def test_every_row_once_by_several_processes() -> None:
    finished = {"3.png": Finished("3.png", "k", "s", 1, 1.0)}
    found = [each for group in run_processes(rows(40), finished, SETTINGS, 2, quick) for each in group]
    assert sorted(each.row.number for each in found) == list(range(1, 41))
    assert [each.row.number for each in found if each.state == "skipped"] == [3]
    assert os.getpid() not in {int(each.reason) for each in found}


@pytest.mark.slow
def test_a_worker_that_dies_costs_one_row(tmp_path: Path) -> None:
    settings = Settings("out", str(tmp_path))
    found = [each for group in run_processes(rows(6), {}, settings, 2, deadly) for each in group]
    assert sorted(each.row.number for each in found) == list(range(1, 7))
    (failed,) = [each for each in found if each.state == "failed"]
    assert failed.row.number == 2
    assert "2.png: its process was killed twice" in failed.reason


def test_cores_and_memory_bound_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 8)
    monkeypatch.setattr(processes, "free_memory", lambda: 8_500_000_000)
    assert default_workers(100) == 3
    assert default_workers(2) == 2
    assert default_workers(100, threads=4) == 2
    assert default_workers(100, each=10**10) == 1
    monkeypatch.setattr(processes, "free_memory", lambda: None)
    assert default_workers(100) == 8


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert free_memory() in (600, None)
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 50\n")  # copies of files are free
    assert free_memory() in (650, None)
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() != 600
