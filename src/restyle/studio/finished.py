"""Finished pictures of jobs, kept so that they can be written in another format without painting again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from restyle.images.picture import Picture
from restyle.types import from_unit, to_unit

NAME = "finished.npz"


def keep(picture: Picture, path: Path) -> None:
    """Write a picture with its metadata to a file for `load`.

    The samples have 8 bits if every file of the picture has: the files that are made of them later are those
    that the picture itself would give. A profile is converted to from 16 bits.
    """
    dtype = np.uint16 if picture.depth == 16 or picture.icc is not None else np.uint8
    arrays: dict[str, Any] = {"pixels": from_unit(picture.pixels, dtype), "depth": np.uint8(picture.depth)}
    arrays["gray"] = np.bool_(picture.gray)
    if picture.alpha is not None:
        arrays["alpha"] = from_unit(picture.alpha, dtype)
    for name, block in (("exif", picture.exif), ("icc", picture.icc)):
        if block is not None:
            arrays[name] = np.frombuffer(block, np.uint8)
    with path.open("xb") as file:
        np.savez(file, **arrays)


def load(path: Path) -> Picture:
    """Read what `keep` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        blocks = {name: arrays[name].tobytes() if name in arrays else None for name in ("exif", "icc")}
        return Picture(
            to_unit(arrays["pixels"]),
            alpha=to_unit(arrays["alpha"]) if "alpha" in arrays else None,
            depth=int(arrays["depth"]),
            gray=bool(arrays["gray"]),
            **blocks,
        )
