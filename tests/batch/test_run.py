"""A run puts results in place, records failures, and continues where another was killed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from restyle.batch.journal import FOLDER, Finished, Journal
from restyle.batch.painter import Outcome, Painter, Settings
from restyle.batch.rows import Failure, Row
from restyle.batch.run import Progress, estimate, run
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
