"""A mask of the sky, without a network.

In each column, what lies above the first strong edge is a candidate. Of all thresholds, the one that leaves
the colors of both parts most uniform wins. Then pixels of the colors of the sky that touch it are added, and
the edges of the mask move to those of the photo.

Reference: Shen and Wang 2013, "Sky Region Detection in a Single Image for Autonomous Ground Robot
Navigation".
Differs: works in OKLab, grows over the sky's colors, and tells when there is no sky.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restyle.errors import InputError
from restyle.images.color import rgb_to_oklab
from restyle.images.resize import fit_size, resize
from restyle.methods.photo.field import Guide
from restyle.types import FloatArray

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NAME = "sky"
_SIDE = 320  # px, longest side of the copy that is searched
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
_RADIUS, _RIDGE = 4, 1e-4  # of the filter that moves the edges


def find_sky(photo: FloatArray) -> FloatArray:
    """Return a soft mask of the sky.

    Parameters
    ----------
    photo : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Returns
    -------
    np.ndarray [shape=(H, W), float32, range 0..1]

    Raises
    ------
    InputError
        The photo shows no sky, or none that is smooth and reaches the upper border.
    """
    full = (photo.shape[0], photo.shape[1])
    small = resize(photo, fit_size(full, most=_SIDE), "area")
    lab = rgb_to_oklab(small.astype(np.float64))
    down, across = np.gradient(lab, axis=(0, 1)) if min(small.shape[:2]) > 1 else (lab * 0, lab * 0)
    gradient = np.sqrt((down**2 + across**2).sum(axis=-1))
    sky = _above_edges(lab, gradient)
    grown = None if sky is None else _grow(lab, sky)
    if grown is None or not _is_sky(lab, grown, gradient[grown]):
        raise InputError("no sky was found in the photo; give region 'sky' a mask instead")
    fine = Guide(small, _RADIUS).smooth(grown.astype(np.float32)[..., None], _RIDGE)[..., 0]
    return np.clip(resize(np.clip(2 * fine - 0.5, 0, 1), full, "bilinear"), 0, 1)


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
