"""Several styles in one picture, each where its mask says: shares of every pixel, and their sum.

With masks m of the styles, k of what is kept, and S the sum of the m,

    kept = min(1, k)
    share of a style = m / max(1, S) * (1 - kept)
    share of the background = 1 - all of these

so the shares of a pixel are never negative and sum to 1, a kept pixel stays exactly what it is, and where
masks overlap their styles are mixed. Every style paints the whole picture, because a style's result depends
on the statistics of the whole; the results are then added by their shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from restyle.images.feather import feather, feather_outward
from restyle.types import FloatArray

_BAND = 256  # rows handled at a time, so that temporaries stay small beside a large picture


def shares(masks: Sequence[FloatArray], kept: Sequence[bool], width: float) -> list[FloatArray]:
    """Divide every pixel among regions and background.

    Parameters
    ----------
    masks : sequence of np.ndarray [shape=(H, W), float32, range 0..1]
        At least one.
    kept : sequence of bool
        For each mask, whether the photo stays as it is there.
    width : float
        Of the ramps that hard edges become, in pixels. A kept region loses nothing: its ramp is outside.

    Returns
    -------
    list of np.ndarray [shape=(H, W), float32, range 0..1]
        The share of each mask, then that of the background.
    """
    soft = [
        feather_outward(mask, width) if keep else feather(mask, width)
        for mask, keep in zip(masks, kept, strict=True)
    ]
    none = np.zeros(masks[0].shape, np.float32)
    kept_sum = sum((each for each, keep in zip(soft, kept, strict=True) if keep), none)
    styled_sum = sum((each for each, keep in zip(soft, kept, strict=True) if not keep), none)
    free = 1 - np.minimum(kept_sum, 1)
    found = [
        each / np.maximum(kept_sum, 1) if keep else each / np.maximum(styled_sum, 1) * free
        for each, keep in zip(soft, kept, strict=True)
    ]
    rest = np.clip(free * (1 - np.minimum(styled_sum, 1)), 0, 1)
    return [np.asarray(each, np.float32) for each in (*found, rest)]


def blend(parts: Iterable[tuple[FloatArray, FloatArray]], content: FloatArray) -> FloatArray:
    """Add pictures by their shares; what no share claims stays the content.

    Parameters
    ----------
    parts : iterable of (share [H, W], picture [H, W, 3]), float32
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1]
        Exactly the content where all shares are 0.
    """
    out = content.copy()
    for share, picture in parts:
        for top in range(0, len(out), _BAND):
            rows = slice(top, top + _BAND)
            # The difference to the content, so that a share of 0 adds nothing, to the last bit.
            out[rows] += share[rows, :, None] * (picture[rows] - content[rows])
    return np.clip(out, 0, 1, out=out)
