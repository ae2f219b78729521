"""Resize a picture to an exact size, and enlarge a small painting with the fine detail of its photo.

Pillow resamples, one float32 channel at a time. Its Lanczos filter widens when a picture shrinks, so that
every source pixel counts and nothing aliases.

    result = upscaled painting + g (Y - Y'),  Y the photo's luma, Y' the upscaled luma of the painting's input

The gain g of each channel is the slope of a guided filter: how strongly the painting follows the photo's luma
in a small window (He and Sun 2015, "Fast Guided Filter").

Differs from it: upscales the painting itself instead of its linear fit, which preserves strokes that are not
in the photo; and windows where the photo is flat take most of the slope of the complete picture, so that hair
and grass too fine for the painting survive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import OptionError
from restyle.images.geometry import strips
from restyle.images.statistics import LUMA, box_mean
from restyle.types import FloatArray

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_SUPPORT = 4  # px beside the rows that the widest filter reads, and one more
THUMBNAIL_SIDE = 4096  # px, longest side from which `thumbnail` reduces


def fit_size(
    size: tuple[int, int],
    *,
    short: int | None = None,
    long: int | None = None,
    most: int | None = None,
) -> tuple[int, int]:
    """Compute the (height, width) of a picture from one of its new sides in px, at the same aspect.

    `most` is the new long side, unless it is smaller already.

    Examples
    --------
    >>> fit_size((3000, 4000), long=1024)
    (768, 1024)
    """
    if most is not None:
        long = min(most, max(size))
    if (short is None) == (long is None):
        raise OptionError("give one of short and long")
    name, side, old = ("long", long, max(size)) if short is None else ("short", short, min(size))
    assert side is not None
    if side < 1:
        raise OptionError(f"{name} {side} is less than 1 pixel")
    height, width = (max(1, round(each * (side / old))) for each in size)
    return height, width


_VISIBLE = 1 / 510  # the least opacity that 8 bits can show


def transparent(alpha: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell where alpha [H, W] is too small to be seen."""
    return alpha < _VISIBLE


def fill_hidden(pixels: FloatArray, alpha: FloatArray) -> FloatArray:
    """Extend visible colors to the pixels without opacity, so that hidden colors have no influence.

    Each level of a pyramid halves the picture [H, W, 3], weighted by alpha [H, W], and fills the hidden
    pixels one level up.
    """
    hidden = transparent(alpha)
    if not hidden.any():
        return pixels
    if hidden.all():
        return np.full_like(pixels, 0.5)
    half = (-(-alpha.shape[0] // 2), -(-alpha.shape[1] // 2))
    weight = resize(alpha, half, "area")
    colors = resize(pixels * alpha[..., None], half, "area")
    colors = np.divide(colors, weight[..., None], out=colors, where=weight[..., None] > 0)
    rough = resize(fill_hidden(np.minimum(colors, 1), weight), alpha.shape, "bilinear")
    return np.where(hidden[..., None], rough, pixels)


def resize(
    array: FloatArray, size: tuple[int, int], method: str = "lanczos", *, alpha: FloatArray | None = None
) -> FloatArray:
    """Resize to exactly ``size``.

    Parameters
    ----------
    array : np.ndarray [shape=(H, W) or (H, W, C), float32, range 0..1]
    size : (height, width)
    method : str
        ``"lanczos"`` (sharp, clipped to 0..1), ``"area"`` (mean of the covered pixels), ``"bilinear"``,
        ``"bicubic"`` (smooth, for differences; not clipped).
    alpha : np.ndarray [shape=(H, W), float32, range 0..1]
        Straight alpha of the picture, before resizing. Pixels are weighted by it, so that colors under
        transparency do not bleed into edges.
    """
    height, width = size
    if height < 1 or width < 1:
        raise OptionError(f"size {width} x {height} is less than 1 pixel")
    if method not in _FILTERS:
        raise OptionError(f"unknown resize method '{method}'; use one of {', '.join(_FILTERS)}")
    if array.shape[:2] == (height, width):
        return array.copy()
    if array.ndim == 2:
        return _resample(array, size, method)
    if alpha is not None:
        plain = resize(array, size, method)
        visible = resize(array * alpha[..., None], size, method)
        weight = resize(alpha, size, method)[..., None]
        straight = np.divide(visible, weight, out=plain, where=weight > 1e-3)
        return np.clip(straight, 0, 1, out=straight)
    out = np.empty((height, width, array.shape[2]), np.float32)
    for channel in range(array.shape[2]):
        out[..., channel] = _resample(array[..., channel], size, method)
    return out


def _resample(
    plane: FloatArray,
    size: tuple[int, int],
    method: str,
    box: tuple[float, float, float, float] | None = None,
) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    resized = np.asarray(image.resize((size[1], size[0]), _FILTERS[method], box=box))
    return np.clip(resized, 0, 1) if method == "lanczos" else resized.copy()


def resize_rows(array: FloatArray, size: tuple[int, int], rows: slice, method: str = "lanczos") -> FloatArray:
    """Enlarge an array [h, w] or [h, w, C], and return some rows: `resize(array, size, method)[rows]`.

    The memory is that of these rows. `rows` has a start and a stop.
    """
    if array.ndim == 3:
        planes = [resize_rows(array[..., index], size, rows, method) for index in range(array.shape[2])]
        return np.stack(planes, axis=-1)
    if array.shape == size:
        return array[rows].copy()
    scale = array.shape[0] / size[0]
    top = max(0, int(rows.start * scale) - _SUPPORT)
    part = array[top : int(np.ceil(rows.stop * scale)) + _SUPPORT]
    box = (0, rows.start * scale - top, array.shape[1], min(rows.stop * scale - top, len(part)))
    return _resample(part, (rows.stop - rows.start, size[1]), method, box)


def block_side(size: tuple[int, ...]) -> int:
    """Return the side in px of the blocks that `thumbnail` averages in a picture of (height, width)."""
    return max(1, max(size[:2]) // THUMBNAIL_SIDE)


def thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of the `thumbnail` of a picture of (height, width)."""
    side = block_side(size)
    return -(-size[0] // side), -(-size[1] // side)


def reduce_blocks(
    pixels: FloatArray, alpha: FloatArray | None, side: int
) -> tuple[FloatArray, FloatArray | None]:
    """Average blocks of `side` px of pixels [H, W, 3], weighted by alpha [H, W]; and average alpha.

    Those at the right and at the bottom may be smaller.
    """

    def reduced(plane: FloatArray) -> FloatArray:
        return np.array(Image.fromarray(np.ascontiguousarray(plane, np.float32)).reduce(side))

    weight = None if alpha is None else reduced(alpha)
    planes = []
    for index in range(pixels.shape[2]):
        plane = pixels[..., index]
        small = reduced(plane if alpha is None else plane * alpha)
        if weight is not None:
            small = np.divide(small, weight, out=np.zeros_like(small), where=weight > 0)
        planes.append(small)
    return np.clip(np.stack(planes, axis=-1), 0, 1), weight


def thumbnail(pixels: FloatArray, alpha: FloatArray | None = None) -> tuple[FloatArray, FloatArray | None]:
    """Reduce a very large picture by a whole number, to `THUMBNAIL_SIDE` px or more; keep others as they are.

    Methods compute from this what they need of the complete picture, so that a picture that is read in strips
    gives the same result as in memory. Pixels [H, W, 3] whose alpha [H, W] is 0 get visible colors near them.
    """
    side = block_side(pixels.shape)
    if side == 1:
        return pixels, alpha
    small, weight = reduce_blocks(pixels, alpha, side)
    return (small if weight is None else fill_hidden(small, weight)), weight


MAX_GAIN = 1.5  # detail is at most this much stronger than in the photo
RADIUS = 4  # half a window, in pixels of the painting
FLAT = 2e-4  # variance of luma below which a window counts as flat: a deviation of 3.6 of 255
COARSE = 2  # for video frames: divisor of the size at which gains are computed
FLAT_SHARE = 0.7  # share of the complete picture's slope in flat windows


def enlarge_with_detail(
    painted: FloatArray, small: FloatArray, photo: FloatArray, strength: float = 1.0, coarse: int = 1
) -> FloatArray:
    """Upscale a painting to the size of the photo [shape=(H, W, 3), float32, RGB]: see `Enlargement`."""
    return Enlargement(painted, small, (photo.shape[0], photo.shape[1]), strength, coarse).rows(photo)


class Enlargement:
    """A painting that is upscaled to the size of its photo, with the photo's detail, as a whole or by rows.

    Parameters
    ----------
    painted : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    small : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB] or None
        The downscaled photo that was painted. None: the painting is upscaled without detail.
    size : (height, width)
        Of the photo, in px.
    strength : float, 0..1
        Of the style. At 0 all detail, including color, is the photo's, and a painting equal to its input
        becomes the photo.
    coarse : int
        The gains are computed at the size of the painting divided by this; 2 is three times as fast.
    """

    def __init__(
        self,
        painted: FloatArray,
        small: FloatArray | None,
        size: tuple[int, int],
        strength: float = 1.0,
        coarse: int = 1,
    ) -> None:
        self.painted, self.small, self.size, self.strength = painted, small, size, strength
        if small is None:
            return
        self._light = light = small @ LUMA
        if coarse == 1:
            self._gains = slopes(light, painted)
        else:
            grid = (-(-light.shape[0] // coarse), -(-light.shape[1] // coarse))
            self._gains = slopes(
                resize(light, grid, "area"), resize(painted, grid, "area"), -(-RADIUS // coarse)
            )

    def rows(self, photo: FloatArray, top: int = 0) -> FloatArray:
        """Return rows of the result [shape=(n, W, 3), float32, range 0..1] for these rows of the photo."""
        out = np.empty(photo.shape, np.float32)
        for part in strips(0, photo.shape[0], photo.shape[1]):  # bounds the memory of temporaries
            out[part] = self._strip(photo[part], top + part.start)
        return out

    def _strip(self, photo: FloatArray, top: int) -> FloatArray:
        rows = slice(top, top + len(photo))

        def enlarged(plane: FloatArray, method: str) -> FloatArray:
            return resize_rows(plane, self.size, rows, method)

        if self.small is None:
            return np.clip(enlarged(self.painted, "lanczos"), 0, 1)
        fine = photo @ LUMA
        fine -= enlarged(self._light, "bicubic")
        out = np.empty(photo.shape, np.float32)
        for channel in range(3):  # one at a time, to keep temporaries small
            plane = enlarged(self.painted[..., channel], "bicubic")
            gain = enlarged(self._gains[..., channel], "bilinear")
            gain *= np.float32(self.strength)
            gain *= fine
            plane += gain
            if self.strength < 1:
                own = photo[..., channel] - enlarged(self.small[..., channel], "bicubic")
                plane += np.float32(1 - self.strength) * own
            np.clip(plane, 0, 1, out=out[..., channel])
        return out


def slopes(
    light: FloatArray,
    painted: FloatArray,
    radius: int = RADIUS,
    window: Callable[[FloatArray, int], FloatArray] = box_mean,
) -> FloatArray:
    """Compute how strongly each channel of a painting follows the photo's luma around each pixel.

    Both are float32 in 0..1, and the slopes [h, w, 3] in 0..MAX_GAIN. `window` averages a plane [h, w] over
    windows of a radius in px.
    """
    mean = window(light, radius)
    variance = np.maximum(window(light * light, radius) - mean * mean, 0)
    centered = light - light.mean(dtype=np.float64).astype(np.float32)
    variance_all = float(np.mean(centered * centered, dtype=np.float64))
    out = np.empty(painted.shape, np.float32)
    for channel in range(painted.shape[2]):
        plane = painted[..., channel]
        covariance = window(np.asarray(light * plane, np.float32), radius) - mean * window(plane, radius)
        slope_all = float(np.mean(centered * plane, dtype=np.float64)) / (variance_all + FLAT)
        slope = (covariance + np.float32(FLAT * FLAT_SHARE * slope_all)) / (variance + np.float32(FLAT))
        np.clip(window(np.asarray(slope, np.float32), radius), 0, MAX_GAIN, out=out[..., channel])
    return out
