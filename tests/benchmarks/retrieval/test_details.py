from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.retrieval.details import LARGEST, artwork, middle, shares
from restyle.compare.subjects import Subject


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
