"""Cut a rectangle out of a picture: by size, by aspect, or by fraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy.typing as npt

from restyle.errors import OptionError

ArrayT = TypeVar("ArrayT", bound=npt.NDArray[Any])


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, from its top left corner."""

    top: int
    left: int
    height: int
    width: int


def size_box(size: tuple[int, int], wanted: tuple[int, int]) -> Box:
    """Return the centred box of the wanted size.

    Parameters
    ----------
    size, wanted : (height, width)
        In pixels.

    Raises
    ------
    OptionError
        The picture is smaller than the box.
    """
    if wanted[0] < 1 or wanted[1] < 1:
        raise OptionError(f"crop {wanted[1]} x {wanted[0]} is less than 1 pixel")
    if wanted[0] > size[0] or wanted[1] > size[1]:
        raise OptionError(f"crop {wanted[1]} x {wanted[0]} is larger than the picture, {size[1]} x {size[0]}")
    return Box((size[0] - wanted[0]) // 2, (size[1] - wanted[1]) // 2, wanted[0], wanted[1])


def aspect_box(size: tuple[int, int], aspect: float) -> Box:
    """Return the largest centred box with the given aspect (width / height)."""
    if not 0 < aspect < float("inf"):
        raise OptionError(f"aspect {aspect} is not a positive number")
    height, width = size
    if width > height * aspect:
        return size_box(size, (height, max(1, round(height * aspect))))
    return size_box(size, (min(height, max(1, round(width / aspect))), width))


def fraction_box(size: tuple[int, int], fraction: float) -> Box:
    """Return the centred box that keeps ``fraction`` (0 < fraction <= 1) of each side."""
    if not 0 < fraction <= 1:
        raise OptionError(f"crop fraction {fraction} is outside 0..1")
    return size_box(size, (max(1, round(size[0] * fraction)), max(1, round(size[1] * fraction))))


def crop(array: ArrayT, box: Box) -> ArrayT:
    """Cut ``box`` out of an array.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W, ...)]

    Returns
    -------
    np.ndarray [shape=(box.height, box.width, ...)]
        A view, or the array itself if the box is all of it.
    """
    if box == Box(0, 0, *array.shape[:2]):
        return array
    return array[box.top : box.top + box.height, box.left : box.left + box.width]  # type: ignore[return-value]
