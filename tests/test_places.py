"""Folders that cannot be written to, with the real command: no permission, read-only, no space left."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts and capabilities of Linux")

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def unshare() -> list[str] | None:
    """The words that run a command with its own mounts, if this is allowed here."""
    for words in (["unshare", "--map-root-user", "--mount"], ["unshare", "--mount"]):
        probe = [*words, "mount", "-t", "tmpfs", "none", "/mnt"]
        if shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0:
            return words
    return None


@pytest.fixture
def command(tiny_model: Path, photo_file: Path) -> list[str]:
    """`restyle image` on a photo whose result is larger than 64 kB."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(photo_file)
    words = ["image", str(photo_file), "-s", "great-wave", "--model", str(tiny_model), "--threads", "1"]
    return [sys.executable, "-m", "restyle", *words]


def failing(command: list[str], before: Callable[[], None] | None = None) -> str:
    """Run a command that must fail with exit code 1 and one line; return the line."""
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=before, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


def running(
    words: list[str], folder: Path, before: Callable[[], None] | None
) -> subprocess.CompletedProcess[str]:
    """Run restyle with these arguments in a folder."""
    command = [sys.executable, "-m", "restyle", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=before, check=False)


def without_privilege() -> None:
    """Drop the capabilities that let root ignore permissions."""
    for privilege in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, privilege, 0, 0, 0) != 0:
            raise PermissionError


@pytest.mark.slow
@pytest.mark.parametrize("place", ["shut", "shut/deep"])
def test_a_folder_without_write_permission(command: list[str], tmp_path: Path, place: str) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    before = without_privilege if os.geteuid() == 0 else None
    try:
        line = failing([*command, "-o", str(tmp_path / place / "out.png")], before)
    except subprocess.SubprocessError:
        pytest.skip("root cannot drop its capabilities here")
    assert line.startswith("restyle: cannot ")
    assert line.endswith("permission denied")
    assert list(shut.iterdir()) == []


@pytest.mark.slow
def test_a_folder_without_read_permission_is_reported_and_the_rest_is_processed(
    tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for name in ("a", "shut"):
        (tree / name).mkdir(parents=True)
        shutil.copy(photo_file, tree / name / "photo.jpg")
    (tree / "shut").chmod(0)
    words = ["image", "tree", "-s", "great-wave", "--model", str(tiny_model), "-o", "out/"]
    before = without_privilege if os.geteuid() == 0 else None
    try:
        done = running(words, tmp_path, before)
        alone = failing([sys.executable, "-m", "restyle", "image", str(tree / "shut"), *words[2:]], before)
    except subprocess.SubprocessError:
        pytest.skip("root cannot drop its capabilities here")
    finally:
        (tree / "shut").chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "restyle: 1 of 2 pictures failed:",
        "  tree/shut: permission denied",
    ]
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["photo.jpg"]
    assert alone == f"restyle: {tree}/shut: permission denied"


def test_a_comparison_reports_a_folder_without_read_permission(
    tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "tree").mkdir(exist_ok=True)
        shutil.copy(photo_file, tmp_path / "tree" / name)
    shut = tmp_path / "tree" / "shut"
    shut.mkdir(mode=0)
    words = ["compare", "tree", "--metric", "palette", "--model", str(tiny_model), "-o", "distances.csv"]
    before = without_privilege if os.geteuid() == 0 else None
    try:
        done = running(words, tmp_path, before)
    except subprocess.SubprocessError:
        pytest.skip("root cannot drop its capabilities here")
    finally:
        shut.chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["restyle: 1 of 3 styles failed:", "  tree/shut: permission denied"]
    assert (tmp_path / "distances.csv").read_text().splitlines()[0] == ",a.jpg,b.jpg"


def mounted(options: str, folder: Path, command: list[str], *, after: str = "") -> list[str]:
    """The command, run where `folder` is a file system of its own."""
    folder.mkdir()
    if (words := unshare()) is None:
        pytest.skip("mounting is not allowed here")
    script = f'mount -t tmpfs -o {options} none "$0" && {{ "$@"; code=$?; {after or ":"}; exit $code; }}'
    return [*words, "sh", "-c", script, str(folder), *command]


def test_a_read_only_disk(command: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    line = failing(mounted("ro", folder, [*command, "-o", str(folder / "out.png")]))
    assert line == f"restyle: cannot write {folder}/out.png: the file system is read-only"


def test_a_full_disk_leaves_no_partial_file(command: list[str], tmp_path: Path) -> None:
    folder, listing = tmp_path / "disk", tmp_path / "listing"
    after = f'ls -A "$0" > "{listing}"'
    line = failing(mounted("size=64k", folder, [*command, "-o", str(folder / "out.png")], after=after))
    assert line == f"restyle: cannot write {folder}/out.png: the disk is full"
    assert listing.read_text() == ""


def test_a_full_disk_in_a_folder_keeps_what_fits(
    command: list[str], photo_file: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (24, 24), (9, 99, 200)).save(photo_file.with_name("small.png"))
    command[command.index(str(photo_file))] = str(photo_file.parent)
    folder, listing = tmp_path / "disk", tmp_path / "listing"
    after = f'ls -A "$0" > "{listing}"'
    words = mounted("size=64k", folder, [*command, "-o", str(folder)], after=after)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f"{folder}/small.png\n"
    assert done.stderr.splitlines() == [
        "restyle: 1 of 2 pictures failed:",
        f"  {photo_file}: cannot write {folder}/photo.png: the disk is full",
    ]
    assert listing.read_text() == "small.png\n"
