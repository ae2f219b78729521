"""The wording of messages: commands that fail, and in `messages.txt` the line that each prints.

`pytest tests/test_messages.py --update-messages` writes the file again. Other tests match the class of an
error and the quoted value only.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.command_line import restyle
from tests.made_clips import make_clip, moving

SNAPSHOT = Path(__file__).with_name("messages.txt")

CASES = """
imag
image none.jpg -s great-wave
image '' -s great-wave
image empty.jpg -s great-wave
image text.jpg -s great-wave
image cut.png -s great-wave
image folder/ -s great-wave
image photo.png
image -s great-wave
image photo.png -s empty.jpg
image photo.png -s dot.png
image photo.png -s wrong.style
image photo.png -s grate-wave
image photo.png -s great-wave:x
image photo.png -s great-wave:0.4
image photo.png -s great-wave -o photo.png --overwrite
image photo.png -s link.png -o photo.png --overwrite
image photo.png -s great-wave -o dot.png
image photo.png -s great-wave -o out
image photo.png -s great-wave -o out.xyz
image photo.png -s great-wave -o dot.png/out.png
image photo.png dot.png -s great-wave -o out.png
image photo.png dot.png -s great-wave -o text.jpg
image photo.png -s great-wave --max-pixels 100
image photo.png -s great-wave --size 9000x9000 --max-pixels 100000
image photo.png -s great-wave --crop 999x999
image photo.png -s great-wave --crop wide
image photo.png -s great-wave --size big
image photo.png -s great-wave --strength 1.2
image photo.png -s great-wave --strength nan
image photo.png -s great-wave --strength much
image photo.png -s great-wave --keep-colors --colors-only
image photo.png -s great-wave --keep-colors lumniance
image photo.png -s great-wave --paint-size 9
image photo.png -s great-wave --paint-size 64 --colors-only
image photo.png -s great-wave --paint-size 64 --method optimize
image photo.png -s great-wave --method magic
image photo.png -s great-wave --steps 9
batch none.csv -s great-wave -o out
batch photo.png -s great-wave -o out --shard 3/2
batch photo.png -s great-wave -o out --engine cluster
batch s3://bucket/photos -s great-wave -o out
image photo.png -s great-wave --likeness 1
image photo.png -s saved.style --method optimize
image photo.png -s saved.style --method paint
image photo.png -s great-wave --method optimize --style-loss gramm
image photo.png -s great-wave --method optimize --style-loss gram:x
image photo.png -s great-wave --method optimize --resume
image photo.png -s great-wave --device tpu
image photo.png -s great-wave --device cuda
image photo.png -s great-wave --model none
image photo.png -s great-wave --quality 101
image photo.png -s great-wave --colour
evaluate --suite dev
models pull vgg19 --mirror http://localhost/
image photo.png --region text
image photo.png --region none.png=great-wave
image photo.png --region photo.png=great-wave
image photo.png --region alpha=great-wave
image photo.png --region subject=keep -s great-wave
image photo.png --region mask.png=keep
styles --content photo.png
styles --sheet photo.png
styles --sheet out.xyz
styles save none.jpg
styles save photo.png -o photo.png --overwrite
audio none.wav -s rain
audio text.wav -s rain
audio empty.wav -s rain
audio photo.png -s rain
audio folder/ -s rain -o out.wav
audio nan.wav -s tune.wav
audio no-samples.wav -s tune.wav
audio tune.wav
audio tune.wav -s text.wav
audio tune.wav -s silence.wav
audio tune.wav -s rian
audio tune.wav -s rain:-1
audio tune.wav -s rain -o tune.wav --overwrite
audio tune.wav -s rain -o out.xyz
audio tune.wav -s rain -o no/out.wav
audio wide.wav -s rain -o out.mp3
audio tune.wav -s rain --strength 7
audio tune.wav -s rain --method magic
audio tune.wav none.wav -s rain -o one.wav
audio tune.wav -s rain --plot look.jpg
audio tune.wav none.wav -s rain --plot look.png
audio tune.wav -s rain -o out.wav --preview out.wav
audio tune.wav -s rain --preview out.wav
video none.mp4 -s great-wave
video text.jpg -s great-wave
video clip.mp4
video clip.mp4 -s great-wive
video clip.mp4 -s great-wave -o clip.mp4 --overwrite
video clip.mp4 -s great-wave -o out.xyz
video clip.mp4 other.mp4 -s great-wave -o out.mp4
video clip.mp4 -s great-wave --codec divx
video clip.mp4 -s great-wave --steady very
video clip.mp4 -s 0:great-wave -s starry-night
video clip.mp4 -s great-wave --steps 9
live clip.mp4 -s great-wave -o out.gif
live clip.mp4 -s great-wave -o clip.mp4 --overwrite
live clip.mp4 -s great-wave -o out.mp4 --delay 1
models pull none
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder of good and bad inputs."""
    folder = tmp_path_factory.mktemp("place")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 84, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    Image.new("RGB", (3, 3)).save(folder / "dot.png")
    Image.new("L", (84, 60), 255).save(folder / "mask.png")
    for name, data in {
        "empty.jpg": b"",
        "text.jpg": b"hello, this is text",
        "cut.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "wrong.style": b"{",
        "empty.wav": b"",
        "text.wav": b"this is not a sound",
    }.items():
        (folder / name).write_bytes(data)
    (folder / "link.png").symlink_to("photo.png")
    (folder / "folder").mkdir()
    rate = 22050
    tune = 0.1 * np.sin(np.arange(rate) / 9)
    soundfile.write(folder / "tune.wav", tune, rate)
    soundfile.write(folder / "nan.wav", np.array([0, 0, np.nan] * 9), 2000, subtype="FLOAT")
    soundfile.write(folder / "no-samples.wav", np.zeros(0), rate)
    soundfile.write(folder / "silence.wav", np.zeros(rate), rate)
    soundfile.write(folder / "wide.wav", np.zeros((99, 8)), 192000)
    make_clip(folder / "clip.mp4", moving(3), sound="aac")
    saving = ("styles", "save", "photo.png", "-o", "saved.style", "--no-picture", "--model", str(tiny_model))
    done = restyle(folder, *saving)
    assert done.returncode == 0, done.stderr
    return folder


def outcome(case: str, place: Path, tiny_model: Path) -> str:
    """Run a command that must fail: its exit code and the line it prints."""
    words = shlex.split(case)
    has_model = words[0] in ("image", "styles", "video", "live") and "--model" not in words
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    done = restyle(place, *words, *(["--model", str(tiny_model)] if has_model else []))
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("restyle: ")
    return f"{done.returncode} {line.replace(str(place), 'PLACE').replace(str(tiny_model), 'MODEL')}"


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_the_message(case: str, place: Path, tiny_model: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("torch")
    found = outcome(case, place, tiny_model)
    known = read_snapshot()
    if request.config.getoption("--update-messages"):
        lines = {each: known.get(each, "") for each in CASES.strip().splitlines()} | {case: found}
        SNAPSHOT.write_text("".join(f"$ {each}\n{line}\n\n" for each, line in lines.items()), "utf-8")
        return
    assert known.get(case) == found


def read_snapshot() -> dict[str, str]:
    """Outcomes by command."""
    if not SNAPSHOT.exists():
        return {}
    blocks = SNAPSHOT.read_text("utf-8").split("$ ")[1:]
    return {block.split("\n")[0]: block.split("\n")[1] for block in blocks}
