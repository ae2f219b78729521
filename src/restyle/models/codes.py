"""Arithmetic of style codes, and of pictures that a network made from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from restyle.errors import OptionError, StyleError
from restyle.types import FloatArray

STYLE_SCALES = (0.25, 4.0)
# Stroke sizes at which a saved style stores its code too, so that it need not be encoded again.
SAVED_SCALES = (0.25, 0.5, 2.0, 4.0)
_ROWS = 256  # mixed at a time, to keep temporaries small


def check_scale(scale: float) -> float:
    """Return `scale`, or raise OptionError if it is outside 0.25..4."""
    low, high = STYLE_SCALES
    if not low <= scale <= high:
        raise OptionError(f"style scale {scale:g} is outside {low:g}..{high:g}")
    return scale


def normalize_weights(weights: Sequence[float]) -> FloatArray:
    """Scale weights to a sum of 1, as float32 [N].

    Raises
    ------
    StyleError
        A weight is negative or not finite, or none is positive.
    """
    for weight in weights:
        if not 0 <= weight < float("inf"):
            raise StyleError(f"weight {weight:g} is not a number from 0 up")
    total = sum(weights)
    if not total > 0:
        raise StyleError("no style has a weight above 0; give at least one of them a positive weight")
    return np.asarray([weight / total for weight in weights], np.float32)


def mix_codes(codes: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Average style codes [K] in proportion to their weights."""
    return np.asarray(normalize_weights(weights) @ np.stack(codes), np.float32)


def interpolate_code(own: FloatArray, code: FloatArray, strength: float) -> FloatArray:
    """Interpolate from the content's own code [K] (strength 0) to the style's (strength 1)."""
    return np.asarray(own + np.float32(strength) * (code - own), np.float32)


def restore_content(styled: FloatArray, content: FloatArray, own: FloatArray, strength: float) -> FloatArray:
    """Add what the transformer loses of the content, in proportion to 1 - strength.

    Parameters
    ----------
    styled : np.ndarray [shape=(H, W, 3), float32]
        T(C, own + s (code - own)); overwritten.
    content : np.ndarray [shape=(H, W, 3), float32]
    own : np.ndarray [shape=(H, W, 3), float32]
        T(C, own), the content in its own style.
    strength : float, 0..1

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1]
        The memory of `styled`.
    """
    for top in range(0, len(styled), _ROWS):
        rows = slice(top, top + _ROWS)
        styled[rows] += np.float32(1 - strength) * (content[rows] - own[rows])
    return np.clip(styled, 0, 1, out=styled)
