"""Tiny photos, style pictures and a perceptual encoder for tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from restyle.nn.encoders import EncoderShape, PerceptualEncoder, save_encoder


def picture(
    width: int, height: int, seed: int, colour: tuple[int, int, int] = (128, 128, 128)
) -> Image.Image:
    """Waves and noise around a colour."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    rng = np.random.default_rng(seed)
    waves = np.sin(rows / rng.uniform(3, 9)) + np.cos(columns / rng.uniform(3, 9))
    pixels = np.asarray(colour) + 40 * waves[..., None] + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def photos(folder: Path, count: int = 12) -> Path:
    """A folder of photos of mixed sizes."""
    folder.mkdir()
    for index in range(count):
        picture(70 + 9 * index, 150 - 5 * index, index).save(folder / f"{index:02}.png")
    return folder


def two_styles(folder: Path, *names: str) -> Path:
    """A folder of two pictures, one blue and one red."""
    folder.mkdir()
    for index, name in enumerate(names):
        picture(90, 80, 40 + index, (40 + 160 * index, 90, 200 - 150 * index)).save(folder / f"{name}.png")
    return folder


def encoder_file(path: Path) -> Path:
    """A perceptual encoder with random weights and five layers."""
    torch.manual_seed(4)
    shape = EncoderShape(widths=(4, 4, 6, 6, 6), depths=(1, 1, 1, 1, 1), heads=(4, 4, 4, 4, 4))
    save_encoder(PerceptualEncoder(shape), path)
    return path
