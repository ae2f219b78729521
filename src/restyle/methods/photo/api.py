"""The method `photo`: the color and light of one photo on another, which stays a photo.

    photo, style -> pixels with features -> segments -> matches -> color maps -> field of affine maps -> photo

Everything but the last step works on small copies; the field is applied at full size and in floating point.
`segments` finds what belongs together, `transfer` maps colors, `field` keeps the structure.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from restyle.images.resize import fit_size, resize
from restyle.methods.photo.field import Guide, apply_field, fit_field, measure_noise
from restyle.methods.photo.segments import Pixels, Values, describe, join, segment
from restyle.methods.photo.sets import fit_set
from restyle.methods.photo.steps import smoothed
from restyle.methods.photo.transfer import Transfer, fit_transfer
from restyle.methods.protocol import Settings, Tables
from restyle.models import features
from restyle.style import Style
from restyle.types import FloatArray

SIDE = 400  # px, longest side of the copy that the field is fitted to
_SHARES_SIDE = 224  # px, of the copy at which the edges of segments move to those of the photo
_SHARES_RADIUS, _SHARES_RIDGE = 6, 1e-3  # of the filter that does it
_RADIUS = 5  # px of the copy, half a window of the field
_STEP = np.float32(1 / 64)  # of the derivative of the color map


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Give [H, W, 3] float32 pixels in 0..1 the colors and light of a style picture.

    Raises
    ------
    StyleError
        The style contains no image.
    """
    strength, skin = settings.image.strength, settings.method.protect_skin
    if settings.method.consistent:
        table_for = settings.table_for or fit_tables([content], style, strength, skin)
        return table_for(content).apply(content)
    encoder = features.load(settings.network.device, settings.network.threads)
    pixels, wanted = describe(content, encoder), style_pixels(style, encoder)
    settings.report(0.2)
    result = transfer_local(content, pixels, wanted, strength, skin, settings.depth)
    settings.report(1.0)
    return result


def fit_tables(photos: Iterable[FloatArray], style: Style, strength: float, skin: bool) -> Tables:
    """Fit one look for a set of photos; see `sets.SetLook`, whose `table_for` is returned."""
    return fit_set(photos, style_pixels(style, None), strength, skin).table_for


def style_pixels(style: Style, encoder: features.FeatureEncoder | None) -> Pixels:
    """Describe the pictures of a style."""
    return join([(describe(each.pixels, encoder), each.weight) for each in style.exemplars()])


def transfer_local(
    content: FloatArray, pixels: Pixels, style: Pixels, strength: float, skin: bool, depth: int
) -> FloatArray:
    """Transfer the colors of matched segments to a photo.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    pixels, style : Pixels
        Of the content and of the style.
    strength : float, 0..1.5
    skin : bool
        Whether skin keeps its hue.
    depth : int
        Bits of the content; the steps of 8 are smoothed first.
    """
    parts = segment(pixels, style)
    transfer = fit_transfer(pixels, style, parts)
    small = _reduced(content, SIDE)
    shares = _on_edges(parts[0].shares.reshape(*pixels.size, -1), small)
    target, derivative = _with_derivative(transfer, small, shares, strength, skin)
    field = fit_field(Guide(small, _RADIUS), target, derivative, measure_noise(content))
    return apply_field(field, content, smoothed(small) if depth == 8 else None)


def _reduced(photo: FloatArray, side: int) -> FloatArray:
    size = (photo.shape[0], photo.shape[1])
    return resize(photo, fit_size(size, long=min(side, max(size))), "area")


def _on_edges(shares: Values, photo: FloatArray) -> FloatArray:
    """Resize shares [h, w, K] to those of a photo, with their edges on its edges."""
    guide = _reduced(photo, _SHARES_SIDE)
    rough = resize(shares.astype(np.float32), (guide.shape[0], guide.shape[1]), "bilinear")
    fine = resize(Guide(guide, _SHARES_RADIUS).smooth(rough, _SHARES_RIDGE), photo.shape[:2], "bilinear")
    fine = np.maximum(fine, 1e-4)
    fine /= fine.sum(axis=-1, keepdims=True)
    return fine


def _with_derivative(
    transfer: Transfer, small: FloatArray, shares: FloatArray, strength: float, skin: bool
) -> tuple[FloatArray, FloatArray]:
    """Colors of a small picture after the transfer, and their derivative by its own colors."""
    colors, flat = small.reshape(-1, 3), shares.reshape(-1, shares.shape[-1])
    target = transfer(colors, flat, strength, skin)
    derivative = np.empty((len(colors), 3, 3), np.float32)
    for channel in range(3):
        step = np.where(colors[:, channel] > 0.5, -_STEP, _STEP)
        shifted = colors.copy()
        shifted[:, channel] += step
        derivative[:, :, channel] = (transfer(shifted, flat, strength, skin) - target) / step[:, None]
    return target.reshape(small.shape), derivative.reshape(*small.shape, 3)
