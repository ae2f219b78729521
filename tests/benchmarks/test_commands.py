"""Whole commands: the peers' script writes a picture, a failing command is an error."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import commands
from benchmarks.networks import Size


def test_photo_has_the_asked_size(tmp_path: Path) -> None:
    with Image.open(commands.photo(Size(96, 48), tmp_path)) as picture:
        assert picture.size == (96, 48)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "Johnson w32 script, torch",
        "MicroAST script, torch, style PICTURE",
        "Johnson w32 script, ONNX Runtime",
        "MicroAST script, ONNX Runtime, style PICTURE",
    ],
)
def test_peer_script_writes_a_picture(name: str, tmp_path: Path) -> None:
    commands.candidates(Size(64, 48), tmp_path)[name]()
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.size == (64, 48)


def test_failing_command_is_an_error_with_its_message() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        commands.run([sys.executable, "-c", "raise SystemExit('no such thing')"])
