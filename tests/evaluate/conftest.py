"""Small drawn pictures, and a bench on the embedded encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.evaluate.bench import Bench
from restyle.evaluate.networks import Encoder, load_encoder

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def drawn(seed: int, size: tuple[int, int] = (80, 112)) -> Pixels:
    """Coloured shapes with some texture, [H, W, 3]; every seed has its own."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    picture = np.empty((*size, 3))
    for channel in range(3):
        a, b, c = rng.uniform(4, 20, 3)
        picture[..., channel] = 128 + 60 * np.sin(rows / a + c) * np.cos(columns / b)
    for _ in range(4):
        y, x, r = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(6, 18)
        picture[(rows - y) ** 2 + (columns - x) ** 2 < r**2] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def save(folder: Path, name: str, pixels: Pixels) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return folder / name


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`photos` with two contents, `art` with two styles, `out` with results of all four pairs."""
    for index, name in enumerate(("cat", "dog")):
        save(tmp_path / "photos", f"{name}.png", drawn(index))
    for index, name in enumerate(("wave", "red_night")):
        save(tmp_path / "art", f"{name}.png", drawn(10 + index, (96, 96)))
    for index, name in enumerate(("cat__wave", "dog__wave", "cat__red_night", "dog-red-night")):
        save(tmp_path / "out", f"{name}.png", drawn(20 + index))
    return tmp_path


@pytest.fixture(scope="session")
def eyes() -> Encoder:
    return load_encoder(threads=1)


@pytest.fixture
def make_bench(eyes: Encoder) -> Callable[..., Bench]:
    def make(size: int = 96, **rest: object) -> Bench:
        return Bench(eyes, size, **rest)  # type: ignore[arg-type]

    return make
