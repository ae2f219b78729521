"""A mask of what a rectangle encloses, by GrabCut (extra `flow`, which brings OpenCV).

Reference: Rother et al. 2004, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from restyle.errors import InputError, OptionError, require
from restyle.images.resize import fit_size, resize
from restyle.methods.photo.field import Guide
from restyle.types import FloatArray, from_unit

PREFIX = "box:"
_SIDE = 480  # px, longest side of the copy that is cut
_ROUNDS = 6
_RADIUS, _RIDGE = 4, 1e-4  # of the filter that moves the edges of the cut to those of the photo


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in a photo, in pixels, or in parts of its size.

    Parameters
    ----------
    left, top, width, height : float
    parts : bool
        Whether the four are parts, 0..1.
    """

    left: float
    top: float
    width: float
    height: float
    parts: bool

    def scaled(self, photo: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in a copy of size (height, width), cut off at its border.

        Raises
        ------
        InputError
            The rectangle covers nothing of the photo of (height, width), or all of it.
        """
        rows, columns = (1.0, 1.0) if self.parts else photo
        across, down = size[1] / columns, size[0] / rows
        left, right = (round(each * across) for each in (self.left, self.left + self.width))
        top, bottom = (round(each * down) for each in (self.top, self.top + self.height))
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[1]), min(bottom, size[0])
        if right - left < 2 or bottom - top < 2:
            raise InputError(f"the box covers nothing of the photo of {photo[1]} x {photo[0]} px")
        if right - left >= size[1] and bottom - top >= size[0]:
            raise InputError("the box covers the whole photo; leave some of the background outside")
        return left, top, right, bottom


def parse_rectangle(text: str) -> Rectangle:
    """Parse `box:LEFT,TOP,WIDTH,HEIGHT`, in pixels or, all four, in percent.

    Raises
    ------
    OptionError
        It is no such text.

    Examples
    --------
    >>> parse_rectangle("box:10%,20%,50%,60%")
    Rectangle(left=0.1, top=0.2, width=0.5, height=0.6, parts=True)
    """
    number = r"(\d+(?:\.\d+)?)"
    for unit, factor in (("", 1), ("%", 100)):
        found = re.fullmatch(PREFIX + ",".join([number + unit] * 4), text)
        if found:
            left, top, width, height = (float(each) / factor for each in found.groups())
            if width > 0 and height > 0:
                return Rectangle(left, top, width, height, factor == 100)
    raise OptionError(
        f"'{text}' is not box:LEFT,TOP,WIDTH,HEIGHT, in pixels or all in percent (box:10%,20%,50%,60%)"
    )


def cut_out(photo: FloatArray, rectangle: Rectangle) -> FloatArray:
    """Return a soft mask of what a rectangle encloses.

    Parameters
    ----------
    photo : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    rectangle : Rectangle

    Returns
    -------
    np.ndarray [shape=(H, W), float32, range 0..1]

    Raises
    ------
    MissingExtraError
        OpenCV is not installed.
    InputError
        The rectangle covers nothing, or everything, or nothing in it stands out.
    """
    require("a region by box", "flow", "cv2")
    import cv2

    full = (photo.shape[0], photo.shape[1])
    small = resize(photo, fit_size(full, most=_SIDE), "area")
    left, top, right, bottom = rectangle.scaled(full, (small.shape[0], small.shape[1]))
    labels = np.zeros(small.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    colors = np.ascontiguousarray(from_unit(small, np.uint8)[..., ::-1])
    cv2.setRNGSeed(0)  # the mixtures of colors start at random
    cv2.grabCut(
        colors, labels, (left, top, right - left, bottom - top), *models, _ROUNDS, cv2.GC_INIT_WITH_RECT
    )
    inside = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    if inside.sum() < 4:
        raise InputError("nothing in the box stands out from the rest of the photo; draw a mask instead")
    fine = Guide(small, _RADIUS).smooth(inside[..., None], _RIDGE)[..., 0]
    return np.clip(resize(np.clip(2 * fine - 0.5, 0, 1), full, "bilinear"), 0, 1)
