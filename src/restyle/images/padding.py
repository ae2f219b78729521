"""Pad a picture by reflection to the stride of a network, and cut the padding off again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restyle.errors import OptionError
from restyle.types import FloatArray


@dataclass(frozen=True)
class Padding:
    """What :func:`pad` added, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    def scaled(self, factor: int) -> Padding:
        """Return the padding of a picture that is ``factor`` times larger."""
        return Padding(self.top * factor, self.bottom * factor, self.left * factor, self.right * factor)


def pad(
    array: FloatArray, multiple: int = 8, *, margin: int = 0, minimum: int = 1
) -> tuple[FloatArray, Padding]:
    """Pad by reflection until both sides are multiples of ``multiple``.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W) or (H, W, C)]
    multiple : int
    margin : int
        Least padding on every side, in pixels. It may be larger than the picture, which is then reflected
        again and again.
    minimum : int
        Least height and width of the result, in pixels.

    Returns
    -------
    padded : np.ndarray [shape=(H', W') or (H', W', C)]
    padding : Padding
        For :func:`unpad`.
    """
    if multiple < 1 or margin < 0 or minimum < 1:
        raise OptionError(
            f"cannot pad to a multiple of {multiple} with margin {margin} and minimum {minimum}"
        )
    rows, columns = (_sides(side, multiple, margin, minimum) for side in array.shape[:2])
    padding = Padding(*rows, *columns)
    padded = np.take(array, _reflection(array.shape[0], *rows), axis=0)
    padded = np.take(padded, _reflection(array.shape[1], *columns), axis=1)
    return padded, padding


def unpad(array: FloatArray, padding: Padding) -> FloatArray:
    """Cut off what :func:`pad` added; gives a view."""
    height, width = array.shape[:2]
    return array[padding.top : height - padding.bottom, padding.left : width - padding.right]


def _sides(side: int, multiple: int, margin: int, minimum: int) -> tuple[int, int]:
    wanted = max(side + 2 * margin, minimum)
    extra = -(-wanted // multiple) * multiple - side
    return extra // 2, extra - extra // 2


def _reflection(side: int, before: int, after: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the source index of each padded row: 2 1 | 0 1 2 | 1 0."""
    period = max(1, 2 * (side - 1))
    index = np.arange(-before, side + after) % period
    return np.minimum(index, period - index) if side > 1 else np.zeros_like(index)
