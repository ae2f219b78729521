"""A run puts results in place, records failures, and continues where another was killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from restyle.batch import run as runs
from restyle.batch.journal import FOLDER, Finished, Journal
from restyle.batch.painter import Outcome, Painter, Settings
from restyle.batch.rows import Failure, Row
from restyle.batch.run import Progress, default_workers, estimate, run, run_processes
from restyle.models import session
from restyle.models.session import free_memory
from tests.batch.conftest import MakeRow


def in_loop(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
    """An engine in this process."""
    painter = Painter(Settings(str(journal.output), str(journal.work), threads=1))
    for row in rows:
        yield [painter(row, journal.finished.get(row.output))]


class Killed(BaseException):
    """Stands for the end of the process."""


def done(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_results_failures_and_a_second_run(make_row: MakeRow, tmp_path: Path) -> None:
    rows: list[Row | Failure] = [
        make_row(0),
        Failure(2, "b", "jobs: no"),
        make_row(2, content="none.png"),
        make_row(3),
    ]
    seen: list[str] = []
    journal = Journal(tmp_path / "out")
    progress = run(rows, journal, in_loop, watch=lambda outcome, progress: seen.append(outcome.state))
    journal.close()
    assert progress.counts == {"done": 2, "failed": 2}
    assert sorted(seen) == ["done", "done", "failed", "failed"]
    assert set(done(tmp_path / "out")) == {"0.png", "3.png"}
    lines = (tmp_path / "out" / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [2, 3]
    journal = Journal(tmp_path / "out")
    assert run(rows, journal, in_loop).counts == {"skipped": 2, "failed": 2}
    journal.close()


@pytest.mark.parametrize("moment", ["before the journal", "before the move", "after the move"])
def test_a_kill_at_any_moment_loses_nothing(
    make_row: MakeRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    rows = [make_row(number) for number in range(4)]
    whole = Journal(tmp_path / "whole")
    run(rows, whole, in_loop)
    whole.close()

    def killed_at_third(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
        for number, group in enumerate(in_loop(rows, journal), 1):
            if number == 3:
                if moment == "before the journal":
                    raise Killed
                if moment == "before the move":
                    monkeypatch.setattr(journal, "publish", kill)
                if moment == "after the move":
                    yield group
                    raise Killed
            yield group

    def kill(*_: object) -> None:
        raise Killed

    journal = Journal(tmp_path / "out")
    with pytest.raises(Killed):
        run(rows, journal, killed_at_third)
    for file in (journal._file, journal._lock):  # as at the end of a process; the work folder stays
        assert file is not None
        file.close()
    again = Journal(tmp_path / "out")
    expected = {"before the journal": 2, "before the move": 2, "after the move": 3}[moment]
    assert run(rows, again, in_loop).counts == {"skipped": expected, "done": 4 - expected}
    again.close()
    assert done(tmp_path / "out") == done(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "out" / FOLDER)) == ["journal.jsonl", "lock"]


def test_a_file_of_the_user_is_never_replaced(make_row: MakeRow, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0.png").write_bytes(b"mine")
    journal = Journal(tmp_path / "out")
    assert run([make_row(0)], journal, in_loop).counts == {"failed": 1}
    journal.close()
    assert (tmp_path / "out" / "0.png").read_bytes() == b"mine"


def test_the_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("restyle.batch.run.time", SimpleNamespace(monotonic=lambda: now))
    progress = Progress(10, begun=0.0)
    assert (progress.per_second, progress.seconds_left) == (0.0, None)
    now = 2.0
    progress.count("skipped")
    progress.count("done")
    assert progress.per_second == pytest.approx(0.5)
    assert progress.seconds_left == pytest.approx(16)


def test_an_estimate_paints_nothing(make_row: MakeRow, tmp_path: Path) -> None:
    rows: list[Row | Failure] = [
        make_row(0),
        make_row(1),
        Failure(3, "c", "no"),
        make_row(4, content="none.png"),
        make_row(5, styles=("grate-wave",)),
        make_row(5, styles=("none.jpg",)),
        make_row(5, options=(("look", "golden-ours"),)),
        make_row(5, styles=()),
    ]
    found, before = estimate(rows, tmp_path / "out", 2)
    assert [state for state, _ in found] == ["left", "left", *["failed"] * 6]
    for (_, reason), told in zip(
        found[2:], ("no", "no such file", "'great-wave'", "none.jpg", "golden-hour", "no style"), strict=True
    ):
        assert told in reason
    assert before.seconds is None
    assert not (tmp_path / "out").exists()
    journal = Journal(tmp_path / "out")
    run(rows[:1], journal, in_loop)
    journal.enter([Finished("x.png", "k", "s", 1, 100.0)])
    journal.close()
    found, after = estimate(rows, tmp_path / "out", 2)
    assert [state for state, _ in found] == ["finished", "left", *["failed"] * 6]
    changed = [make_row(0, options=(("strength", 0.5),))]
    assert "from another content, style, options" in estimate(changed, tmp_path / "out", 2)[0][0][1]
    assert estimate(changed, tmp_path / "out", 2, overwrite=True)[0] == [("left", "")]
    assert after.seconds == pytest.approx(25, abs=5)


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
    monkeypatch.setattr(runs, "cores", lambda: 8)
    monkeypatch.setattr(runs, "free_memory", lambda: 8_500_000_000)
    assert default_workers(100) == 3
    assert default_workers(2) == 2
    assert default_workers(100, threads=4) == 2
    assert default_workers(100, each=10**10) == 1
    monkeypatch.setattr(runs, "free_memory", lambda: None)
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
