"""What docs/train.md shows is run, in its order and with its file names, on networks of a moment."""

import contextlib
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.command_line import restyle
from tests.made_clips import make_clip, moving
from tests.train.made_pictures import photos, picture

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "train.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TINY = {
    "style": "--steps 2 --crop 64 --style-size 64 --width 4 --blocks 1 --batch 1 --threads 1 --held-out 1",
    "preview-data": "--crop 64 --style-size 64",
}
ELSEWHERE = ("study", "--device cuda")  # tests/cli/test_study.py; no GPU is at hand


def commands() -> list[str]:
    """Of the shell blocks, without comments."""
    text = "\n".join(text for kind, text in BLOCK.findall(PAGE) if kind == "sh").replace("\\\n", " ")
    lines = [" ".join(line.partition(" #")[0].split()) for line in text.splitlines()]
    return [
        line for line in lines if line.startswith("restyle ") and not any(word in line for word in ELSEWHERE)
    ]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder such as a reader stands in: photos, artworks, a clip, and the pictures of a clone."""
    folder = tmp_path_factory.mktemp("reader")
    photos(folder / "photos", 4)
    for name in ("starry.jpg", "new.jpg", "photo.jpg", "styles/scream.jpg", "styles/wave.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        picture(90, 80, len(name)).save(folder / name)
    make_clip(folder / "clip.mp4", moving(3))
    for name in ("pictures/strokes.jpg", "photos/coffee.jpg"):
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "docs" / name, folder / "docs" / name)
    return folder


@pytest.mark.slow
def test_the_commands_work_one_after_the_other(reader: Path) -> None:
    shown = commands()
    assert len(shown) >= 9
    for line in shown:
        words = shlex.split(line)[1:]
        tiny = TINY.get(words[1], "") if words[0] == "train" else ""
        if "--add-to" in words:
            tiny = tiny.replace("--width 4 --blocks 1", "")
        done = restyle(reader, *words, *shlex.split(tiny))
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout, line
    made = {path.name for path in reader.iterdir()}
    assert {"starry.restyle", "ten.restyle", "eleven.restyle", "starry-model", "seen.jpg"} <= made
    assert {"photo-starry.jpg", "photo-scream.jpg", "clip-starry.mp4"} <= made


@pytest.mark.slow
def test_the_python_works(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, code in BLOCK.findall(PAGE):
        if kind == "python":
            with contextlib.chdir(reader):
                exec(compile(code, "docs/train.md", "exec"), {"__name__": os.path.basename(__file__)})
    assert (reader / "mine.restyle").exists()
    assert (reader / "art.jpg").exists()
    assert capsys.readouterr().out == ""
