"""Distances between real things, through the public name."""

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.comparison import metrics
from restyle.comparison.subjects import Subject, of_pixels
from restyle.errors import OptionError, StyleError
from restyle.methods import arbitrary

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared")) / "data"
CROP = 0.7  # of each side
Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def test_the_default_depends_on_what_is_compared(photo_file: Path, style_file: Path) -> None:
    assert restyle.similarity(photo_file, style_file) == restyle.similarity(
        photo_file, style_file, metric="style"
    )
    assert restyle.similarity("scream", style_file) == restyle.similarity(
        "scream", style_file, metric="cosine"
    )
    assert restyle.similarity("rain", "fire") == restyle.similarity("rain", "fire", metric="mfcc")


def test_paths_arrays_pil_images_and_styles_serve(photo: Photo, photo_file: Path) -> None:
    assert restyle.similarity(photo, photo_file) == pytest.approx(0, abs=1e-9)
    assert restyle.similarity(Image.fromarray(photo), photo) == 0
    style = restyle.Style.from_image(photo)
    assert restyle.similarity(style, photo_file, metric="euclidean") == pytest.approx(0, abs=1e-6)
    assert restyle.similarity(style, style) == 0


def test_codes_agree_with_style_distance() -> None:
    a, b = restyle.Style.from_preset("scream"), restyle.Style.from_preset("great-wave")
    assert restyle.similarity(a, b, metric="euclidean") == pytest.approx(a.distance(b), rel=1e-5)


def test_what_is_not_defined_is_said(photo_file: Path) -> None:
    with pytest.raises(StyleError, match="needs pixels, and a preset or saved style is only a code"):
        restyle.similarity("scream", photo_file, metric="gram")
    with pytest.raises(StyleError, match="sounds and pictures cannot be compared"):
        restyle.similarity("rain", photo_file)
    with pytest.raises(StyleError, match="it compares sounds"):
        restyle.similarity("scream", photo_file, metric="mfcc")
    with pytest.raises(StyleError, match="a sound has no pixels"):
        restyle.similarity("rain", "fire", metric="style")
    with pytest.raises(OptionError, match="metric 'x' is none of"):
        restyle.similarity("rain", "fire", metric="x")


def test_size_changes_less_than_style(photo: Photo, style_file: Path) -> None:
    image = Image.fromarray(photo).resize((336, 240), Image.Resampling.BICUBIC)
    larger = image.resize((672, 480), Image.Resampling.BICUBIC)
    for metric in ("style", "gram", "moments", "wasserstein", "palette", "cosine"):
        own = restyle.similarity(image, larger, metric=metric)
        other = restyle.similarity(image, style_file, metric=metric)
        assert own < 0.2 * other, metric


def artworks() -> dict[str, Any]:
    entries = tomllib.loads((ROOT / "scripts" / "presets.toml").read_text(encoding="utf-8"))["preset"]
    return {entry["name"]: entry for entry in entries if (DATA / entry["source"]).is_file()}


def artwork(entry: dict[str, Any]) -> Image.Image:
    """The picture that a preset was encoded from, at most 900 px."""
    with Image.open(DATA / entry["source"]) as file:
        image = file.convert("RGB")
    aspect = entry.get("aspect", image.width / image.height)  # some came squashed to a square
    height = round(image.width / aspect)
    whole = (0.0, 0.0, 1.0, 1.0)
    left, top, right, bottom = entry.get("crop", whole)
    image = image.resize((image.width, height), Image.Resampling.LANCZOS).crop(
        (round(left * image.width), round(top * height), round(right * image.width), round(bottom * height))
    )
    image.thumbnail((900, 900), Image.Resampling.LANCZOS)
    return image


@pytest.fixture(scope="module")
def views() -> dict[str, tuple[Subject, Subject]]:
    """Each preset's artwork whole, with its vector, and the middle of it, with vector and codes."""
    model = arbitrary.load(threads=1)
    found = {}
    for name, entry in artworks().items():
        image = artwork(entry)
        edge = (1 - CROP) / 2
        (width, height), ends = image.size, (edge, edge, 1 - edge, 1 - edge)
        box = [round(end * side) for end, side in zip(ends, (width, height) * 2, strict=True)]
        part = image.crop((box[0], box[1], box[2], box[3]))
        pixels, middle = (np.asarray(each, np.float32) / np.float32(255) for each in (image, part))
        found[name] = (
            of_pixels(pixels, frozenset({"vector"}), model, name),
            of_pixels(middle, frozenset({"vector", "code"}), model, name),
        )
    return found


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data: the artworks of the presets do not ship")
def test_a_crop_is_nearer_to_its_own_work_than_to_any_other_preset(
    views: dict[str, tuple[Subject, Subject]],
) -> None:
    names = list(views)
    assert len(names) >= 40
    wrong = {}
    for name, (_, part) in views.items():
        distances = [metrics.style(part, views[other][0]) for other in names]
        nearest = names[int(np.argmin(distances))]
        if nearest != name:
            wrong[name] = nearest
    assert not wrong


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data: the artworks of the presets do not ship")
def test_a_crop_is_nearest_to_its_own_preset_by_code(views: dict[str, tuple[Subject, Subject]]) -> None:
    """Were a crop seen only as large as the whole, its strokes would be 1.4 times as large: another style."""
    presets = {
        style.name: Subject(style.name, "preset", style.code, style.model) for style in restyle.styles()
    }
    wrong = {}
    for name, (_, part) in views.items():
        nearest = min(presets, key=lambda other: metrics.cosine(part, presets[other]))
        if nearest != name:
            wrong[name] = nearest
    assert not wrong
