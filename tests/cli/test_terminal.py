"""What commands print, standard streams that are closed or full, and signals that end a run."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from PIL import Image

from restyle.cli import terminal
from restyle.cli.terminal import Bar, SeveralFiles, printable, table, time_left
from restyle.errors import InputError


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


def test_all_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with SeveralFiles(2, "videos") as files:
        for name in ("a.mp4", "b.mp4"):
            with files.each(name):
                pass
    assert files.done == 2
    assert capsys.readouterr() == ("", "")


def test_failures_are_listed_by_name_and_exit_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []

    def work() -> None:
        with SeveralFiles(3, "videos") as files:
            for name, reason in (("a.mp4", "a.mp4: is empty"), ("b.mp4", ""), ("c.mp4", "disk full")):
                with files.each(name):
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
    with pytest.raises(InputError, match="is empty"), SeveralFiles(1, "videos") as files, files.each("a.mp4"):
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
        with SeveralFiles(3, "videos") as files:
            with files.each("a.mp4"):
                pass
            with files.each("b.mp4"):
                raise stop

    with pytest.raises(KeyboardInterrupt) as interrupted:
        work()
    assert str(interrupted.value) == told


def test_other_errors_end_the_run_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), SeveralFiles(3, "videos") as files, files.each("a.mp4"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


LIMIT = 600  # seconds


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in which `R` is restyle."""
    return subprocess.run(
        ["bash", "-c", command.replace("R ", f"{sys.executable} -m restyle ", 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_work_is_done_without_standard_streams(closed: str, tmp_path: Path, style_file: Path) -> None:
    command = f"R image '{style_file.name}' --style great-wave --method fast --strength 0 -o a.png {closed}"
    done = shell(command, tmp_path)
    assert done.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["a.png", style_file.name]
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"  # no message went into it


@pytest.mark.slow
@pytest.mark.parametrize("command", ["styles", "--help", "models"])
def test_a_full_standard_output_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"R {command} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "restyle: cannot write to standard output: the disk is full\n"


SCRIPT = """
import sys, time
from restyle.cli.terminal import exit_code, stop_as_by_interrupt
from restyle.files import writing
stop_as_by_interrupt()
try:
    with writing("art.png") as temporary:
        temporary.write_bytes(b"half")
        print("ready", flush=True)
        try:
            time.sleep(60)
        finally:
            time.sleep(0.5)  # cleans up
except KeyboardInterrupt:
    sys.exit(exit_code())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_stop_the_cleaning_up(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(3):
            process.send_signal(number)
            time.sleep(0.1)
        assert process.wait(LIMIT) == 128 + number
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_ignored_signals_stay_so(tmp_path: Path) -> None:
    script = SCRIPT.replace("import sys, time", "import signal, sys, time\nsignal.signal(1, signal.SIG_IGN)")
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 143


EARLY = """
import os, signal, sys
from restyle.cli import main

class Early:
    def find_spec(self, name, *_):
        if name == "restyle.cli.terminal":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.{name})

sys.meta_path.insert(0, Early())
main(["--version"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_the_first_module_is_loaded_is_handled(number: signal.Signals) -> None:
    command = [sys.executable, "-c", EARLY.format(name=number.name)]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout) == (128 + number, b"")


@pytest.mark.slow
def test_a_terminal_that_closes_leaves_nothing_half_written(tiny_model: Path, tmp_path: Path) -> None:
    """The session gets SIGHUP, and standard output and error can no longer be written."""
    folder = tmp_path / "many"
    folder.mkdir()
    Image.new("RGB", (400, 300), "red").save(folder / "000.png")
    for index in range(1, 300):
        os.link(folder / "000.png", folder / f"{index:03}.png")
    command = [sys.executable, "-m", "restyle", "image", "many", "-s", "great-wave", "-o", "out"]
    command += ["--model", str(tiny_model), "--threads", "1"]
    child, terminal = pty.fork()
    if not child:
        os.chdir(tmp_path)
        os.execv(sys.executable, command)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and not list(tmp_path.glob("out/0*.png")):
        time.sleep(0.02)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert 0 < len(written) < 300
    assert all(name.endswith(".png") and not name.startswith(".") for name in written)
