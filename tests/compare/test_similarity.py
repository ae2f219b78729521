"""Distances between real things, through the public name."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from benchmarks.retrieval.details import artwork, artworks, middle
from restyle.compare import metrics
from restyle.compare.subjects import Subject, of_pixels
from restyle.errors import OptionError, StyleError
from restyle.models import arbitrary
from restyle.types import to_unit

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared")) / "data"
CROP = 0.7  # of each side
Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.mark.slow
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


@pytest.mark.slow
def test_size_changes_less_than_style(photo: Photo, style_file: Path) -> None:
    image = Image.fromarray(photo).resize((336, 240), Image.Resampling.BICUBIC)
    larger = image.resize((672, 480), Image.Resampling.BICUBIC)
    for metric in ("style", "gram", "moments", "wasserstein", "palette", "cosine"):
        own = restyle.similarity(image, larger, metric=metric)
        other = restyle.similarity(image, style_file, metric=metric)
        assert own < 0.2 * other, metric


@pytest.fixture(scope="module")
def views() -> dict[str, tuple[Subject, Subject]]:
    """Each preset's artwork whole, with its vector, and the middle of it, with vector and codes."""
    model = arbitrary.load(threads=1)
    found = {}
    for name, entry in artworks(DATA).items():
        image = artwork(entry, DATA)
        pixels, part = (to_unit(np.asarray(each)) for each in (image, middle(image, CROP)))
        found[name] = (
            of_pixels(pixels, frozenset({"vector"}), model, name),
            of_pixels(part, frozenset({"vector", "code"}), model, name),
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
        style.name: Subject(style.name, "preset", style.read, style.model) for style in restyle.styles()
    }
    wrong = {}
    for name, (_, part) in views.items():
        nearest = min(presets, key=lambda other: metrics.cosine(part, presets[other]))
        if nearest != name:
            wrong[name] = nearest
    assert not wrong
