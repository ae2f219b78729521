"""Resize a picture to an exact size, and split it into half-size phases.

Pillow resamples, one float32 channel at a time. Its Lanczos filter widens when a picture shrinks, so that
every source pixel counts and nothing aliases.

A picture processed at half its size in four phases, each offset by half a pixel of the small picture, and
then averaged, has smooth lines instead of stepped ones (cycle spinning; Coifman and Donoho 1995,
"Translation-Invariant De-Noising").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.errors import OptionError
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
    width: int | None = None,
    height: int | None = None,
) -> tuple[int, int]:
    """Compute the size of a picture when one of its sides is given, at the same aspect.

    Parameters
    ----------
    size : (height, width)
        In pixels.
    short, long, width, height : int
        New short side, long side, width or height, in pixels. Width and height together set both, and may
        change the aspect.
    most : int
        New long side, unless it is smaller already.

    Returns
    -------
    (height, width)

    Examples
    --------
    >>> fit_size((3000, 4000), long=1024)
    (768, 1024)
    """
    if most is not None:
        long = min(most, max(size))
    given = {"short": short, "long": long, "width": width, "height": height}
    for name, value in given.items():
        if value is not None and value < 1:
            raise OptionError(f"{name} {value} is less than 1 pixel")
    names = {name for name, value in given.items() if value is not None}
    old_height, old_width = size
    if width is not None and height is not None and len(names) == 2:
        return height, width
    if len(names) != 1:
        raise OptionError("give one of short, long, width, height, or width with height")
    if short is not None:
        scale = short / min(size)
    elif long is not None:
        scale = long / max(size)
    elif width is not None:
        scale = width / old_width
    else:
        assert height is not None
        scale = height / old_height
    return max(1, round(old_height * scale)), max(1, round(old_width * scale))


_VISIBLE = 1 / 510  # the least opacity that 8 bits can show


def transparent(alpha: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell where alpha [H, W] is too small to be seen."""
    return alpha < _VISIBLE


def fill_hidden(pixels: FloatArray, alpha: FloatArray) -> FloatArray:
    """Extend visible colors to the pixels without opacity, so that hidden colors have no influence.

    Each level of a pyramid halves the picture, weighted by alpha, and fills the hidden pixels one level up.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    alpha : np.ndarray [shape=(H, W), float32, range 0..1]

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1]
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
        In pixels.
    method : str
        ``"lanczos"`` (sharp), ``"area"`` (mean of the covered pixels), ``"bilinear"``, ``"bicubic"``
        (smooth, for differences).
    alpha : np.ndarray [shape=(H, W), float32, range 0..1]
        Straight alpha of the picture, before resizing. Pixels are weighted by it, so that colors under
        transparency do not bleed into edges.

    Returns
    -------
    np.ndarray [shape=(height, width) or (height, width, C), float32, range 0..1]
        ``"lanczos"`` clips overshoot at edges, ``"bicubic"`` does not.
    """
    height, width = size
    if height < 1 or width < 1:
        raise OptionError(f"size {width} x {height} is less than 1 pixel")
    if method not in _FILTERS:
        raise OptionError(f"unknown resize method '{method}'; use one of {', '.join(_FILTERS)}")
    if array.shape[:2] == (height, width):
        return array.copy()
    if array.ndim == 2:
        return _resize_channel(array, size, method)
    if alpha is not None:
        plain = resize(array, size, method)
        visible = resize(array * alpha[..., None], size, method)
        weight = resize(alpha, size, method)[..., None]
        straight = np.divide(visible, weight, out=plain, where=weight > 1e-3)
        return np.clip(straight, 0, 1, out=straight)
    out = np.empty((height, width, array.shape[2]), np.float32)
    for channel in range(array.shape[2]):
        out[..., channel] = _resize_channel(array[..., channel], size, method)
    return out


def _resize_channel(channel: FloatArray, size: tuple[int, int], method: str) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(channel, dtype=np.float32))
    resized = np.asarray(image.resize((size[1], size[0]), _FILTERS[method]))
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
    part = np.ascontiguousarray(array[top : int(np.ceil(rows.stop * scale)) + _SUPPORT], np.float32)
    box = (0, rows.start * scale - top, array.shape[1], min(rows.stop * scale - top, len(part)))
    image = Image.fromarray(part)
    resized = np.asarray(image.resize((size[1], rows.stop - rows.start), _FILTERS[method], box=box))
    return np.clip(resized, 0, 1) if method == "lanczos" else resized.copy()


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
    """Average blocks of `side` px, weighted by alpha; those at the right and at the bottom may be smaller.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None

    Returns
    -------
    np.ndarray [shape=(ceil(H / side), ceil(W / side), 3), float32], and alpha at that size or None
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
    gives the same result as in memory.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, range 0..1]
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None

    Returns
    -------
    np.ndarray [shape=(h, w, 3), float32, range 0..1], and alpha [h, w] or None
        Pixels without opacity have visible colors of others near them.
    """
    side = block_side(pixels.shape)
    if side == 1:
        return pixels, alpha
    small, weight = reduce_blocks(pixels, alpha, side)
    return (small if weight is None else fill_hidden(small, weight)), weight


PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))


def split_phases(picture: FloatArray) -> list[FloatArray]:
    """Downscale a picture to half its size, at four offsets of one pixel.

    Parameters
    ----------
    picture : np.ndarray [shape=(2 h, 2 w, C), float32]
        The border is extended by its last pixel.

    Returns
    -------
    list of np.ndarray [shape=(h, w, C) or one row or column more, float32]
        In the order of `PHASES`.
    """
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    parts = []
    for top, left in PHASES:
        inner = padded[top : len(padded) - top, left : padded.shape[1] - left]
        pairs = (inner[::2] + inner[1::2]) / 2
        parts.append(np.ascontiguousarray((pairs[:, ::2] + pairs[:, 1::2]) / 2, dtype=np.float32))
    return parts


def join_phases(parts: Iterable[FloatArray]) -> FloatArray:
    """Upscale the pictures of `split_phases` by two, and average them at their offsets.

    Parameters
    ----------
    parts : iterable of np.ndarray [shape as from `split_phases`, float32]

    Returns
    -------
    np.ndarray [shape=(2 h, 2 w, C), float32]

    Examples
    --------
    >>> flat = np.full((4, 6, 3), 0.5, np.float32)
    >>> bool((join_phases(split_phases(flat)) == flat).all())
    True
    """
    out: FloatArray | None = None
    for (top, left), part in zip(PHASES, parts, strict=True):
        double = part.repeat(2, axis=0).repeat(2, axis=1)
        inner = double[1 - top : len(double) - 1 + top, 1 - left : double.shape[1] - 1 + left]
        out = np.zeros(inner.shape, np.float32) if out is None else out
        out += inner / 4
    assert out is not None
    return out
