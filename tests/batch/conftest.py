"""Pictures to paint, and rows of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.batch.rows import Row

MakeRow = Callable[..., Row]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six small pictures, `0.png` to `5.png`, all different."""
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(2)
    for number in range(6):
        pixels = noise.integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def make_row(photos: Path, tiny_model: Path) -> MakeRow:
    """A function of a number: a row for that photo, in the style great-wave of the tiny model."""

    def make(number: int = 0, **changes: Any) -> Row:
        values: dict[str, Any] = {
            "number": number + 1,
            "where": "jobs",
            "content": str(photos / f"{number}.png"),
            "medium": "picture",
            "styles": ("great-wave",),
            "regions": (),
            "options": (),
            "model": str(tiny_model),
            "output": f"{number}.png",
        }
        return Row(**{**values, **changes})

    return make
