"""Keep a painting clean: light and color follow the photo's objects and people, calm areas stay calm.

Objects are found without a model. Soft clusters of the photo's colors say which color the painting gives to
each of them nearby; what differs much from that is a patch of the artwork that cuts across objects. Skin is
smooth and encloses eyes and mouths, which tells it from wood and sand. Its hue varies little between people,
unlike its luma (Jones and Rehg 2002, "Statistical Color Models with Application to Skin Detection").
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from restyle.images.resize import resize
from restyle.images.statistics import box_mean, guided_fit, mean_covariance, transport_map
from restyle.types import FloatArray

# Luma and chroma of JPEG (ITU-R BT.601); rows are Y, Cb, Cr.
YCC_FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], np.float32)
RGB_FROM_YCC = np.linalg.inv(YCC_FROM_RGB).astype(np.float32)

OWN_COLOR = 0.6  # share of the photo's own fine chroma, in the painting's palette
BROAD_COLOR = 0.4  # how far its broad chroma is moved to the photo's, in that palette
OBJECT_EDGE = 4e-3  # as EDGE, for the difference between the painting's chroma and the photo's
EDGE = 1e-3  # variance of the photo's luma from which an edge stops the smoothing of color
CALM = 0.02  # deviation of the photo's luma at which half of the fine luma is kept
CONTRAST = 0.7  # least deviation of the painting's broad luma, relative to the photo's
LIGHT_EDGE = 1e-2  # as EDGE, for the difference between the painting's luma and the photo's
MAX_GAIN = 4.0  # of a color direction when colors are moved
FLAT_DETAIL = 0.6  # share of the fine luma that stays where the photo is flat

CLUSTERS = 16
CLUSTER_ROUNDS = 6  # of k-means
CLUSTER_SPREAD = 0.06  # deviation of a cluster, in luma; chroma counts double
CLUSTER_SIDE = 256  # px, about the longest side at which clusters and patches are found
NEARBY = 0.13  # radius in which a cluster has one color, relative to the longer side
PATCH = 0.008  # least radius of a patch, relative to the longer side
STRAY_CHROMA = 0.035  # difference from the color of its cluster at which a patch loses .3 of the difference
STRAY_LUMA = 0.15
PEOPLE_COLOR = 0.4  # how far people's colors are moved to the photo's
PEOPLE_FORM = 0.32  # how far their luma is moved to the photo's, around the painting's mean nearby
PEOPLE_CONTRAST = 0.9  # of that form, relative to the photo's
STRAY_PEOPLE = 0.4  # both, relative, on people
STRAY_CALM = 0.5  # and elsewhere, both where the photo is flat
DETAIL = 0.05  # deviation of luma around a place that is half flat
SKIN_HUE = 130.0  # degrees, atan2(Cr, Cb)
SKIN_WIDTH = 25.0
SKIN_CHROMA = (0.05, 0.1)  # chroma by luma from which it may be skin, and is
MOST_RELATIVE = (0.4, 0.3)  # chroma by luma from which it is not, and may not be
MOST_CHROMA = (0.24, 0.17)  # the same for chroma
SKIN_TEXTURE = 0.035  # deviation of luma that makes skin half as likely
PEOPLE_WINDOWS = (0.02, 0.035, 0.09)  # radii by the longer side, in which eyes and mouths are enclosed
FACE = 0.3  # radius in which skin encloses eyes
EYES = (0.0004, 0.0012)  # their area there, relative to the skin, from which skin may be a person's, and is
DARKER = (0.1, 0.3)  # luma that eyes lack, relative to that of the skin nearby, at least and in full
PALER = 0.04  # relative chroma that they lack, in full; the dark places of wood and sand are more colorful
_FEW = np.float32(1e-4)  # where a cluster is not nearby, its color in the whole picture counts


def convert(picture: FloatArray, matrix: FloatArray) -> FloatArray:
    """Apply a 3x3 matrix to the channels of [3, H, W]."""
    return np.asarray(np.einsum("ij,jhw->ihw", matrix, picture), np.float32)


def _to_rgb(colors: FloatArray) -> FloatArray:
    return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def smooth_color(picture: FloatArray, photo: FloatArray, radius: int) -> FloatArray:
    """Smooth the chroma of a painting along the edges of the photo, in windows of a radius in px.

    A guided filter (He et al. 2010), the guide being the photo's luma. Pictures are [3, H, W], RGB in 0..1.
    """
    colors, guide = convert(picture, YCC_FROM_RGB), luma(photo)
    colors[1:] = [guided(guide, plane, radius, EDGE) for plane in colors[1:]]
    return _to_rgb(colors)


def color_by_object(picture: FloatArray, photo: FloatArray, radius: int) -> FloatArray:
    """Take broad color from the painting, and fine color in part from the photo in the painting's palette.

    What is smoothed is the difference of the two, so that small forms (eyes, teeth, leaves) keep one color;
    and patches of color that cut across objects fade.
    """
    colors = convert(picture, YCC_FROM_RGB)
    own = convert(recolor(photo, picture, 1.0), YCC_FROM_RGB)
    guide = luma(photo)
    for plane in (1, 2):
        fine = np.float32(OWN_COLOR) * own[plane]
        smooth = fine + guided(guide, colors[plane] - fine, radius, OBJECT_EDGE)
        toward = guided(guide, own[plane] - smooth, 2 * radius, LIGHT_EDGE)
        colors[plane] = smooth + np.float32(BROAD_COLOR) * toward
    return _to_rgb(colors)


def light_by_object(
    picture: FloatArray, photo: FloatArray, style: FloatArray, share: float, radius: int
) -> FloatArray:
    """Move the broad luma of a painting toward the photo's, in the style's range.

    What is dark in the photo stays dark beside what is light: faces keep their form in hazy styles, and no
    patch of the artwork cuts across an object. `share`, 0..1, is how far. Luma finer than the windows, the
    strokes, stays.
    """
    colors = convert(picture, YCC_FROM_RGB)
    guide, tones = luma(photo), luma(style)
    spread = float(guide.std())
    gain = max(float(tones.std()), CONTRAST * spread) / max(spread, 1e-3)
    own = np.clip((guide - guide.mean()) * np.float32(gain) + tones.mean(), 0, 1)
    colors[0] += np.float32(share) * guided(guide, own - colors[0], radius, LIGHT_EDGE)
    return _to_rgb(colors)


def calm(picture: FloatArray, photo: FloatArray) -> FloatArray:
    """Reduce the fine luma of a painting where the photo has no detail; shapes as for `smooth_color`."""
    colors = convert(picture, YCC_FROM_RGB)
    detail = activity(luma(photo), 4)
    keep = FLAT_DETAIL + (1 - FLAT_DETAIL) * detail / (detail + np.float32(CALM))
    base = guided(colors[0], colors[0], 3, 2e-3)
    colors[0] = base + (colors[0] - base) * keep
    return _to_rgb(colors)


def recolor(picture: FloatArray, style: FloatArray, share: float) -> FloatArray:
    """Move the colors toward the style's mean and covariance (Monge-Kantorovich map), by a share of 0..1."""
    mean, covariance = mean_covariance(picture.astype(np.float64))
    wanted_mean, wanted_covariance = mean_covariance(style.astype(np.float64))
    floor = 1e-5 * np.eye(3)  # a picture of one color has no covariance
    matrix = transport_map(covariance + floor, wanted_covariance + floor, max_gain=MAX_GAIN)
    pixels = picture.reshape(3, -1)
    moved = matrix @ (pixels - mean[:, None]) + wanted_mean[:, None]
    mixed = np.clip((1 - share) * pixels + share * moved, 0, 1)
    return np.asarray(mixed.reshape(picture.shape), np.float32)


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


def resize_planes(planes: FloatArray, size: tuple[int, int], method: str) -> FloatArray:
    """Resize each plane of [C, H, W] to (height, width)."""
    return np.stack([resize(plane, size, method) for plane in planes])


class Objects:
    """What one photo [3, H, W], RGB in 0..1, shows."""

    def __init__(self, photo: FloatArray) -> None:
        self.photo = photo
        self._ycc = convert(photo, YCC_FROM_RGB)
        # as clusters compare them
        self._colors = _small(self._ycc * np.array([1, 2, 2], np.float32)[:, None, None])

    @cached_property
    def detail(self) -> FloatArray:
        """Where the photo has detail, [H, W] in 0..1."""
        deviation = activity(self._ycc[0], max(2, max(self.photo.shape) // 128))
        return np.asarray(deviation / (deviation + np.float32(DETAIL)), np.float32)

    @cached_property
    def people(self) -> FloatArray:
        """How likely each place is skin, or enclosed by it as eyes and mouth are: [H, W] in 0..1."""
        luma, blue, red = self._ycc
        side = max(luma.shape)
        near = max(1, side // 128)
        blue, red, mean = (box_mean(plane, near) for plane in (blue, red, luma))
        chroma = np.hypot(blue, red)
        hue = np.degrees(np.arctan2(red, blue))
        skin = np.exp(-(((hue - SKIN_HUE) / SKIN_WIDTH) ** 4)) * _ramp(chroma, *MOST_CHROMA)
        relative = chroma / (mean + np.float32(0.1))
        skin *= _ramp(relative, *SKIN_CHROMA) * _ramp(relative, *MOST_RELATIVE)
        texture = box_mean(np.square(luma - mean), 2 * near)
        smooth = skin / (1 + texture / np.float32(SKIN_TEXTURE**2))
        found = np.zeros_like(luma)
        for part in PEOPLE_WINDOWS:
            radius = max(2, round(side * part))
            around = box_mean(box_mean(smooth, radius), max(1, radius // 2))
            found = np.maximum(found, _ramp(around, 0.3, 0.55))
        radius = max(2, side // 24)
        amount = _window(skin, radius) + np.float32(0.02)
        usual_luma, usual_chroma = (
            np.asarray(_window(skin * plane, radius) / amount, np.float32) for plane in (mean, relative)
        )
        eyes = found * (1 - skin) * _ramp(found, 0.5, 0.9)
        darker = (usual_luma - mean) / (usual_luma + np.float32(0.05))
        eyes *= _ramp(darker, *DARKER) * _ramp(usual_chroma - relative, 0, PALER)
        radius = max(2, round(side * FACE))
        found *= _ramp(_window(eyes, radius) / (_window(found, radius) + np.float32(0.02)), *EYES)
        return box_mean(found, near)

    @cached_property
    def _centers(self) -> FloatArray:
        """k-means of the photo's colors, begun at colors far from each other: [K, 3]."""
        points = self._colors.reshape(3, -1).T
        centers = [points.mean(0)]
        far = np.square(points - centers[0]).sum(1)
        for _ in range(CLUSTERS - 1):
            centers.append(points[far.argmax()])
            far = np.minimum(far, np.square(points - centers[-1]).sum(1))
        found = np.array(centers)
        for _ in range(CLUSTER_ROUNDS):
            # |a - b|^2 without a^2
            nearest = (np.square(found).sum(1) - 2 * points @ found.T).argmin(1)
            counts = np.bincount(nearest, minlength=CLUSTERS)
            sums = np.stack([np.bincount(nearest, points[:, k], CLUSTERS) for k in range(3)], 1)
            found = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], found)
        return np.asarray(found, np.float32)

    @cached_property
    def _shares(self) -> list[tuple[FloatArray, FloatArray]]:
        """For every cluster, how much each place belongs to it, and its weight nearby."""
        apart = (np.square(self._colors - center[:, None, None]).sum(0) for center in self._centers)
        shares = np.stack([np.exp(each * np.float32(-0.5 / CLUSTER_SPREAD**2)) for each in apart])
        shares /= shares.sum(0) + np.float32(1e-6)
        return [(share, _window(share, _nearby(share)) + _FEW) for share in shares]

    def _expected(self, planes: FloatArray) -> FloatArray:
        """Mean of planes [C, h, w], as `_small` makes them, over places nearby of like color in the photo."""
        out = np.zeros_like(planes)
        for share, weight in self._shares:
            for plane, result in zip(planes, out, strict=True):
                mine = share * plane
                over_all = mine.mean() / (share.mean() + np.float32(1e-6))
                result += share * (_window(mine, _nearby(share)) + _FEW * over_all) / weight
        return out

    def keep_people(self, picture: FloatArray, share: float) -> FloatArray:
        """Move people in a painting [3, H, W] toward the photo: skin, lips and eyes keep hue and form.

        A share of 1, the most, moves by `PEOPLE_COLOR` and `PEOPLE_FORM`.
        """
        colors, own = convert(picture, YCC_FROM_RGB), self._ycc
        radius = max(2, round(max(colors.shape[1:]) / 14))
        people = np.float32(share) * self.people
        form = box_mean(colors[0], radius) + np.float32(PEOPLE_CONTRAST) * (own[0] - box_mean(own[0], radius))
        colors[0] += np.float32(PEOPLE_FORM) * people * (form - colors[0])
        brighter = np.clip((colors[0] + 0.1) / (own[0] + 0.1), 1, 2)  # dark skin painted light keeps its hue
        colors[1:] += np.float32(PEOPLE_COLOR) * people * (brighter * own[1:] - colors[1:])
        return _to_rgb(colors)

    def hold(self, picture: FloatArray) -> FloatArray:
        """Reduce patches of a painting [3, H, W] that differ much from the color its object has nearby.

        Fine differences, the strokes, stay, except on people.
        """
        colors = convert(picture, YCC_FROM_RGB)
        small = _small(colors)
        people = _small(self.people[None])[0]
        calm = 1 - _small(self.detail[None])[0]
        apart = small - self._expected(small)
        radius = max(1, round(max(small.shape[1:]) * PATCH))
        broad = np.stack([_window(plane, radius) for plane in apart])
        broad += people * (apart - broad)
        limit = 1 - np.float32(1 - STRAY_PEOPLE) * people
        limit -= np.float32(1 - STRAY_CALM) * (1 - people) * calm
        luma, chroma = np.abs(broad[0]), np.hypot(broad[1], broad[2])
        broad[0] *= 1 - 1 / np.sqrt(1 + np.square(luma / (STRAY_LUMA * limit)))
        broad[1:] *= 1 - 1 / np.sqrt(1 + np.square(chroma / (STRAY_CHROMA * limit)))
        colors -= resize_planes(broad, colors.shape[1:], "bilinear")
        return _to_rgb(colors)


def _nearby(plane: FloatArray) -> int:
    """Radius in which a cluster has one color, in px."""
    side: int = max(plane.shape)
    return max(1, round(NEARBY * side))


def _window(plane: FloatArray, radius: int) -> FloatArray:
    """Mean over round windows, nearly."""
    return box_mean(box_mean(plane, radius), radius)


def _small(planes: FloatArray) -> FloatArray:
    factor = max(1, round(max(planes.shape[1:]) / CLUSTER_SIDE))
    size = (planes.shape[1] // factor, planes.shape[2] // factor)
    return planes if factor == 1 else resize_planes(planes, size, "area")


def _ramp(values: FloatArray, none: float, full: float) -> FloatArray:
    return np.asarray(np.clip((values - none) / (full - none), 0, 1), np.float32)
