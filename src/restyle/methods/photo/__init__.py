"""The method `photo`: the color and light of one photo on another, which stays a photo.

    photo, style -> pixels with features -> segments -> matches -> color maps -> field of affine maps -> photo

Everything but the last step works on small copies; the field is applied at full size and in floating point.
`segments` finds what belongs together, `transfer` maps colors, `field` keeps the structure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from restyle.errors import InputError
from restyle.images.color import ColorLut, linear_to_srgb, srgb_to_linear
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import LUMA
from restyle.methods.photo.field import Guide, apply_field, fit_field, measure_noise, smoothed
from restyle.methods.photo.segments import Pixels, Values, describe, join, segment
from restyle.methods.photo.transfer import Transfer, fit_transfer
from restyle.methods.protocol import Settings, Tables
from restyle.models import session
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
    encoder = session.feature_encoder(settings.network.device, settings.network.threads)
    pixels, wanted = describe(content, encoder), style_pixels(style, encoder)
    settings.report(0.2)
    result = transfer_local(content, pixels, wanted, strength, skin, settings.depth)
    settings.report(1.0)
    return result


def fit_tables(photos: Iterable[FloatArray], style: Style, strength: float, skin: bool) -> Tables:
    """Fit one look for a set of photos; see `SetLook`, whose `table_for` is returned."""
    return fit_set(photos, style_pixels(style, None), strength, skin).table_for


def style_pixels(style: Style, encoder: session.FeatureEncoder | None) -> Pixels:
    """Describe the pictures of a style."""
    return join([(describe(each.pixels, encoder), each.weight) for each in style.exemplars()])


def transfer_local(
    content: FloatArray, pixels: Pixels, style: Pixels, strength: float, skin: bool, depth: int
) -> FloatArray:
    """Transfer the colors of matched segments to a photo; at a depth of 8 bits, steps are smoothed first."""
    parts = segment(pixels, style)
    transfer = fit_transfer(pixels, style, parts)
    small = _reduced(content, SIDE)
    shares = _on_edges(parts[0].shares.reshape(*pixels.size, -1), small)
    target, derivative = _with_derivative(transfer, small, shares, strength, skin)
    field = fit_field(Guide(small, _RADIUS), target, derivative, measure_noise(content))
    return apply_field(field, content, smoothed(small) if depth == 8 else None)


def _reduced(photo: FloatArray, side: int) -> FloatArray:
    return resize(photo, fit_size(photo.shape[:2], most=side), "area")


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


_NODES = 33  # of the table of a set along each axis
_SMALL = 320  # px, longest side of the copies that are measured
_POOL = 100_000  # pixels of all photos together
_EXPOSURE, _BALANCE = 0.8, 0.5  # shares of the way to the median of the set
_MOST_EXPOSURE, _MOST_BALANCE = 0.7, 0.2  # largest change, in natural logarithms


@dataclass(frozen=True, eq=False)
class SetLook:
    """The look of a set of photos, or of the frames of a scene.

    Exposure and white balance are evened first, in linear light, part of the way to the median of the set.
    Then all photos get the same color map, fitted to their pooled pixels. Both are one table over RGB for
    each photo.
    """

    table: ColorLut  # of the evened photos
    level: Values  # median over the set of the mean logarithm of linear RGB

    def table_for(self, photo: FloatArray) -> ColorLut:
        """Return the color map of one photo [shape=(H, W, 3), float32, range 0..1, RGB] of the set."""
        gain = _gain(_level(_reduced(photo, _SMALL)), self.level)
        return ColorLut(self.table.apply(_even(_nodes(), gain)).reshape(_NODES, _NODES, _NODES, 3))


def fit_set(photos: Iterable[FloatArray], style: Pixels, strength: float, skin: bool) -> SetLook:
    """Fit the look of a set of photos [shape=(H, W, 3), float32, range 0..1, RGB], which are read one by one.

    The strength is 0..1.5; `skin` keeps the hue of skin. InputError if there are no photos.
    """
    small = [_reduced(photo, _SMALL) for photo in photos]
    if not small:
        raise InputError("none of the photos can be read, so the set has no look")
    levels = np.array([_level(photo) for photo in small])
    level = np.median(levels, axis=0)
    parts = [
        describe(_even(photo, _gain(own, level)), None) for photo, own in zip(small, levels, strict=True)
    ]
    step = max(1, sum(len(part.lab) for part in parts) // _POOL)
    pool = join([(_every(part, step), 1.0) for part in parts])
    nodes = _nodes()
    mapped = fit_transfer(pool, style, None)(nodes, np.ones((len(nodes), 1), np.float32), strength, skin)
    return SetLook(ColorLut(mapped.reshape(_NODES, _NODES, _NODES, 3)), level)


def _every(pixels: Pixels, step: int) -> Pixels:
    weights = pixels.weights[::step]
    parts = (pixels.lab[::step], pixels.features[::step], pixels.place[::step])
    return Pixels(*parts, weights / weights.sum(), pixels.size)


def _nodes() -> FloatArray:
    axis = np.linspace(0, 1, _NODES, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def _level(photo: FloatArray) -> Values:
    """Mean logarithm of linear RGB over the pixels that are neither black nor clipped."""
    flat = photo.reshape(-1, 3)
    usable = (flat.max(axis=1) < 0.97) & (flat @ LUMA > 0.03)
    linear = srgb_to_linear((flat[usable] if usable.sum() > 16 else flat).astype(np.float64))
    return np.asarray(np.log(linear + 1e-3).mean(axis=0))


def _gain(own: Values, wanted: Values) -> Values:
    """Factors of linear RGB that bring a photo part of the way to a level."""
    difference = wanted - own
    exposure = float(difference.mean())
    balance = np.clip(_BALANCE * (difference - exposure), -_MOST_BALANCE, _MOST_BALANCE)
    return np.asarray(np.exp(np.clip(_EXPOSURE * exposure, -_MOST_EXPOSURE, _MOST_EXPOSURE) + balance))


def _even(colors: FloatArray, gain: Values) -> FloatArray:
    """Multiply linear RGB; white stays white."""
    linear = srgb_to_linear(colors.astype(np.float64))
    raised = linear * gain / (1 + linear * (gain - 1))
    return np.clip(linear_to_srgb(raised), 0, 1).astype(np.float32)
