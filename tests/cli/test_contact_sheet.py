"""The contact sheet and the scene on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.cli.contact_sheet import CELL, GAP, contact_sheet, scene
from restyle.models.arbitrary import Arbitrary
from restyle.style import styles
from restyle.types import to_unit


@pytest.mark.parametrize("size", [(288, 384), (700, 300), (40, 40)])
def test_every_style_has_its_cell(tiny_model: Path, size: tuple[int, int]) -> None:
    tiny = Arbitrary(tiny_model, threads=1)
    content = np.random.default_rng(0).random((*size, 3), np.float32)
    told: list[float] = []
    found = styles(tiny)
    sheet = contact_sheet(content, found, tiny, told.append)
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    pixels = to_unit(np.asarray(sheet))
    assert pixels[GAP, GAP].tolist() != pixels[0, 0].tolist()
    assert sheet.width >= CELL * min(size[1] / max(size), 1)
    dark = (pixels.max(-1) < 0.3).any(axis=1)
    assert dark.any()  # the labels


def test_the_scene_is_drawn_the_same_each_time() -> None:
    first, second = scene(), scene()
    assert first.shape == (288, 384, 3)
    assert first.dtype == np.float32
    assert 0 <= first.min() < 0.2
    assert 0.9 < first.max() <= 1
    assert (first == second).all()
    assert scene(60, 80).shape == (60, 80, 3)
