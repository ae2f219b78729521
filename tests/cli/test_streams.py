"""Standard streams that are closed, full, or terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 100  # seconds


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
