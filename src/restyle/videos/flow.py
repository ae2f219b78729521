"""Optical flow of a video, and `--steady flow`: carry strokes along with the motion of the content.

Strokes that are computed for every frame alone flicker on moving objects. Here the previous result is warped
by the optical flow of the content and mixed in:

    M(t) = P(t) + a v (W M(t-1) - P(t)),    O(t) = sharpen(M(t)) to the sharpness of P(t)

P(t) is the frame stylized alone, W the warp, v the confidence of the flow, and 1 - a a pull to P(t) that
keeps errors of the flow from accumulating. Strokes reach beyond the edges of objects, where the background
would drag them along as echoes; so v also falls where M and P differ in coarse structure. Averaging
misaligned strokes costs sharpness; the output is sharpened, the memory M is not, so that sharpening never
feeds on itself. In a static scene W M(t-1) = P(t), the difference is exactly 0, and nothing drifts.

The flow is dense inverse search (Kroeger et al. 2016) in both directions. A pixel that fails the
forward-backward consistency check is occluded in one of the frames (Sundaram et al. 2010). Because small
errors add up over many frames and would drag a rotating object along its outline, the content is warped and
mixed in the same way; where it no longer resembles the actual frame, v is 0. Differs from Ruder et al. 2016
and Lai et al. 2018: nothing is trained or optimized, so it works with every style and model.

Flow arrays are [H, W, 2] with (x, y) in the last axis, as in OpenCV, and lead from a frame back to the
previous one. `evaluate.flow` has [2, H, W] with (row, column), leading forward.
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

KEEP = 0.985  # a: weight of the previous result where the flow is reliable
FLOW_SIDE = 960  # px; the flow of larger frames is computed on a smaller copy
MAX_SHARPEN = 2.0  # gain of details
DETAIL = 1.2  # px, sigma of the blur whose residual counts as detail
_CONSISTENT_SHARE, _CONSISTENT_PX = (
    0.01,
    0.5,
)  # limits of the squared forward-backward error (Sundaram et al.)
_SMALLEST = 16  # px; the search needs room for its patches
_UNLIKE = 0.03  # mean difference of content and warped content, 0..1, at which the confidence is 0
_GRAIN = 1.0  # px, sigma of the blur that removes noise from that difference
_NEAR = 1.5  # px, sigma of the mean
_CELLS = 80  # longest side of the copy that holds coarse structure
_OTHER = 0.12  # mean difference in coarse structure, 0..1, at which the previous result is not used
_AROUND = 4.0  # px, sigma of the neighborhood whose sharpness is compared
_LUMA = LUMA * 255


@dataclass(frozen=True)
class Motion:
    """Motion of each pixel since the previous frame.

    back : [shape=(H, W, 2), float32, px], (x, y) offset to the position in the previous frame
    trust : [shape=(H, W), float32, 0..1], confidence; 0 where the pixel was occluded or has no match
    """

    back: FloatArray
    trust: FloatArray


class MotionFinder:
    """Computes the motion between consecutive frames.

    `purpose` is the option that needs it, for the MissingExtraError that is raised without OpenCV.
    """

    def __init__(self, purpose: str = "--steady flow") -> None:
        self._cv = _opencv(purpose)
        self._dis = self._cv.DISOpticalFlow_create(self._cv.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.before: FloatArray | None = None
        self.carried: FloatArray | None = None  # content that is warped and mixed as strokes are

    def __call__(self, content: FloatArray, cut: bool = False) -> Motion | None:
        """Return the motion of the next frame [H, W, 3], float32 in 0..1; None for the first one of a scene.

        `cut` starts a new scene.
        """
        before, self.before = self.before, content
        if before is None or self.carried is None or cut or before.shape != content.shape:
            self.carried = content
            return None
        if np.array_equal(before, content):  # much faster, and exactly static
            return Motion(
                np.zeros((*content.shape[:2], 2), np.float32), np.ones(content.shape[:2], np.float32)
            )
        cv = self._cv
        one, two = self._gray(before), self._gray(content)
        back, forward = self._dis.calc(two, one, None), self._dis.calc(one, two, None)
        returned = warp(forward, back)
        error = _squared(back + returned)
        length = _squared(back) + _squared(returned)
        visible = (error <= _CONSISTENT_SHARE * length + _CONSISTENT_PX).astype(np.float32) * _inside(back)
        height, width = content.shape[:2]
        if min(height, width) < _SMALLEST:
            back, visible = back[:height, :width], visible[:height, :width]
        elif one.shape != (height, width):
            scale = np.array([width / one.shape[1], height / one.shape[0]], np.float32)
            back = cv.resize(back, (width, height), interpolation=cv.INTER_LINEAR) * scale
            visible = cv.resize(visible, (width, height), interpolation=cv.INTER_LINEAR)
        drift = warp(self.carried, back) - content
        unlike = _blur(_mean(np.abs(_blur(drift, _GRAIN))), _NEAR)
        trust = visible * np.clip(2 - 2 * unlike / np.float32(_UNLIKE), 0, 1)
        trust = np.asarray(trust * _blur(trust, 1.0), np.float32)
        self.carried = content + drift * (np.float32(KEEP) * trust)[..., None]
        return Motion(back, trust)

    def _gray(self, content: FloatArray) -> NDArray[np.uint8]:
        gray = np.asarray(content @ _LUMA + np.float32(0.5), np.uint8)
        factor = -(-max(gray.shape) // FLOW_SIDE)
        if factor > 1 and min(gray.shape) >= _SMALLEST:
            size = (max(_SMALLEST, gray.shape[1] // factor), max(_SMALLEST, gray.shape[0] // factor))
            gray = self._cv.resize(gray, size, interpolation=self._cv.INTER_AREA)
        gray = np.pad(gray, [(0, max(0, _SMALLEST - side)) for side in gray.shape], "edge")
        return np.ascontiguousarray(gray)


class FlowSteadier:
    """Mixes the previous result, warped, into each stylized frame.

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
        """Return the next frame [H, W, 3], float32 in 0..1, mixed with the previous result.

        Without `motion` a new scene begins.
        """
        if motion is None or self.last is None or self.last.shape != painted.shape:
            self.last = painted
            return painted
        change = warp(self.last, motion.back, cubic=True) - painted
        change *= np.float32(KEEP) * (motion.trust * _alike(change))[..., None]
        self.last = np.clip(painted + change, 0, 1)
        return np.clip(_as_sharp(self.last, painted), 0, 1)


def warp(picture: FloatArray, back: FloatArray, cubic: bool = False) -> FloatArray:
    """Warp the previous frame, [H, W] or [H, W, C], by `Motion.back`; `cubic` keeps more detail."""
    cv = _opencv()
    rows, columns = _grid(*back.shape[:2])
    how = cv.INTER_CUBIC if cubic else cv.INTER_LINEAR
    moved: FloatArray = cv.remap(
        picture, columns + back[..., 0], rows + back[..., 1], how, borderMode=cv.BORDER_REPLICATE
    )
    return moved


def _as_sharp(mixed: FloatArray, painted: FloatArray) -> FloatArray:
    """Sharpen a mixture to the local energy of the Laplacian of `painted`."""
    tiny = np.float32(1e-6)
    gain = np.clip(np.sqrt((_energy(painted) + tiny) / (_energy(mixed) + tiny)), 1, MAX_SHARPEN)
    return np.asarray(mixed + (gain - 1)[..., None] * (mixed - _blur(mixed, DETAIL)), np.float32)


def _alike(change: FloatArray) -> FloatArray:
    """Return the similarity in coarse structure, [H, W] in 0..1, of two frames with this difference."""
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
    """Return the squared lengths of [H, W, 2]; a NumPy sum over a short last axis is many times slower."""
    return np.asarray(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)


def _mean(picture: FloatArray) -> FloatArray:
    """Return the mean over the channels of [H, W, 3]."""
    mean: FloatArray = _opencv().transform(picture, np.full((1, 3), 1 / 3, np.float32))
    return mean


def _inside(back: FloatArray) -> NDArray[np.bool_]:
    height, width = back.shape[:2]
    rows, columns = _grid(height, width)
    rows, columns = rows + back[..., 1], columns + back[..., 0]
    return np.asarray((columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1))


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Return the row and the column of every pixel; do not modify them."""
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
