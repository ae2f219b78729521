import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from benchmarks.retrieval.details import LARGEST, artwork, artworks, middle, shares
from restyle.compare import metrics
from restyle.compare.subjects import Subject, of_pixels
from restyle.models import arbitrary
from restyle.types import to_unit

DATA = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[4] / "shared")) / "data"
CROP = 0.7  # of each side


def test_an_artwork_has_its_true_aspect_and_no_frame(tmp_path: Path) -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[:, 200:] = 255
    Image.fromarray(pixels).save(tmp_path / "squashed.png")
    entry = {"source": "squashed.png", "aspect": 2.0, "crop": [0.5, 0.0, 1.0, 1.0]}
    found = artwork(entry, tmp_path)
    assert found.size == (200, 200)
    assert np.asarray(found)[:, 4:].min() == 255
    Image.new("RGB", (3000, 1500)).save(tmp_path / "large.png")
    assert artwork({"source": "large.png"}, tmp_path).size == (LARGEST, LARGEST // 2)


def test_the_middle_is_a_share_of_each_side() -> None:
    assert middle(Image.new("RGB", (200, 100)), 0.5).size == (100, 50)


def test_shares_are_below_one_where_the_own_preset_is_nearest() -> None:
    def coded(name: str, x: float, z: float) -> Subject:
        return Subject(name, "preset", np.array([x, z], np.float32), "m")

    presets = [coded("wave", 1, 0), coded("tower", 0, 1), coded("leaves", -1, 0)]
    assert shares(coded("wave", 1, 0.2), presets) < 0.05
    assert shares(coded("tower", 1, 0.2), presets) > 1
    assert shares(coded("wave", 1, 1), presets) == pytest.approx(1, rel=1e-5)


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


@pytest.mark.slow
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


@pytest.mark.slow
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
