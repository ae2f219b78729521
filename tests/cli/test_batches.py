"""Runs over several files: on past a bad one, one ending."""

import pytest
import typer

from restyle.cli.batches import Batch
from restyle.errors import InputError


def test_all_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Batch(2, "videos") as batch:
        for name in ("a.mp4", "b.mp4"):
            with batch.each(name):
                pass
    assert batch.done == 2
    assert capsys.readouterr() == ("", "")


def test_failures_are_listed_by_name_and_exit_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []

    def work() -> None:
        with Batch(3, "videos") as batch:
            for name, reason in (("a.mp4", "a.mp4: is empty"), ("b.mp4", ""), ("c.mp4", "disk full")):
                with batch.each(name):
                    reached.append(name)
                    if reason:
                        raise InputError(reason)

    with pytest.raises(typer.Exit) as ended:
        work()
    assert reached == ["a.mp4", "b.mp4", "c.mp4"]
    assert ended.value.exit_code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["restyle: 2 of 3 videos failed:", "  a.mp4: is empty", "  c.mp4: disk full"]


def test_one_file_fails_as_itself() -> None:
    with pytest.raises(InputError, match="is empty"), Batch(1, "videos") as batch, batch.each("a.mp4"):
        raise InputError("a.mp4: is empty")


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (KeyboardInterrupt(), "1 of 3 videos are done"),
        (KeyboardInterrupt("b is in parts"), "1 of 3 videos are done; b is in parts"),
    ],
)
def test_interrupted_it_says_what_is_done(stop: KeyboardInterrupt, told: str) -> None:
    def work() -> None:
        with Batch(3, "videos") as batch:
            with batch.each("a.mp4"):
                pass
            with batch.each("b.mp4"):
                raise stop

    with pytest.raises(KeyboardInterrupt) as interrupted:
        work()
    assert str(interrupted.value) == told


def test_other_errors_end_the_run_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), Batch(3, "videos") as batch, batch.each("a.mp4"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""
