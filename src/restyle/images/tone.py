"""Brightness and contrast, as people know them from other programs."""

from __future__ import annotations

import numpy as np

from restyle.errors import OptionError
from restyle.types import FloatArray

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def adjust_brightness(array: FloatArray, factor: float) -> FloatArray:
    """Multiply every value by ``factor``; 1 changes nothing, 0 gives black.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    factor : float, 0 or more
    """
    _check("brightness", factor)
    out: FloatArray = np.clip(array * np.float32(factor), 0, 1)
    return out


def adjust_contrast(array: FloatArray, factor: float) -> FloatArray:
    """Move every value away from the mean luma by ``factor``; 1 changes nothing, 0 gives flat grey.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    factor : float, 0 or more
    """
    _check("contrast", factor)
    mean = np.float32((array @ LUMA).mean(dtype=np.float64))
    out: FloatArray = np.clip((array - mean) * np.float32(factor) + mean, 0, 1)
    return out


def _check(name: str, factor: float) -> None:
    if not 0 <= factor < float("inf"):
        raise OptionError(f"{name} {factor} is not a number from 0 up (1 changes nothing)")
