"""Progress: a bar on a terminal, a line now and then elsewhere; tables."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from restyle.cli import terminal
from restyle.cli.terminal import Bar, printable, table, time_left


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_until(true: Callable[[], object]) -> None:
    """Wait for the bar's thread, or fail after a minute."""
    for _ in range(6000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "monotonic", found)
    monkeypatch.setattr(terminal, "EVERY", 10.0)
    return found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_a_line_every_ten_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Bar(4, "first") as bar:
        for done in range(1, 5):
            clock.now += 6
            bar.at(done, "second")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["restyle: second, 2/4, 12 s left", "restyle: second, 4/4"]


def test_the_time_left_can_be_given(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(label="photo.jpg") as bar:
        clock.now = 20
        bar.at(0.5, "photo.jpg step 1/2", left=300)
    assert capsys.readouterr().err == "restyle: photo.jpg step 1/2, 50%, 5 min left\n"


def test_quiet_shows_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(label="photo.jpg", quiet=True) as bar:
        clock.now = 20
        bar.at(0.5)
        bar.say("line")
    assert capsys.readouterr().err == ""


def test_frames_per_second_are_recent(clock: Clock) -> None:
    with Bar(label="clip.mp4") as bar:
        assert bar.fps == 0
        for done in range(1, 201):
            clock.now += 1.0 if done < 100 else 0.1
            bar.frames(done, 200)
        assert bar.fps == pytest.approx(10)
        assert bar.label == "clip.mp4 | 10.0 fps"
        bar.frames(201, None)
        assert bar.label.startswith("clip.mp4 | 201 frames, ")


def test_notes_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(label="clip.mp4") as bar:
        bar.note("odd sides")
        bar.note("odd sides")
    assert capsys.readouterr().err == "restyle: odd sides\n"


def test_nothing_is_said_of_quick_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with Bar(2, "work") as bar:
        bar.at(2)
    assert stderr.getvalue() == ""


@pytest.mark.parametrize(("total", "count"), [(1, "50%"), (3, "1/3")])
def test_a_bar_for_long_work(monkeypatch: pytest.MonkeyPatch, total: int, count: str) -> None:
    monkeypatch.setattr(terminal, "PATIENCE", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with Bar(total, "first") as bar:
        wait_until(lambda: bar._progress is not None)
        bar.at(0.5 if total == 1 else 1.9, "se[con]d")
        wait_until(lambda: "se[con]d" in stderr.getvalue() and count in stderr.getvalue())


def test_a_bar_that_ends_early_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with Bar(1) as bar:
        pass
    bar._show()
    assert stderr.getvalue() == ""


def test_a_long_label_leaves_room_for_bar_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PATIENCE", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with Bar() as bar:
        wait_until(lambda: bar._progress is not None)
        bar.at(0.4, "photo.jpg step 120/300, 512x384, gram 0.031, features 0.12, grain 0.2", left=300)
        bar.say("a line")
        parts = ("a line", "photo.jpg step 120/300", "\u2501", "40%", "5 min left")
        wait_until(lambda: all(part in stderr.getvalue() for part in parts))
    assert "grain" not in stderr.getvalue()


def test_time_left_is_in_fitting_units() -> None:
    assert [time_left(seconds) for seconds in (50, 720, 12600)] == ["50 s", "12 min", "3.5 h"]


def test_columns_are_aligned_and_lines_not_padded() -> None:
    text = table(["name", "year"], [["a", "1"], ["longer name", ""]])
    assert text.splitlines() == ["name         year", "a            1", "longer name"]


def test_wide_characters_take_two_columns() -> None:
    lines = table(["a", "b"], [["神奈川", "x"], ["e\u0301e", "y"]]).splitlines()
    assert lines == ["a       b", "神奈川  x", "e\u0301e      y"]


def test_control_characters_in_tables_are_shown() -> None:
    assert table(["name"], [["a\n\x1b[31m\u202egpj"]]) == "name\na\\n\\x1b[31m\\u202egpj"
    assert printable("Screenshot\u202f3 👩\u200d🚀 漢\u3000字") == "Screenshot\u202f3 👩\u200d🚀 漢\u3000字"
