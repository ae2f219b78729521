"""Style files: writing, reading, damage, and names."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import InputError, OutputError, StyleError
from restyle.models import catalog, style_files
from restyle.models.style_files import (
    StylePicture,
    StyleRecord,
    find_presets,
    is_path,
    near_names,
    preset_files,
    slug,
    split_weight,
)

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


def test_file_is_json_with_its_format(tmp_path: Path) -> None:
    path = style_files.write(RECORD, tmp_path / "wave.style")
    entry = json.loads(path.read_text(encoding="utf-8"))
    assert entry["format"] == "restyle-style/1"
    assert entry["title"] == "神奈川沖浪裏"
    assert "神奈川" in path.read_text(encoding="utf-8")


def test_unknown_fields_are_omitted(tmp_path: Path) -> None:
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


JPEG = base64.b64encode(b"\xff\xd8\xff").decode()
PICTURE = {"jpeg": JPEG, "weight": 1, "scale": 2.0}
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
        (json.dumps({**GOOD, "name": "a" * 1001}), "'name' is not a text of 1 to 1000 letters"),
        (json.dumps({**GOOD, "name": 3}), "'name' is not a text"),
        (json.dumps({**GOOD, "model": ""}), "'model or name' is not a text"),
        (json.dumps({**GOOD, "code": "???"}), "its code is not base64"),
        (json.dumps({**GOOD, "code": None}), "its code is not base64"),
        (json.dumps({**GOOD, "code": "AAA="}), "its code is not base64"),
        (json.dumps({**GOOD, "code": ""}), "empty or not finite"),
        (json.dumps({**GOOD, "code": "AADAfw=="}), "empty or not finite"),
        (json.dumps({**GOOD, "scales": [1]}), "'scales' is not a table"),
        (json.dumps({**GOOD, "scales": {"big": GOOD["code"]}}), "'big' is not a scale"),
        (json.dumps({**GOOD, "scales": {"-1": GOOD["code"]}}), "'-1' is not a scale"),
        (json.dumps({**GOOD, "scales": {"2": "AACAPg=="}}), "differ in length"),
        (json.dumps({**GOOD, "pictures": GOOD["code"]}), "its picture is not base64 of a JPEG"),
        (json.dumps({**GOOD, "pictures": [JPEG]}), "its picture is not base64 of a JPEG"),
        (json.dumps({**GOOD, "pictures": [{**PICTURE, "jpeg": GOOD["code"]}]}), "not base64 of a JPEG"),
        (json.dumps({**GOOD, "pictures": [{**PICTURE, "weight": "1"}]}), "no weight or scale above 0"),
        (json.dumps({**GOOD, "pictures": [{**PICTURE, "scale": -1}]}), "no weight or scale above 0"),
        (json.dumps({**GOOD, "pictures": [{"jpeg": JPEG}]}), "no weight or scale above 0"),
        (json.dumps({**GOOD, "pictures": [{**PICTURE, "weight": 10**400}]}), "no weight or scale above 0"),
        (json.dumps({**GOOD, "pictures": [{**PICTURE, "scale": 1e300}]}), "no weight or scale above 0"),
        (json.dumps({**GOOD, "code": "//9/fw=="}), "empty or not finite"),  # 3.4e38
        (json.dumps({**GOOD, "format": list(range(1000))}), "has format '[0, 1, 2"),
        ("1" * 5000, "is not JSON"),
    ],
)
def test_damaged_style_files(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.style"
    path.write_text(content)
    with pytest.raises(StyleError) as caught:
        style_files.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 120


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(RECORD, pictures=(StylePicture(b"\xff\xd8\xff" + bytes(3000)),))
    path = style_files.write(record, tmp_path / "wave.style")
    monkeypatch.setattr(style_files, "MOST_BYTES", 1 << 10)
    with pytest.raises(StyleError, match="larger than"):
        style_files.read(path)
    with pytest.raises(StyleError, match="1 pictures of style 'wave' take more"):
        style_files.write(record, path, overwrite=True)
    assert path.stat().st_size > 4000, "the file that was there stays"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        style_files.read(tmp_path / "none.style")


def test_is_style_file(tmp_path: Path) -> None:
    renamed = style_files.write(RECORD, tmp_path / "wave.json")
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"\x89PNG")
    assert style_files.is_style_file("anything.STYLE")
    assert style_files.is_style_file(renamed)
    assert not style_files.is_style_file(picture)
    assert not style_files.is_style_file(tmp_path / "none")


def test_refinement_round_trip(tmp_path: Path) -> None:
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


def test_preset_files_are_sorted_by_name(tiny_model: Path) -> None:
    assert list(preset_files(catalog.find(tiny_model))) == ["great-wave", "starry-night"]


def test_a_model_without_presets(tmp_path: Path, tiny_model: Path) -> None:
    for name in ("style_encoder.onnx", "transformer.onnx"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    assert preset_files(catalog.find(tmp_path)) == {}


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [
        ("wave", "wave", None),
        ("wave:0.4", "wave", 0.4),
        ("wave:2", "wave", 2.0),
        ("a/b.jpg:.5", "a/b.jpg", 0.5),
        (r"C:\art\wave.jpg", r"C:\art\wave.jpg", None),
        ("https://example.org/a.jpg", "https://example.org/a.jpg", None),
        ("a:b.jpg:0.5", "a:b.jpg", 0.5),
        (":0.4", ":0.4", None),
    ],
)
def test_split_weight(text: str, name: str, weight: float | None) -> None:
    assert split_weight(text) == (name, weight)


def test_the_colon_of_an_existing_file_is_its_own(in_folder: Path) -> None:
    (in_folder / "10:30").write_bytes(b"")
    assert split_weight("10:30") == ("10:30", None)
    assert split_weight("10:30:0.5") == ("10:30", 0.5)


@pytest.mark.parametrize("text", ["wave:much", "wave:", "wave:-1", "wave:nan", "wave:inf"])
def test_invalid_weight(text: str) -> None:
    with pytest.raises(StyleError, match=f"style '{text}'"):
        split_weight(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Great_Wave (1831)", "the-great-wave-1831"),
        ("Ünïcode ﬁne", "ünïcode-fine"),
        ("富嶽", "富嶽"),
        ("..", ""),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_is_path() -> None:
    assert is_path("a/b")
    assert is_path("wave.JPG")
    assert is_path("my.style")
    assert not is_path("starry-night")
    assert not is_path("version-1.2")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stary night", "; did you mean 'starry-night'?"),
        ("wave", "; did you mean 'great-wave'?"),
        ("zzz", "; `restyle styles` lists the presets"),
    ],
)
def test_near_names(name: str, said: str) -> None:
    assert near_names(name, ["great-wave", "starry-night"]) == said
    assert near_names(name, []) == ""
    assert near_names("wave", ["great-wave"], about=["x"]) == "; did you mean 'great-wave'?"
    assert near_names("zzz", ["great-wave"], about=["x"]) == "; did you mean 'x'?"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Monet", ["argenteuil", "impression-sunrise", "rouen-cathedral", "water-lilies"]),
        ("Hokusai", ["great-wave", "kirifuri-waterfall", "red-fuji"]),
        ("fuji", ["red-fuji"]),
        ("mone", []),
        ("", []),
    ],
)
def test_presets_by_artist_and_title(name: str, found: list[str]) -> None:
    assert find_presets(name, preset_files(catalog.find(catalog.DEFAULT))) == found
