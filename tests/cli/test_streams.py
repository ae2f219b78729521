"""Standard streams that are closed, full, or terminals; signals that end a run as Ctrl-C does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

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


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_work_is_done_without_standard_streams(closed: str, tmp_path: Path, style_file: Path) -> None:
    command = f"R image '{style_file.name}' --style great-wave --method fast --strength 0 -o a.png {closed}"
    done = shell(command, tmp_path)
    assert done.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["a.png", style_file.name]
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"  # no message went into it


@pytest.mark.parametrize("command", ["styles", "--help", "models"])
def test_a_full_standard_output_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"R {command} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "restyle: cannot write to standard output: the disk is full\n"


SCRIPT = """
import sys, time
from restyle.cli.streams import exit_code, stop_as_by_interrupt
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
