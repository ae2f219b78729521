"""`restyle evaluate` from the command line."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.command_line import Done, restyle
from tests.evaluate.conftest import drawn, folders, save

__all__ = ["folders"]
RESTYLE = Path(sys.executable).with_name("restyle")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RESTYLE_SHARED", raising=False)


def run(folder: Path, *arguments: str) -> Done:
    return restyle(folder, "evaluate", "--threads", "1", *arguments)


BASE = ("--content", "photos", "--style", "art", "--size", "80")


def test_results_of_a_folder(folders: Path) -> None:
    done = run(folders, "out", *BASE, "-o", "report")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.split()[:3] == ["row", "style", "content"]
    assert [line.split("  ")[0] for line in rest[:3]] == ["out", "copy content", "copy style"]
    entry = json.loads((folders / "report" / "report.json").read_text())
    rows = {row["name"]: row for row in entry["rows"]}
    assert rows["copy content"]["figures"]["content"] == [0, 0, 0]
    assert len(rows["out"]["pairs"]) == 4
    assert "seconds" not in rows["out"]["figures"]
    with (folders / "report" / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    with Image.open(folders / "report" / "sheet.jpg") as sheet:
        assert sheet.width > 3 * 264


@pytest.mark.slow
def test_a_method_at_settings(folders: Path, tiny_model: Path) -> None:
    done = run(folders, *BASE, "--run", "strength=0.3", "--model", str(tiny_model), "-o", "report")
    assert done.returncode == 0, done.stderr
    assert f"{tiny_model.name} strength=0.3" in done.stdout
    rows = json.loads((folders / "report" / "report.json").read_text())["rows"]
    assert rows[0]["figures"]["seconds"][0] > 0
    again = run(folders, *BASE, "--model", str(tiny_model), "-o", "report")
    assert again.returncode == 1
    assert "report.md: it exists" in again.stderr
    assert run(folders, *BASE, "--model", str(tiny_model), "-o", "report", "--overwrite").returncode == 0


def test_bad_files_are_listed_and_the_exit_code_says_so(folders: Path) -> None:
    (folders / "out" / "dog__wave.png").write_bytes(b"\xff\xd8\xff broken")
    save(folders / "out", "horse__wave.png", drawn(1))
    done = run(folders, "out", *BASE, "-o", "report")
    assert done.returncode == 1
    head, *lines = done.stderr.splitlines()
    assert head == "restyle: 2 left out:"
    assert any("horse__wave.png" in line for line in lines)
    assert any("dog__wave" in line for line in lines)
    assert done.stdout.splitlines()[1].split()[-1] == "3"
    assert "horse__wave" in (folders / "report" / "report.md").read_text()


def test_names_that_fit_nothing_are_one_line(folders: Path) -> None:
    save(folders / "other", "horse.png", drawn(1))
    done = run(folders, "other", *BASE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "matches no content and style" in line


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give --content"),
        ((*BASE, "--metric", "psnr"), 2, "metric 'psnr' is none of"),
        ((*BASE, "--metric", "fid"), 1, "restyle models pull inception-fid"),
        ((*BASE, "--encoder", "vgg16"), 1, "unknown encoder 'vgg16'"),
        ((*BASE, "--run", "strength=7"), 2, "outside 0..1"),
        (("--content", "absent", "--style", "art"), 1, "absent: there is no such file or folder"),
    ],
)
def test_mistakes_are_one_line(folders: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(folders, *arguments)
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.slow
def test_ctrl_c_leaves_what_was_measured(folders: Path) -> None:
    words = [str(RESTYLE), "evaluate", "--threads", "1", *BASE, "--run", "strength=0.5"]
    for index in range(40):  # enough for a while
        save(folders / "photos", f"more{index}.png", drawn(index))
    process = subprocess.Popen(words, cwd=folders, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    kept = folders / "home" / "measurements"
    for _ in range(6000):
        if kept.is_dir() and len(list(kept.glob("*.json"))) > 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    errors = process.communicate()[1]
    assert process.returncode == 130
    assert errors.splitlines() == ["restyle: interrupted; finished measurements are cached"]
    assert len(list(kept.glob("*.json"))) >= 3  # one of those counted may have been half written
