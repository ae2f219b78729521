"""Contact sheets of videos: frames, and the difference of each to the next frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from restyle.types import FloatArray

TIMES = 4  # factor for differences
WINDOW = (64, 96)  # height and width in px of the still window
SCALE = 3
_SHOWN = 5

Film = Sequence[FloatArray]


def write_sheet(path: Path, films: Sequence[Film]) -> None:
    """Return two rows for each video: frames, and below each its difference to the next."""
    rows = []
    for film in films:
        at = np.unique(np.linspace(0, len(film) - 2, _SHOWN).round().astype(int))
        rows.append(np.concatenate([film[index] for index in at], axis=1))
        rows.append(np.concatenate([_difference(film, index) for index in at], axis=1))
    _save(path, np.concatenate(rows))


def write_still(path: Path, films: Sequence[Film]) -> None:
    """Return the same for the window in which the first video, the input, changes least; enlarged."""
    top, left = stillest(films[0])
    height, width = WINDOW
    window = np.s_[top : top + height, left : left + width]
    cut = [[frame[window].repeat(SCALE, 0).repeat(SCALE, 1) for frame in film] for film in films]
    write_sheet(path, cut)


def stillest(film: Film) -> tuple[int, int]:
    """Return top and left of the window in which neighboring frames differ least, among those with contrast.

    A quarter of the windows, those with the least contrast, are left out: an empty sky is still by itself.
    """
    height, width = (min(wanted, side) for wanted, side in zip(WINDOW, film[0].shape[:2], strict=True))
    changes = np.mean([np.abs(two - one).mean(-1) for one, two in pairwise(film)], axis=0)
    gray = film[0].mean(-1)
    places = [
        (top, left)
        for top in range(0, changes.shape[0] - height + 1, 8)
        for left in range(0, changes.shape[1] - width + 1, 8)
    ]
    windows = [np.s_[top : top + height, left : left + width] for top, left in places]
    contrasts = [float(gray[window].std()) for window in windows]
    least = float(np.quantile(contrasts, 0.25))
    shown = [n for n, contrast in enumerate(contrasts) if contrast >= least]
    return places[min(shown, key=lambda n: float(changes[windows[n]].mean()))]


def _difference(film: Film, index: int) -> FloatArray:
    return np.asarray(np.abs(film[index + 1] - film[index]) * TIMES, np.float32)


def _save(path: Path, pixels: FloatArray) -> None:
    Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(path)
