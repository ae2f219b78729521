"""Optical flow of a video, and `--steady flow`: carry strokes along with the motion of the content.

Strokes that are computed for every frame alone flicker on moving objects. Here the previous result is warped
by the optical flow of the content, limited, and mixed in:

    H(t) = clip(W O(t-1), m - g s, m + g s),    M(t) = P(t) + a v (H(t) - P(t)),    O(t) = sharpen(M(t))

P(t) is the frame stylized alone, W the warp, v the confidence of the flow, m and s the mean and deviation of
P(t) in a small window. The limit removes what the frame itself would not show: without it, strokes that the
flow drags over flat ground add up to trails. It is the variance clipping of temporal antialiasing (Karis
2014, "High Quality Temporal Supersampling"; Salvi 2016, "An Excursion in Temporal Supersampling"). 1 - a is a
pull to P(t) that keeps errors of the flow from accumulating. v also falls where H and P differ in coarse
structure, so that the background does not drag along strokes that reach beyond the edges of objects.
Averaging misaligned strokes costs sharpness, so M is sharpened, or softened, to the local sharpness of P. In
a static scene W O(t-1) = P(t), the difference is exactly 0, and nothing drifts.

The flow is dense inverse search (Kroeger et al. 2016) in both directions. A pixel that fails the
forward-backward consistency check is occluded in one of the frames (Sundaram et al. 2010). Because small
errors add up over many frames and would drag a rotating object along its outline, the content is warped and
mixed in the same way; where it no longer resembles the actual frame, v is 0. Where it does, but the flow is
not consistent (spray, grass, snow), v is a little below 1: a wrong match that looks the same is steadier than
a new painting. Differs from Ruder et al. 2016 and Lai et al. 2018: nothing is trained or optimized, so it
works with every style and model.

Flow arrays are [H, W, 2] with (x, y) in the last axis, as in OpenCV, and lead from a frame back to the
previous one. `evaluate.videos` has [2, H, W] with (row, column), leading forward.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import MissingExtraError
from restyle.images.statistics import LUMA
from restyle.types import FloatArray

KEEP = 0.985  # a: weight of the previous result where the flow is reliable
LIKELY = 0.9  # the most confidence where the flow is not consistent
SPREAD = 1.2  # g: deviations from the mean of the new painting that the previous result may keep
FLOW_SIDE = 400  # px; the flow of larger frames is computed on a smaller copy
SHARPEN = (0.5, 2.0)  # least and most gain of details
DETAIL = 1.6  # px, sigma of the blur whose residual counts as detail
# Limits of the squared forward-backward error, as a share of the squared length and in px.
_CONSISTENT = (0.01, 0.5)  # for `Motion.trust` (Sundaram et al.)
_NEARLY = (0.05, 4.0)  # for `Motion.likely`
_BORDER = 0.05  # px that a flow may lead out of the frame, which is then continued
_SMALLEST = 16  # px; the search needs room for its patches
_STRETCHED = (0.3, 0.6)  # share of its own area that a pixel takes from the first frame: not used, used
_BROAD, _OTHER_COLOR = 2.0, 0.16  # px, sigma of broad colors, and the difference at which they are others
_UNLIKE = 0.03  # mean difference of content and warped content, 0..1, at which `Motion.trust` is 0
_OTHER_CONTENT = 0.2  # the same for `Motion.likely`
_WINDOW = (5, 5)  # px at half the size, in which mean and deviation of a painting are measured
_LEVEL = 0.5 / 255  # added to that deviation
_GRAIN = 1.0  # px, sigma of the blur that removes noise from that difference
_NEAR = 1.5  # px, sigma of the mean
_CELLS = 80  # longest side of the copy that holds coarse structure
_OTHER = 0.12  # mean difference in coarse structure, 0..1, at which the previous result is not used
_AROUND = 4.0  # px, sigma of the neighborhood whose sharpness is compared
_CELL = 4  # px, side of the cells in which it is measured
_LUMA = LUMA * 255


@dataclass(frozen=True)
class Motion:
    """Motion of each pixel since the previous frame."""

    back: FloatArray  # [H, W, 2], (x, y) offset in px to the position in the previous frame
    trust: FloatArray  # [H, W], confidence 0..1; 0 where the pixel was occluded or has no match
    likely: FloatArray  # the same with wider limits
    # The flows that were found, at the size of the search: from this frame back, and forward to it.
    searched: tuple[FloatArray, FloatArray] | None = field(default=None, repr=False)

    def reverse(self, before: FloatArray, content: FloatArray) -> Motion:
        """Return the motion of the previous frame since this one; both [H, W, 3]."""
        if self.searched is None:
            return self
        return _checked(self.searched[1], self.searched[0], content, before)[0]

    @cached_property
    def weight(self) -> FloatArray:
        """Weight of the previous result, [H, W]."""
        return np.asarray(np.maximum(self.trust, np.float32(LIKELY) * self.likely) * np.float32(KEEP))


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
            return _still(content)
        one, two = _gray(before), _gray(content)
        back, forward = self._dis.calc(two, one, None), self._dis.calc(one, two, None)
        motion, drift = _checked(back, forward, self.carried, content)
        self.carried = content + drift * motion.weight[..., None]
        return motion


class Track:
    """Follows the content of a frame [H, W, 3] from neighbor to neighbor, in one direction of time.

    Motions are added up: paths are smoother in time than those of separate searches. A pixel keeps its
    confidence while the neighbors agree, it has the broad colors of the first frame and resembles it, and the
    motion has not stretched that. Behind a moving object each step is within its limits, but many of them
    pull the edge of the uncovered ground out to streaks.
    """

    def __init__(self, content: FloatArray) -> None:
        self.content, self._motion = content, _still(content)

    def __call__(self, content: FloatArray, step: Motion) -> Motion:
        """Return the motion since the first frame, of a frame with this motion since the last one."""
        last = self._motion
        back = step.back + warp(last.back, step.back)
        drift = warp(self.content, back) - content
        like, nearly = _likeness(drift)
        known = _inside(back, 0.5) * _unstretched(back) * _same_colors(drift)
        like, nearly = like * known, nearly * known
        self._motion = Motion(
            back,
            like * step.trust * warp(last.trust, step.back),
            nearly * step.likely * warp(last.likely, step.back),
        )
        return self._motion


def _gray(content: FloatArray) -> NDArray[np.uint8]:
    """Return the luma of a frame at the size at which the flow is computed, 0..255."""
    luma = np.asarray(_opencv().transform(content, _LUMA[None]) + np.float32(0.5), np.uint8)
    factor = -(-max(luma.shape) // FLOW_SIDE)
    if factor > 1 and min(luma.shape) >= _SMALLEST:
        size = (max(_SMALLEST, luma.shape[1] // factor), max(_SMALLEST, luma.shape[0] // factor))
        luma = _reduced(luma, size)
    luma = np.pad(luma, [(0, max(0, _SMALLEST - side)) for side in luma.shape], "edge")
    return np.ascontiguousarray(luma)


def _still(content: FloatArray) -> Motion:
    sure = np.ones(content.shape[:2], np.float32)
    return Motion(np.zeros((*content.shape[:2], 2), np.float32), sure, sure)


def _checked(
    back: FloatArray, forward: FloatArray, earlier: FloatArray, content: FloatArray
) -> tuple[Motion, FloatArray]:
    """Compute the confidence of a flow; return the motion, and the warped earlier content less the actual."""
    searched = (back, forward)
    returned = warp(forward, back)
    error = _squared(back + returned)
    length = _squared(back) + _squared(returned)
    inside = _inside(back).astype(np.float32)
    visible, likely = ((error <= share * length + px) * inside for share, px in (_CONSISTENT, _NEARLY))
    size = (content.shape[0], content.shape[1])
    back, visible, likely = (_at_size(each, size) for each in (back, visible, likely))
    drift = warp(earlier, back) - content
    like, nearly = _likeness(drift)
    trust, likely = (
        np.asarray(each * _blur(each, 1.0), np.float32) for each in (visible * like, likely * nearly)
    )
    return Motion(back, trust, likely, searched), drift


def _at_size(searched: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return a flow [h, w, 2] or a map [h, w] of the search at the size (height, width) of the frames."""
    height, width = size
    if min(size) < _SMALLEST or searched.shape[:2] == size:
        return searched[:height, :width]
    found = _resized(searched, (width, height))
    if searched.ndim == 3:
        found *= np.array([width / searched.shape[1], height / searched.shape[0]], np.float32)
    return found


def _likeness(drift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how much warped content resembles the actual, [H, W] in 0..1, within narrow and wide limits."""
    unlike = _blur(_mean(np.abs(_blur(drift, _GRAIN))), _NEAR)
    like, nearly = (np.clip(2 - 2 * unlike / np.float32(limit), 0, 1) for limit in (_UNLIKE, _OTHER_CONTENT))
    return like, nearly


def _unstretched(back: FloatArray) -> FloatArray:
    """Return whether a motion takes each pixel from about its own area, [H, W] in 0..1: no streaks."""
    cv = _opencv()
    across, down = (cv.Sobel(back, -1, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
    low, high = _STRETCHED
    return _blur(np.clip((area - low) / np.float32(high - low), 0, 1), 1.0)


def _same_colors(drift: FloatArray) -> FloatArray:
    """Return whether warped content has the broad colors of the actual, whatever its texture, [H, W]."""
    apart = np.abs(_blur(drift, _BROAD)).max(-1)
    return np.asarray(np.clip(2 - 2 * _blur(apart, 1.0) / np.float32(_OTHER_COLOR), 0, 1))


class FlowSteadier:
    """Mixes the previous result, warped and limited, into each stylized frame.

    Examples
    --------
    >>> import numpy as np
    >>> steadier = FlowSteadier()
    >>> sure = np.ones((16, 16), np.float32)
    >>> still = Motion(np.zeros((16, 16, 2), np.float32), sure, sure)
    >>> first, second = np.full((2, 16, 16, 3), 0.5, np.float32)
    >>> second[4, 4] = 0.6
    >>> _ = steadier(first, None)
    >>> round(float(steadier(second, still)[4, 4, 0]), 3)
    0.503
    """

    def __init__(self) -> None:
        _opencv()
        self.last: FloatArray | None = None

    def __call__(
        self, painted: FloatArray, motion: Motion | None, wanted: FloatArray | None = None
    ) -> FloatArray:
        """Return the next frame [H, W, 3], float32 in 0..1, mixed with the previous result.

        Without `motion` a new scene begins. `wanted` is the `energy` to give it, by default its own.
        """
        if motion is None or self.last is None or self.last.shape != painted.shape:
            self.last = painted
            return painted
        change = _limited(warp(self.last, motion.back, sharp=True), painted) - painted
        if not change.any():
            return self.last  # rounding in the sharpening would add up
        change *= (motion.weight * _alike(change))[..., None]
        wanted = energy(painted) if wanted is None else wanted
        self.last = np.clip(as_sharp(painted + change, wanted), 0, 1)
        return self.last


def warp(picture: FloatArray, back: FloatArray, sharp: bool = False, *, cubic: bool = False) -> FloatArray:
    """Warp the previous frame, [H, W] or [H, W, C], by `Motion.back`; `sharp` keeps the most detail.

    `cubic` keeps more than neither of both, in a fifth of the time of `sharp`.
    """
    cv = _opencv()
    rows, columns = _grid(*back.shape[:2])
    how = cv.INTER_LANCZOS4 if sharp else cv.INTER_CUBIC if cubic else cv.INTER_LINEAR
    there = (columns + back[..., 0], rows + back[..., 1])
    return np.asarray(cv.remap(picture, *there, how, borderMode=cv.BORDER_REPLICATE))


def _limited(earlier: FloatArray, painted: FloatArray) -> FloatArray:
    """Clip the warped result to the values around each pixel of the new painting."""
    cv, size = _opencv(), (painted.shape[1], painted.shape[0])
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    mean, square = (
        cv.blur(_reduced(each, half), _WINDOW, borderType=cv.BORDER_REFLECT_101)
        for each in (painted, cv.multiply(painted, painted))
    )
    spread = np.float32(SPREAD) * np.sqrt(np.maximum(square - mean * mean, 0)) + np.float32(_LEVEL)
    low, high = _resized(mean - spread, size), _resized(mean + spread, size)
    # The painting itself is always within the limits, or a static scene would change.
    return np.asarray(cv.min(cv.max(earlier, cv.min(low, painted)), cv.max(high, painted)))


def as_sharp(mixed: FloatArray, wanted: FloatArray) -> FloatArray:
    """Sharpen or soften a mixture [H, W, 3] to a local `energy` [H, W]."""
    tiny = np.float32(1e-6)
    gain = np.clip(np.sqrt((wanted + tiny) / (energy(mixed) + tiny)), *SHARPEN)
    detail = mixed - _blur(mixed, DETAIL)
    detail *= (gain - 1)[..., None]
    detail += mixed
    return detail


def _alike(change: FloatArray) -> FloatArray:
    """Return the similarity in coarse structure, [H, W] in 0..1, of two frames with this difference."""
    height, width = change.shape[:2]
    scale = min(1.0, _CELLS / max(height, width))
    cells = (max(1, round(width * scale)), max(1, round(height * scale)))
    coarse = _mean(np.abs(_blur(_reduced(change, cells), 1.0)))
    return _resized(np.clip(2 - 2 * coarse / np.float32(_OTHER), 0, 1), (width, height))


def energy(picture: FloatArray) -> FloatArray:
    """Local energy of the Laplacian of [H, W, 3]: how sharp it is, [H, W]."""
    cv, size = _opencv(), (picture.shape[1], picture.shape[0])
    edges = cv.Laplacian(picture, -1, borderType=cv.BORDER_REFLECT_101)
    cells = (-(-size[0] // _CELL), -(-size[1] // _CELL))
    squares = _mean(_reduced(cv.multiply(edges, edges), cells))
    return _resized(_blur(squares, _AROUND / _CELL), size)


def _squared(vectors: FloatArray) -> FloatArray:
    """Return the squared lengths of [H, W, 2]; a NumPy sum over a short last axis is many times slower."""
    return np.asarray(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)


def _mean(picture: FloatArray) -> FloatArray:
    """Return the mean over the channels of [H, W, 3]."""
    return np.asarray(_opencv().transform(picture, np.full((1, 3), 1 / 3, np.float32)))


def _inside(back: FloatArray, border: float = _BORDER) -> NDArray[np.bool_]:
    height, width = back.shape[:2]
    rows, columns = _grid(height, width)
    rows, columns = rows + back[..., 1], columns + back[..., 0]
    right, bottom = width - 1 + border, height - 1 + border
    return np.asarray((columns >= -border) & (columns <= right) & (rows >= -border) & (rows <= bottom))


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Return the row and the column of every pixel; do not modify them."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows, columns


def _blur(picture: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(_opencv().GaussianBlur(picture, (0, 0), sigma))


def _reduced(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return a picture at a smaller size (width, height)."""
    return np.asarray(_opencv().resize(picture, size, interpolation=_opencv().INTER_AREA))


def _resized(picture: FloatArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(_opencv().resize(picture, size, interpolation=_opencv().INTER_LINEAR))


def is_installed() -> bool:
    """Return whether OpenCV, of the extra flow, is installed."""
    with suppress(MissingExtraError):
        return bool(_opencv())
    return False


def _opencv(purpose: str = "--steady flow") -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError(purpose, "flow") from error
    return cv2
