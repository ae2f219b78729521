"""Steady a painted film along the motion of its content: the extra `restyle[flow]`.

Strokes are painted anew in every frame, so those on moving things shimmer. Optical flow says where each pixel
was in the frame before; what was painted there is moved along and mixed in:

    M(t) = P(t) + a v (W M(t-1) - P(t)),    O(t) = M(t) made as sharp as P(t)

with P(t) the frame painted by itself, W the warp by the flow, v how far it can be trusted, and 1 - a the pull
to P(t), without which errors of the flow would add up. Strokes reach beyond what they belong to, and the
ground there would carry them off as echoes; so v falls, too, where M and P differ in large forms. Averaging
strokes that do not quite meet costs sharpness; what is shown gets it back, what is remembered does not, so
that sharpening never feeds on itself. Where nothing changes, W M(t-1) = P(t) and the difference is exactly 0,
so nothing drifts.

The flow is dense inverse search (Kroeger et al. 2016), there and back; pixels whose way there and back does
not lead home are hidden in one of the frames (Sundaram et al. 2010). Small errors of many frames add up, and
drag a thing that turns along its outline. So the content is moved along and mixed in just as strokes are, and
where it no longer looks like the frame that it should, what was painted is not believed either. Differs from
Ruder et al. 2016 and from Lai et al. 2018: nothing is trained or optimised for it, so it works with every
style and model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import MissingExtraError
from restyle.images.color import LUMA
from restyle.types import FloatArray

KEEP = 0.985  # a: part of the frame before that stays where the flow is trusted
FLOW_SIDE = 960  # px: motion of larger frames is found on a smaller copy
MAX_SHARPEN = 2.0
DETAIL = 1.2  # px, sigma: what a blur by it takes away is detail, and sharpened
_HOME_SHARE, _HOME_PX = 0.01, 0.5  # how far from home the way back may lead (squared; Sundaram et al. 2010)
_SMALLEST = 16  # px: the search needs room for its patches
_UNLIKE = 0.03  # mean difference of content and what was moved along, 0..1, at which nothing is believed
_GRAIN = 1.0  # px, sigma: what a blur by it takes away of that difference is noise
_NEAR = 1.5  # px, sigma of the mean
_CELLS = 80  # on the longer side: what is smaller is no large form
_OTHER = 0.12  # mean difference of large forms, 0..1, at which nothing of the frame before stays
_AROUND = 4.0  # px, sigma of the neighbourhood whose sharpness is compared
_LUMA = LUMA * 255


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the frame before.

    Parameters
    ----------
    back : np.ndarray [shape=(H, W, 2), float32, px]
        Columns, then rows, to add to a pixel's place.
    trust : np.ndarray [shape=(H, W), float32, range 0..1]
        0 where the pixel was hidden or is not found again.
    """

    back: FloatArray
    trust: FloatArray


class MotionFinder:
    """Finds, frame by frame, the motion since the frame before.

    Parameters
    ----------
    purpose : str
        What asks for it, for the message where OpenCV is missing.

    Raises
    ------
    MissingExtraError
        OpenCV is not installed.
    """

    def __init__(self, purpose: str = "--steady flow") -> None:
        self._cv = _opencv(purpose)
        self._dis = self._cv.DISOpticalFlow_create(self._cv.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.before: FloatArray | None = None
        self.carried: FloatArray | None = None  # content, moved along as strokes are

    def __call__(self, content: FloatArray, cut: bool = False) -> Motion | None:
        """Look at the next frame.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        cut : bool
            A new scene begins: what was has nothing to do with it.

        Returns
        -------
        Motion or None
            None for the first frame of a scene.
        """
        before, self.before = self.before, content
        if before is None or self.carried is None or cut or before.shape != content.shape:
            self.carried = content
            return None
        if np.array_equal(before, content):  # far cheaper, and exactly still
            return Motion(
                np.zeros((*content.shape[:2], 2), np.float32), np.ones(content.shape[:2], np.float32)
            )
        cv = self._cv
        one, two = self._grey(before), self._grey(content)
        back, there = self._dis.calc(two, one, None), self._dis.calc(one, two, None)
        returned = warp(there, back)
        home = _squared(back + returned)
        length = _squared(back) + _squared(returned)
        seen = (home <= _HOME_SHARE * length + _HOME_PX).astype(np.float32) * _inside(back)
        height, width = content.shape[:2]
        if min(height, width) < _SMALLEST:
            back, seen = back[:height, :width], seen[:height, :width]
        elif one.shape != (height, width):
            scale = np.array([width / one.shape[1], height / one.shape[0]], np.float32)
            back = cv.resize(back, (width, height), interpolation=cv.INTER_LINEAR) * scale
            seen = cv.resize(seen, (width, height), interpolation=cv.INTER_LINEAR)
        drift = warp(self.carried, back) - content
        unlike = _blur(_mean(np.abs(_blur(drift, _GRAIN))), _NEAR)
        trust = seen * np.clip(2 - 2 * unlike / np.float32(_UNLIKE), 0, 1)
        trust = np.asarray(trust * _blur(trust, 1.0), np.float32)
        self.carried = content + drift * (np.float32(KEEP) * trust)[..., None]
        return Motion(back, trust)

    def _grey(self, content: FloatArray) -> NDArray[np.uint8]:
        grey = np.asarray(content @ _LUMA + np.float32(0.5), np.uint8)
        factor = -(-max(grey.shape) // FLOW_SIDE)
        if factor > 1 and min(grey.shape) >= _SMALLEST:
            size = (max(_SMALLEST, grey.shape[1] // factor), max(_SMALLEST, grey.shape[0] // factor))
            grey = self._cv.resize(grey, size, interpolation=self._cv.INTER_AREA)
        grey = np.pad(grey, [(0, max(0, _SMALLEST - side)) for side in grey.shape], "edge")
        return np.ascontiguousarray(grey)


class FlowSteadier:
    """Mixes into each painted frame the one before, moved along.

    Examples
    --------
    >>> import numpy as np
    >>> steadier = FlowSteadier()
    >>> still = Motion(np.zeros((16, 16, 2), np.float32), np.ones((16, 16), np.float32))
    >>> _ = steadier(np.full((16, 16, 3), 0.50, np.float32), None)
    >>> round(float(steadier(np.full((16, 16, 3), 0.55, np.float32), still).mean()), 4)
    0.5015
    """

    def __init__(self) -> None:
        _opencv()
        self.last: FloatArray | None = None

    def __call__(self, painted: FloatArray, motion: Motion | None) -> FloatArray:
        """Steady the next frame.

        Parameters
        ----------
        painted : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        motion : Motion or None
            Since the frame before; None begins anew.

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        """
        if motion is None or self.last is None or self.last.shape != painted.shape:
            self.last = painted
            return painted
        change = warp(self.last, motion.back, fine=True) - painted
        change *= np.float32(KEEP) * (motion.trust * _alike(change))[..., None]
        self.last = np.clip(painted + change, 0, 1)
        return np.clip(_as_sharp(self.last, painted), 0, 1)


def warp(picture: FloatArray, back: FloatArray, fine: bool = False) -> FloatArray:
    """Move the frame before, [H, W] or [H, W, C], to where its pixels are now.

    Parameters
    ----------
    back : np.ndarray [shape=(H, W, 2), float32, px]
    fine : bool
        Cubic interpolation, which keeps detail, in place of linear.
    """
    cv = _opencv()
    rows, columns = _grid(*back.shape[:2])
    how = cv.INTER_CUBIC if fine else cv.INTER_LINEAR
    moved: FloatArray = cv.remap(
        picture, columns + back[..., 0], rows + back[..., 1], how, borderMode=cv.BORDER_REPLICATE
    )
    return moved


def _as_sharp(mixed: FloatArray, painted: FloatArray) -> FloatArray:
    """Give a mixture the sharpness that averaging took: local energy of the Laplacian as in `painted`."""
    wanted, there = _energy(painted), _energy(mixed)
    tiny = np.float32(1e-6)
    gain = np.clip(np.sqrt((wanted + tiny) / (there + tiny)), 1, MAX_SHARPEN)
    return np.asarray(mixed + (gain - 1)[..., None] * (mixed - _blur(mixed, DETAIL)), np.float32)


def _alike(change: FloatArray) -> FloatArray:
    """How little two frames [H, W, 3] differ in large forms, [H, W], 0..1, from their difference."""
    cv = _opencv()
    height, width = change.shape[:2]
    scale = min(1.0, _CELLS / max(height, width))
    cells = (max(1, round(width * scale)), max(1, round(height * scale)))
    coarse = _mean(np.abs(_blur(cv.resize(change, cells, interpolation=cv.INTER_AREA), 1.0)))
    alike = np.clip(2 - 2 * coarse / np.float32(_OTHER), 0, 1)
    return np.asarray(cv.resize(alike, (width, height), interpolation=cv.INTER_LINEAR), np.float32)


def _energy(picture: FloatArray) -> FloatArray:
    cv = _opencv()
    edges = cv.Laplacian(picture, -1, borderType=cv.BORDER_REFLECT_101)
    return _blur(_mean(edges**2), _AROUND)


def _squared(vectors: FloatArray) -> FloatArray:
    """Squared lengths of [H, W, 2]; NumPy sums over a short last axis are many times as slow."""
    return np.asarray(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)


def _mean(picture: FloatArray) -> FloatArray:
    """Mean over the channels of [H, W, 3]."""
    mean: FloatArray = _opencv().transform(picture, np.full((1, 3), 1 / 3, np.float32))
    return mean


def _inside(back: FloatArray) -> NDArray[np.bool_]:
    height, width = back.shape[:2]
    rows, columns = _grid(height, width)
    rows, columns = rows + back[..., 1], columns + back[..., 0]
    return np.asarray((columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1))


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Row and column of every pixel; never written to."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows, columns


def _blur(picture: FloatArray, sigma: float) -> FloatArray:
    blurred: FloatArray = _opencv().GaussianBlur(picture, (0, 0), sigma)
    return blurred


def _opencv(purpose: str = "--steady flow") -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError(purpose, "flow") from error
    return cv2
