import pytest
import typer

from restyle.cli.batches import end_batch


def test_nothing_failed_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    end_batch([], 3, "videos")
    assert capsys.readouterr() == ("", "")


def test_failures_are_listed_and_exit_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        end_batch(["a.mp4: is empty", "b.mp4: no video"], 3, "videos")
    assert ended.value.exit_code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["restyle: 2 of 3 videos failed:", "  a.mp4: is empty", "  b.mp4: no video"]
