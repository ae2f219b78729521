"""Mixing style codes, and style strength.

With T(C, code) the transformer, own the code of the content C, and s the strength,

    out = T(C, own + s (code - own)) + (1 - s) (C - T(C, own))

so that s = 0 gives exactly C and s = 1 gives T(C, code). The second term restores what the transformer cannot
reproduce of a photo. Differs from AdaIN (Huang and Belongie 2017), which interpolates features, so that the
losses of its decoder remain at strength 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from restyle.errors import StyleError
from restyle.types import FloatArray

_BAND = 256  # rows processed at a time, to keep temporaries small


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
    for top in range(0, len(styled), _BAND):
        rows = slice(top, top + _BAND)
        styled[rows] += np.float32(1 - strength) * (content[rows] - own[rows])
    return np.clip(styled, 0, 1, out=styled)
