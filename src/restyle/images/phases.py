"""A picture at half its size, four times, each half a small pixel further than the last.

What is done to all four and averaged where they overlap no longer depends on where the pixels of the small
picture lay: lines come out smooth instead of stepped, and twice as large (cycle spinning, Coifman and Donoho
1995, "Translation-Invariant De-Noising").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from restyle.types import FloatArray

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))


def split_phases(picture: FloatArray) -> list[FloatArray]:
    """Halve a picture four times: means of 2 x 2 pixels that begin at each of the first four pixels.

    Parameters
    ----------
    picture : np.ndarray [shape=(2 h, 2 w, C), float32]
        Its border goes on as its last pixel.

    Returns
    -------
    list of np.ndarray [shape=(h, w, C) or one row or column more, float32]
        In the order of `PHASES`.
    """
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    parts = []
    for top, left in PHASES:
        inner = padded[top : len(padded) - top, left : padded.shape[1] - left]
        pairs = (inner[::2] + inner[1::2]) / 2
        parts.append(np.ascontiguousarray((pairs[:, ::2] + pairs[:, 1::2]) / 2, dtype=np.float32))
    return parts


def join_phases(parts: Iterable[FloatArray]) -> FloatArray:
    """Double pictures as `split_phases` gives them, and average them where they belong.

    Parameters
    ----------
    parts : iterable of np.ndarray [shape as `split_phases` gives them, float32]

    Returns
    -------
    np.ndarray [shape=(2 h, 2 w, C), float32]

    Examples
    --------
    >>> flat = np.full((4, 6, 3), 0.5, np.float32)
    >>> bool((join_phases(split_phases(flat)) == flat).all())
    True
    """
    out: FloatArray | None = None
    for (top, left), part in zip(PHASES, parts, strict=True):
        double = part.repeat(2, axis=0).repeat(2, axis=1)
        inner = double[1 - top : len(double) - 1 + top, 1 - left : double.shape[1] - 1 + left]
        out = np.zeros(inner.shape, np.float32) if out is None else out
        out += inner / 4
    assert out is not None
    return out
