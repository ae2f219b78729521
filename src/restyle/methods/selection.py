"""Masks of what is found in a photo, without a network: the sky, or what stands out in a rectangle.

The sky: in each column, what lies above the first strong edge is a candidate. Of all thresholds, the one that
leaves the colors of both parts most uniform wins. Then pixels of the colors of the sky that touch it are
added (Shen and Wang 2013, "Sky Region Detection in a Single Image for Autonomous Ground Robot Navigation";
differs: works in OKLab, grows over the sky's colors, and tells when there is no sky).

A rectangle: GrabCut (Rother et al. 2004, "GrabCut: Interactive Foreground Extraction using Iterated Graph
Cuts"; extra `flow`, which brings OpenCV).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.errors import InputError, OptionError, require
from restyle.images.color import rgb_to_oklab
from restyle.images.resize import fit_size, resize
from restyle.methods.photo.field import Guide
from restyle.types import FloatArray, from_unit

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SKY = "sky"
_SKY_SIDE = 320  # px, longest side of the copy that is searched
_THRESHOLDS = np.geomspace(0.01, 0.5, 24)  # of the gradient in OKLab
_SHARE = (0.04, 0.97)  # of the photo
_TEXTURE = 0.025  # mean gradient above which something is no sky
_COLORFUL = 0.04  # chroma from which hue counts
_PALE = 0.75  # lightness above which leaves are no explanation
_LEAVES, _BLUE = (135.0, 30.0), (-100.0, 50.0)  # hues in degrees: middle and half width
_DARKER = 0.05  # how much darker than the rest a sky may be that is not blue
_WEIGHT = 2.0  # of the spread of the sky's colors against that of the rest
_NEAR = 7.0  # squared Mahalanobis distance up to which a color is the sky's
_MOST_GROWTH = 3.0

BOX = "box:"
_BOX_SIDE = 480  # px, longest side of the copy that is cut
_ROUNDS = 6

_RADIUS, _RIDGE = 4, 1e-4  # of the filter that moves the edges of a mask to those of the photo


def find_sky(photo: FloatArray) -> FloatArray:
    """Return a soft mask of the sky [shape=(H, W), float32, range 0..1].

    InputError if the photo [shape=(H, W, 3), float32, range 0..1, RGB] shows no sky, or none that is smooth
    and reaches the upper border.
    """
    small = resize(photo, fit_size(photo.shape[:2], most=_SKY_SIDE), "area")
    lab = rgb_to_oklab(small.astype(np.float64))
    down, across = np.gradient(lab, axis=(0, 1)) if min(small.shape[:2]) > 1 else (lab * 0, lab * 0)
    gradient = np.sqrt((down**2 + across**2).sum(axis=-1))
    sky = _above_edges(lab, gradient)
    grown = None if sky is None else _grow(lab, sky)
    if grown is None or not _is_sky(lab, grown, gradient[grown]):
        raise InputError("no sky was found in the photo; give region 'sky' a mask instead")
    return _on_edges(grown.astype(np.float32), small, photo.shape[:2])


def _above_edges(lab: Values, gradient: Values) -> Mask | None:
    """Pixels above the first edge of each column, at the threshold that leaves both parts most uniform."""
    rows = np.arange(len(lab))[:, None]
    best: tuple[float, Mask] | None = None
    for threshold in _THRESHOLDS:
        edges = gradient > threshold
        above = rows < np.where(edges.any(axis=0), edges.argmax(axis=0), len(lab))
        if _SHARE[0] < above.mean() < _SHARE[1]:
            spread = _WEIGHT * _spread(lab[above]) + _spread(lab[~above])
            if best is None or spread < best[0]:
                best = spread, above
    return None if best is None else best[1]


def _spread(colors: Values) -> float:
    values = np.linalg.eigvalsh(np.cov(colors.T) + 1e-8 * np.eye(3))
    return float(np.prod(values) ** (1 / 3) + values[-1])


def _is_sky(lab: Values, sky: Mask, gradient: Values) -> bool:
    """Tell a sky from a wall, leaves or asphalt by texture, hue and lightness."""
    light, a, b = lab[sky].mean(axis=0)
    hue, colorful = np.degrees(np.arctan2(b, a)), np.hypot(a, b) > _COLORFUL

    def near(hues: tuple[float, float]) -> bool:
        return bool(colorful and abs(hue - hues[0]) < hues[1])

    bright = light > lab[~sky][:, 0].mean() - _DARKER
    return (
        float(gradient.mean()) < _TEXTURE
        and not (near(_LEAVES) and light < _PALE)
        and (bright or near(_BLUE))
    )


def _grow(lab: Values, sky: Mask) -> Mask | None:
    """Add pixels of the sky's colors that touch it; None if they are most of the result."""
    mean = lab[sky].mean(axis=0)
    precision = np.linalg.inv(np.cov(lab[sky].T) + 4e-4 * np.eye(3))
    apart = lab - mean
    near = np.einsum("hwc,cd,hwd->hw", apart, precision, apart) < _NEAR
    grown, size = sky, -1
    while size < int(grown.sum()):
        size = int(grown.sum())
        wide = grown.copy()
        wide[1:] |= grown[:-1]
        wide[:-1] |= grown[1:]
        wide[:, 1:] |= grown[:, :-1]
        wide[:, :-1] |= grown[:, 1:]
        grown = grown | (wide & near)
    return grown if size < _MOST_GROWTH * sky.sum() else None


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in a photo, in pixels, or in parts of its size, 0..1."""

    left: float
    top: float
    width: float
    height: float
    parts: bool

    def scaled(self, photo: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in a copy of size (height, width), cut off at its border.

        InputError if the rectangle covers nothing of the photo of (height, width), or all of it.
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
    """Parse `box:LEFT,TOP,WIDTH,HEIGHT`, in pixels or, all four, in percent; OptionError if it is not that.

    Examples
    --------
    >>> parse_rectangle("box:10%,20%,50%,60%")
    Rectangle(left=0.1, top=0.2, width=0.5, height=0.6, parts=True)
    """
    number = r"(\d+(?:\.\d+)?)"
    for unit, factor in (("", 1), ("%", 100)):
        found = re.fullmatch(BOX + ",".join([number + unit] * 4), text)
        if found:
            left, top, width, height = (float(each) / factor for each in found.groups())
            if width > 0 and height > 0:
                return Rectangle(left, top, width, height, factor == 100)
    raise OptionError(
        f"'{text}' is not box:LEFT,TOP,WIDTH,HEIGHT, in pixels or all in percent (box:10%,20%,50%,60%)"
    )


def cut_out(photo: FloatArray, rectangle: Rectangle) -> FloatArray:
    """Return a soft mask of what a rectangle encloses [shape=(H, W), float32, range 0..1].

    Raises
    ------
    MissingExtraError
        OpenCV is not installed.
    InputError
        The rectangle covers nothing, or everything, or nothing in it stands out.
    """
    require("a region by box", "flow", "cv2")
    import cv2

    full = photo.shape[:2]
    small = resize(photo, fit_size(full, most=_BOX_SIDE), "area")
    left, top, right, bottom = rectangle.scaled(full, small.shape[:2])
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
    return _on_edges(inside, small, full)


def _on_edges(mask: FloatArray, photo: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Resize the mask of a reduced photo to (height, width), with its edges on those of the photo."""
    fine = Guide(photo, _RADIUS).smooth(mask[..., None], _RIDGE)[..., 0]
    return np.clip(resize(np.clip(2 * fine - 0.5, 0, 1), size, "bilinear"), 0, 1)
