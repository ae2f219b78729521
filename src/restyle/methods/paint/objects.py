"""What the photo shows: places of one color belong together, and people matter most.

Both are found without a model. Soft clusters of the photo's colors say which color the painting gives to each
of them nearby; what differs much from that is a patch of the artwork that cuts across objects. Skin is smooth
and encloses eyes and mouths, which tells it from wood and sand. Its hue varies little between people, unlike
its luma (Jones and Rehg 2002, "Statistical Color Models with Application to Skin Detection").
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from restyle.images.resize import resize
from restyle.images.statistics import box_mean
from restyle.methods.paint.cleanup import activity
from restyle.methods.paint.pyramid import RGB_FROM_YCC, YCC_FROM_RGB, convert
from restyle.types import FloatArray

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
PEOPLE_WINDOWS = (
    0.02,
    0.035,
    0.09,
)  # radii relative to the longer side, in which eyes and mouths are enclosed
FACE = 0.3  # radius in which skin encloses eyes
EYES = (0.0004, 0.0012)  # their area there, relative to the skin, from which skin may be a person's, and is
DARKER = (0.1, 0.3)  # luma that eyes lack, relative to that of the skin nearby, at least and in full
PALER = 0.04  # relative chroma that they lack, in full; the dark places of wood and sand are more colorful


_FEW = np.float32(1e-4)  # where a cluster is not nearby, its color in the whole picture counts


class Objects:
    """What one photo shows.

    Parameters
    ----------
    photo : np.ndarray [shape=(3, H, W), float32, RGB, range 0..1]
    """

    def __init__(self, photo: FloatArray) -> None:
        self.photo = photo
        self._colors = _scaled(convert(photo, YCC_FROM_RGB))

    @cached_property
    def detail(self) -> FloatArray:
        """Where the photo has detail, [H, W] in 0..1."""
        deviation = activity(convert(self.photo, YCC_FROM_RGB)[0], max(2, max(self.photo.shape) // 128))
        return np.asarray(deviation / (deviation + np.float32(DETAIL)), np.float32)

    @cached_property
    def people(self) -> FloatArray:
        """How likely each place is skin, or enclosed by it as eyes and mouth are: [H, W] in 0..1."""
        luma, blue, red = convert(self.photo, YCC_FROM_RGB)
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
        points = _small(self._colors).reshape(3, -1).T
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
        colors = _small(self._colors)
        shares = np.stack([_likeness(colors, center) for center in self._centers])
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
        colors, own = convert(picture, YCC_FROM_RGB), convert(self.photo, YCC_FROM_RGB)
        radius = max(2, round(max(colors.shape[1:]) / 14))
        people = np.float32(share) * self.people
        form = box_mean(colors[0], radius) + np.float32(PEOPLE_CONTRAST) * (own[0] - box_mean(own[0], radius))
        colors[0] += np.float32(PEOPLE_FORM) * people * (form - colors[0])
        brighter = np.clip((colors[0] + 0.1) / (own[0] + 0.1), 1, 2)  # dark skin painted light keeps its hue
        colors[1:] += np.float32(PEOPLE_COLOR) * people * (brighter * own[1:] - colors[1:])
        return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))

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
        size = (colors.shape[1], colors.shape[2])
        colors -= np.stack([resize(plane, size, "bilinear") for plane in broad])
        return np.clip(convert(colors, RGB_FROM_YCC), np.float32(0), np.float32(1))


def _nearby(plane: FloatArray) -> int:
    """Radius in which a cluster has one color, in px."""
    side: int = max(plane.shape)
    return max(1, round(NEARBY * side))


def _window(plane: FloatArray, radius: int) -> FloatArray:
    """Mean over round windows, nearly."""
    return box_mean(box_mean(plane, radius), radius)


def _scaled(colors: FloatArray) -> FloatArray:
    """Luma and chroma as clusters compare them."""
    return colors * np.array([1, 2, 2], np.float32)[:, None, None]


def _small(planes: FloatArray) -> FloatArray:
    factor = max(1, round(max(planes.shape[1:]) / CLUSTER_SIDE))
    size = (planes.shape[1] // factor, planes.shape[2] // factor)
    return planes if factor == 1 else np.stack([resize(plane, size, "area") for plane in planes])


def _likeness(colors: FloatArray, center: FloatArray) -> FloatArray:
    distance = np.square(colors - center[:, None, None]).sum(0)
    return np.asarray(np.exp(distance * np.float32(-0.5 / CLUSTER_SPREAD**2)), np.float32)


def _ramp(values: FloatArray, none: float, full: float) -> FloatArray:
    return np.asarray(np.clip((values - none) / (full - none), 0, 1), np.float32)
