"""Arithmetic on style codes and results: mixtures of styles, and strength.

With T(C, code) the transformer, own the code of the content C itself, and s the strength,

    out = T(C, own + s (code - own)) + (1 - s) (C - T(C, own))

so that s = 0 gives C exactly, s = 1 gives T(C, code), and what the transformer cannot reproduce of a photo
is given back in the measure that the style is taken away. Differs from AdaIN (Huang and Belongie 2017),
which interpolates features and keeps its decoder's losses at strength 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from restyle.errors import StyleError
from restyle.types import FloatArray

_BAND = 256  # rows handled at a time, so that temporaries stay small beside a large picture


def convex(weights: Sequence[float]) -> FloatArray:
    """Scale weights so that they sum to 1.

    Parameters
    ----------
    weights : sequence of float
        At least one above 0, none below, all finite.

    Returns
    -------
    np.ndarray [shape=(N,), float32]

    Raises
    ------
    StyleError
        The weights make no mixture.
    """
    for weight in weights:
        if not 0 <= weight < float("inf"):
            raise StyleError(f"weight {weight:g} is not a number from 0 up")
    total = sum(weights)
    if not total > 0:
        raise StyleError("no style has a weight above 0; give at least one of them a positive weight")
    return np.asarray([weight / total for weight in weights], np.float32)


def mix(codes: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Mix style codes in proportion to their weights.

    Parameters
    ----------
    codes : sequence of np.ndarray [shape=(K,), float32]
    weights : sequence of float
        One a code; only their proportions count.

    Returns
    -------
    np.ndarray [shape=(K,), float32]
    """
    return np.asarray(convex(weights) @ np.stack(codes), np.float32)


def toward(own: FloatArray, code: FloatArray, strength: float) -> FloatArray:
    """Go from the content's own code (strength 0) to the style's (strength 1).

    Parameters
    ----------
    own, code : np.ndarray [shape=(K,), float32]
    strength : float, 0..1

    Returns
    -------
    np.ndarray [shape=(K,), float32]
    """
    return np.asarray(own + np.float32(strength) * (code - own), np.float32)


def give_back(styled: FloatArray, content: FloatArray, own: FloatArray, strength: float) -> FloatArray:
    """Add to a result what the transformer loses of the content, as far as the style is taken away.

    Parameters
    ----------
    styled : np.ndarray [shape=(H, W, 3), float32]
        T(C, own + s (code - own)); overwritten.
    content : np.ndarray [shape=(H, W, 3), float32]
    own : np.ndarray [shape=(H, W, 3), float32]
        T(C, own), the content through the transformer in its own style.
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
