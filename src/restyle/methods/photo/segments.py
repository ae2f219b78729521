"""Soft segments of a photo, and the segments of another photo that resemble them.

A segment groups pixels of similar encoder features, color and height in the picture (k-means). Colors are
described relative to their own photo: lightness by its rank, chroma by its distance from the mean. So a dark
sky and a bright sky are alike, and shadows resemble shadows.

References: Luan et al. 2017, "Deep Photo Style Transfer" (matched segments); Chizat et al. 2018, "Scaling
Algorithms for Unbalanced Optimal Transport Problems".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.images.color import rgb_to_oklab
from restyle.images.resize import fit_size, resize
from restyle.models.session import FeatureEncoder
from restyle.types import FloatArray

Values = npt.NDArray[np.float64]

COUNT = 8  # segments of a photo
_SIDE = 320  # px, longest side of the copy that the encoder sees
_STEP = 2  # px between the pixels that are described
_LAYER = "relu4_1"
_COMPONENTS = 8  # principal components of the encoder's features
_ROUNDS = 10  # of k-means
# Weights in the squared distance of two pixels: rank of lightness, chroma in OKLab, features, height.
_RANK, _CHROMA, _FEATURES, _HEIGHT = 5.0, 20.0, 0.4, 0.3
_SOFTNESS = 0.8  # of memberships, in mean squared distances to the own center
_ENTROPY = 0.05  # of the matching, in mean costs; larger mixes more segments
_MARGINALS = 0.25  # how closely the matching keeps the share of each segment of the style, in mean costs


@dataclass(frozen=True)
class Pixels:
    """Pixels of one or more photos."""

    lab: Values  # [N, 3], OKLab
    features: Values  # [N, C] of the encoder, of unit length
    place: (
        Values  # [N, 4]: rank of the lightness and height, 0..1, and the two axes of chroma less their mean
    )
    weights: Values  # [N]; they sum to 1
    size: tuple[int, int]  # height and width of the grid of pixels, if they are of one photo


@dataclass(frozen=True)
class Segments:
    """Soft segments of pixels."""

    shares: Values  # [N, K] of each segment in each pixel; they sum to 1
    centers: Values  # [K, D]
    mass: Values  # [K], share of all pixels


def describe(photo: FloatArray, encoder: FeatureEncoder | None) -> Pixels:
    """Describe a photo [shape=(H, W, 3), float32, range 0..1, RGB] by a grid of its pixels.

    Without an encoder the pixels have no features, which only `segment` needs.
    """
    side = min(_SIDE, max(photo.shape[:2]))
    small = resize(photo, fit_size((photo.shape[0], photo.shape[1]), long=side), "area")
    points = small[min(_STEP, small.shape[0]) // 2 :: _STEP, min(_STEP, small.shape[1]) // 2 :: _STEP]
    height, width = points.shape[:2]
    deep = np.zeros((height * width, 1))
    if encoder is not None:
        features = np.ascontiguousarray(encoder.features(small)[_LAYER].transpose(1, 2, 0))
        deep = resize(features, (height, width), "bilinear").reshape(height * width, -1).astype(np.float64)
        deep /= np.linalg.norm(deep, axis=-1, keepdims=True) + 1e-6
    lab = rgb_to_oklab(points.reshape(-1, 3).astype(np.float64))
    light = np.sort(lab[:, 0])
    rank = (np.searchsorted(light, lab[:, 0], "left") + np.searchsorted(light, lab[:, 0], "right")) / (
        2 * light.size
    )
    row = np.repeat(np.linspace(0, 1, height), width)
    place = np.column_stack([rank, row, lab[:, 1:] - lab[:, 1:].mean(axis=0)])
    return Pixels(lab, deep, place, np.full(len(lab), 1 / len(lab)), (height, width))


def join(parts: Sequence[tuple[Pixels, float]]) -> Pixels:
    """Pool the pixels of several photos by weight."""
    total = sum(weight for _, weight in parts)
    lab, deep, place = (
        np.concatenate([getattr(part, name) for part, _ in parts]) for name in ("lab", "features", "place")
    )
    weights = np.concatenate([part.weights * (weight / total) for part, weight in parts])
    return Pixels(lab, deep, place, weights, parts[0][0].size)


def segment(content: Pixels, style: Pixels, count: int = COUNT) -> tuple[Segments, Segments]:
    """Segment two photos in one space, so that their segments compare."""
    basis, mean, scale = _principal(content, style)
    return _segments(content, basis, mean, scale, count), _segments(style, basis, mean, scale, count)


def match(content: Segments, style: Segments) -> tuple[Values, Values]:
    """Match the segments of two photos by likeness.

    Returns the share of each of the style's segments in the match of a segment [K, L], whose rows sum to 1,
    and the mean squared distance between a segment and its match [K].
    """
    cost = _distances(content.centers, style.centers)
    a, b = content.mass + 1e-9, style.mass + 1e-9
    entropy = _ENTROPY * float(cost.mean()) + 1e-9
    power = _MARGINALS * float(cost.mean())
    power /= power + entropy
    kernel = np.exp(-(cost - cost.min(axis=1, keepdims=True)) / entropy) + 1e-30
    u, v = np.ones(len(a)), np.ones(len(b))
    for _ in range(100):
        u = a / (kernel @ v + 1e-300)
        v = (b / (kernel.T @ u + 1e-300)) ** power
    plan = u[:, None] * kernel * v
    plan /= plan.sum(axis=1, keepdims=True)
    return plan, (plan * cost).sum(axis=1)


def _segments(pixels: Pixels, basis: Values, mean: Values, scale: float, count: int) -> Segments:
    points = np.column_stack(
        [
            np.sqrt((_RANK, _HEIGHT, _CHROMA, _CHROMA)) * pixels.place,
            np.sqrt(_FEATURES) * scale * ((pixels.features - mean) @ basis),
        ]
    )
    centers = _k_means(points, min(count, len(points)))
    distance = _distances(points, centers)
    nearest = distance.min(axis=1, keepdims=True)
    shares = np.exp((nearest - distance) / (2 * _SOFTNESS * float(nearest.mean()) + 1e-9))
    shares /= shares.sum(axis=1, keepdims=True)
    mass = pixels.weights @ shares
    centers = (shares * pixels.weights[:, None]).T @ points / (mass[:, None] + 1e-12)
    return Segments(shares, centers, mass)


def _principal(*photos: Pixels) -> tuple[Values, Values, float]:
    """Principal axes [C, n] of all features, their mean [C], and the scale that makes their variance 1."""
    flat = np.concatenate([photo.features[::4] for photo in photos])
    mean = flat.mean(axis=0)
    centered = flat - mean
    values, vectors = np.linalg.eigh(centered.T @ centered / len(flat))
    total = float(values[-_COMPONENTS:].sum())
    return vectors[:, -_COMPONENTS:], mean, 1 / float(np.sqrt(max(total, 1e-9)))


def _distances(points: Values, centers: Values) -> Values:
    square = (points * points).sum(axis=1)[:, None] - 2 * points @ centers.T + (centers * centers).sum(axis=1)
    return np.asarray(np.maximum(square, 0))


def _k_means(points: Values, count: int) -> Values:
    """Centers [count, D], the same in every run; the first ones are far apart (k-means++)."""
    generator = np.random.default_rng(0)
    centers = points[[0]]
    nearest = _distances(points, points.mean(axis=0, keepdims=True))[:, 0]
    for index in range(count):
        share = nearest / nearest.sum() if nearest.sum() > 0 else None
        new = points[[generator.choice(len(points), p=share)]]
        centers = np.concatenate([centers, new]) if index else new
        nearest = np.minimum(nearest, _distances(points, new)[:, 0])
    for _ in range(_ROUNDS):
        own = np.zeros((len(points), count))
        own[np.arange(len(points)), _distances(points, centers).argmin(axis=1)] = 1
        filled = own.sum(axis=0) > 0
        centers[filled] = (own.T @ points)[filled] / own.sum(axis=0)[filled, None]
    return centers
