"""Style files: written whole, read with suspicion."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import InputError, OutputError, StyleError
from restyle.models import style_files
from restyle.models.style_files import StyleRecord

RECORD = StyleRecord(
    "tiny-1",
    "wave",
    np.array([0.25, -1.5, 3e-8], np.float32),
    "神奈川沖浪裏",
    "葛飾北斎",
    "1831",
    {0.5: np.array([1, 2, 3], np.float32), 2.0: np.array([4, 5, 6], np.float32)},
)


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = style_files.write(RECORD, tmp_path / "wave.style")
    found = style_files.read(path)
    assert found.code.tolist() == RECORD.code.tolist()
    assert {scale: code.tolist() for scale, code in found.scales.items()} == {0.5: [1, 2, 3], 2.0: [4, 5, 6]}
    for word in ("model", "name", "title", "artist", "year"):
        assert getattr(found, word) == getattr(RECORD, word)


def test_it_is_text_that_says_what_it_is(tmp_path: Path) -> None:
    path = style_files.write(RECORD, tmp_path / "wave.style")
    entry = json.loads(path.read_text(encoding="utf-8"))
    assert entry["format"] == "restyle-style/1"
    assert entry["title"] == "神奈川沖浪裏"
    assert "神奈川" in path.read_text(encoding="utf-8")


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    path = style_files.write(StyleRecord("tiny-1", "wave", RECORD.code), tmp_path / "wave.style")
    assert json.loads(path.read_text()).keys() == {"format", "model", "name", "code"}
    assert style_files.read(path).title == ""


def test_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "wave.style"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        style_files.write(RECORD, path)
    assert path.read_text() == "mine"
    assert style_files.read(style_files.write(RECORD, path, overwrite=True)).name == "wave"


GOOD: dict[str, Any] = {
    "format": "restyle-style/1",
    "model": "tiny-1",
    "name": "wave",
    "code": "AACAPgAAwL8=",
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1, 2]", "lacks the format"),
        ("{}", "lacks the format"),
        (json.dumps({**GOOD, "format": "restyle-style/2"}), "has format 'restyle-style/2'"),
        (json.dumps({**GOOD, "name": 3}), "'name' is not text"),
        (json.dumps({**GOOD, "model": ""}), "'model or name' is not text"),
        (json.dumps({**GOOD, "code": "???"}), "its code is not base64"),
        (json.dumps({**GOOD, "code": None}), "its code is not base64"),
        (json.dumps({**GOOD, "code": "AAA="}), "its code is not base64"),
        (json.dumps({**GOOD, "code": ""}), "empty or not finite"),
        (json.dumps({**GOOD, "code": "AADAfw=="}), "empty or not finite"),
        (json.dumps({**GOOD, "scales": [1]}), "'scales' is not a table"),
        (json.dumps({**GOOD, "scales": {"big": GOOD["code"]}}), "'big' is not a scale"),
        (json.dumps({**GOOD, "scales": {"-1": GOOD["code"]}}), "'-1' is not a scale"),
        (json.dumps({**GOOD, "scales": {"2": "AACAPg=="}}), "differ in length"),
        ("x" * (1 << 20) + "x", "larger than 1 MB"),
    ],
)
def test_what_is_damaged_is_named(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.style"
    path.write_text(content)
    with pytest.raises(StyleError) as caught:
        style_files.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        style_files.read(tmp_path / "none.style")


def test_style_files_are_known_by_suffix_or_first_byte(tmp_path: Path) -> None:
    renamed = style_files.write(RECORD, tmp_path / "wave.json")
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"\x89PNG")
    assert style_files.is_style_file("anything.STYLE")
    assert style_files.is_style_file(renamed)
    assert not style_files.is_style_file(picture)
    assert not style_files.is_style_file(tmp_path / "none")


def test_what_was_practised_comes_back(tmp_path: Path) -> None:
    more = np.linspace(-1, 1, RECORD.code.size, dtype=np.float32)
    path = style_files.write(replace(RECORD, refinement=more), tmp_path / "wave.style")
    found = style_files.read(path)
    assert found.refinement is not None
    assert found.refinement.tolist() == more.tolist()
    assert found.code.tolist() == RECORD.code.tolist()
    entry = json.loads(path.read_text(encoding="utf-8"))
    entry["practised"] = base64.b64encode(bytes(4)).decode()
    path.write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(StyleError, match="damaged style file: its codes differ in length"):
        style_files.read(path)
