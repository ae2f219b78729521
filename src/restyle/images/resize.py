"""Resize a picture to an exact size, in floating point.

Pillow's resampler does the work, one float32 channel at a time: Lanczos with a support that grows when a
picture shrinks, so that every source pixel counts and nothing aliases.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from restyle.errors import OptionError
from restyle.types import FloatArray

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def fit_size(
    size: tuple[int, int],
    *,
    short: int | None = None,
    long: int | None = None,
    width: int | None = None,
    height: int | None = None,
) -> tuple[int, int]:
    """Compute the size that a picture gets when one of its sides is given; the aspect is kept.

    Parameters
    ----------
    size : (height, width)
        In pixels.
    short, long, width, height : int
        The wanted short side, long side, width or height, in pixels. Width and height together fix both, and
        the aspect is no longer kept.

    Returns
    -------
    (height, width)

    Examples
    --------
    >>> fit_size((3000, 4000), long=1024)
    (768, 1024)
    """
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
        (smooth, for what is to be added and subtracted).
    alpha : np.ndarray [shape=(H, W), float32, range 0..1]
        Straight alpha of a picture, before resizing: each pixel then counts as much as it is visible, and
        what hides under transparency does not bleed into the edges.

    Returns
    -------
    np.ndarray [shape=(height, width) or (height, width, C), float32, range 0..1]
        Overshoot at edges is clipped where the method is ``"lanczos"``; ``"bicubic"`` keeps it.
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
        seen = resize(array * alpha[..., None], size, method)
        share = resize(alpha, size, method)[..., None]
        straight = np.divide(seen, share, out=plain, where=share > 1e-3)
        return np.clip(straight, 0, 1, out=straight)
    out = np.empty((height, width, array.shape[2]), np.float32)
    for channel in range(array.shape[2]):
        out[..., channel] = _resize_channel(array[..., channel], size, method)
    return out


def _resize_channel(channel: FloatArray, size: tuple[int, int], method: str) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(channel, dtype=np.float32))
    resized = np.asarray(image.resize((size[1], size[0]), _FILTERS[method]))
    return np.clip(resized, 0, 1) if method == "lanczos" else resized.copy()
