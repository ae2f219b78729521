"""Keep the painting clean: light and color follow the photo's objects, and its calm areas stay calm."""

from __future__ import annotations

import numpy as np

from restyle.images.statistics import box_mean, guided_fit, mean_covariance, transport_map
from restyle.methods.paint.pyramid import RGB_FROM_YCC, YCC_FROM_RGB, convert
from restyle.types import FloatArray

OWN_COLOR = 0.6  # share of the photo's own fine chroma, in the painting's palette
BROAD_COLOR = 0.4  # how far its broad chroma is moved to the photo's, in that palette
OBJECT_EDGE = 4e-3  # as EDGE, for the difference between the painting's chroma and the photo's
EDGE = 1e-3  # variance of the photo's luma from which an edge stops the smoothing of color
CALM = 0.02  # deviation of the photo's luma at which half of the fine luma is kept
CONTRAST = 0.7  # least deviation of the painting's broad luma, relative to the photo's
LIGHT_EDGE = 1e-2  # as EDGE, for the difference between the painting's luma and the photo's
MAX_GAIN = 4.0  # of a color direction when colors are moved
FLAT_DETAIL = 0.6  # share of the fine luma that stays where the photo is flat


def smooth_color(picture: FloatArray, photo: FloatArray, radius: int) -> FloatArray:
    """Smooth the chroma of a painting along the edges of the photo.

    A guided filter (He et al. 2010), the guide being the photo's luma.

    Parameters
    ----------
    picture, photo : np.ndarray [shape=(3, H, W), float32, RGB, range 0..1]
    radius : int
        Of the windows, in px.
    """
    colors = convert(picture, YCC_FROM_RGB)
    guide = luma(photo)
    colors[1:] = [guided(guide, plane, radius, EDGE) for plane in colors[1:]]
    return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def color_by_object(picture: FloatArray, photo: FloatArray, radius: int) -> FloatArray:
    """Take broad color from the painting, and fine color in part from the photo in the painting's palette.

    What is smoothed is the difference of the two, so that small forms (eyes, teeth, leaves) keep one color;
    and patches of color that cut across objects fade.
    Shapes as for `smooth_color`.
    """
    colors = convert(picture, YCC_FROM_RGB)
    own = convert(recolor(photo, picture, 1.0), YCC_FROM_RGB)
    guide = luma(photo)
    for plane in (1, 2):
        fine = np.float32(OWN_COLOR) * own[plane]
        smooth = fine + guided(guide, colors[plane] - fine, radius, OBJECT_EDGE)
        toward = guided(guide, own[plane] - smooth, 2 * radius, LIGHT_EDGE)
        colors[plane] = smooth + np.float32(BROAD_COLOR) * toward
    return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def light_by_object(
    picture: FloatArray, photo: FloatArray, style: FloatArray, share: float, radius: int
) -> FloatArray:
    """Move the broad luma of a painting toward the photo's, in the style's range.

    What is dark in the photo stays dark beside what is light: faces keep their form in hazy styles, and no
    patch of the artwork cuts across an object.

    Parameters
    ----------
    picture, photo, style : np.ndarray [shape=(3, H, W), float32, RGB, range 0..1]
        The style may have another size.
    share : float, 0..1
        How far.
    radius : int
        Of the windows, in px; finer luma, the strokes, stays.
    """
    colors = convert(picture, YCC_FROM_RGB)
    guide, tones = luma(photo), luma(style)
    spread = float(guide.std())
    gain = max(float(tones.std()), CONTRAST * spread) / max(spread, 1e-3)
    own = np.clip((guide - guide.mean()) * np.float32(gain) + tones.mean(), 0, 1)
    colors[0] += np.float32(share) * guided(guide, own - colors[0], radius, LIGHT_EDGE)
    return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def calm(picture: FloatArray, photo: FloatArray) -> FloatArray:
    """Reduce the fine luma of a painting where the photo has no detail; shapes as for `smooth_color`."""
    colors = convert(picture, YCC_FROM_RGB)
    detail = activity(luma(photo), 4)
    keep = FLAT_DETAIL + (1 - FLAT_DETAIL) * detail / (detail + np.float32(CALM))
    base = guided(colors[0], colors[0], 3, 2e-3)
    colors[0] = base + (colors[0] - base) * keep
    return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def recolor(picture: FloatArray, style: FloatArray, share: float) -> FloatArray:
    """Move the colors toward the style's mean and covariance (Monge-Kantorovich map), by a share of 0..1."""
    mean, covariance = mean_covariance(picture.astype(np.float64))
    wanted_mean, wanted_covariance = mean_covariance(style.astype(np.float64))
    floor = 1e-5 * np.eye(3)  # a picture of one color has no covariance
    matrix = transport_map(covariance + floor, wanted_covariance + floor, max_gain=MAX_GAIN)
    pixels = picture.reshape(3, -1)
    moved = matrix @ (pixels - mean[:, None]) + wanted_mean[:, None]
    mixed = (1 - share) * pixels + share * moved
    clipped = np.clip(mixed, 0, 1).astype(np.float32)
    return np.asarray(clipped.reshape(picture.shape), np.float32)


def luma(picture: FloatArray) -> FloatArray:
    """Luma of [3, H, W], [H, W]."""
    return np.asarray(np.einsum("i,ihw->hw", YCC_FROM_RGB[0], picture), np.float32)


def activity(plane: FloatArray, radius: int) -> FloatArray:
    """Deviation of a plane [H, W] around its local mean: how much detail there is."""
    apart = plane - box_mean(plane, radius)
    return np.sqrt(np.maximum(box_mean(apart * apart, radius), 0))


def guided(guide: FloatArray, plane: FloatArray, radius: int, edge: float) -> FloatArray:
    """Guided filter of one plane [H, W] (He et al. 2010)."""
    slope, offset = guided_fit(guide, plane, radius, edge)
    return slope * guide + offset
