"""What a style is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from restyle.errors import StyleError
from restyle.models import catalog
from restyle.models.presets import find_presets, is_path, near_names, preset_files, slug, split_weight


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
def test_what_is_no_weight(text: str) -> None:
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


def test_paths_are_told_from_names() -> None:
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
        ("Monet", ["impression-sunrise", "water-lilies"]),
        ("van gogh", ["cafe-terrace", "starry-night", "sunflowers"]),
        ("fuji", ["red-fuji"]),
        ("mone", []),
        ("", []),
    ],
)
def test_presets_by_artist_and_title(name: str, found: list[str]) -> None:
    assert find_presets(name, preset_files(catalog.find(catalog.DEFAULT))) == found
