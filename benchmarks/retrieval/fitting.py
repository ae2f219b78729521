"""Fitting the style metric: what the works of one artist share, learnt from artists with names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval.works import Floats, Measured
from restyle.comparison.style_vector import DIRECTIONS, StyleMetric, blocks_of
from restyle.models.features import LAYERS

COMPONENTS = 128
SHRINKAGE = 0.3  # of the covariance within artists, towards a multiple of the identity
MOST_WORKS = 40  # that one artist counts for, however many there are
_FLOOR = 1e-6

Mask = npt.NDArray[np.bool_]


def fit(measured: Measured, artists: npt.NDArray[np.str_], used: Mask) -> StyleMetric:
    """Fit on the works where `used` is true; the others are not looked at.

    Parameters
    ----------
    measured : Measured
    artists : np.ndarray [shape=(n,), str]
    used : np.ndarray [shape=(n,), bool]
    """
    rows = [int(row) for row in np.flatnonzero(used)]
    bases = {
        layer: _directions(measured, layer, rows, count)
        for layer, count in zip(LAYERS, DIRECTIONS, strict=True)
    }
    blocks = [blocks_of(measured.layers(row), measured.histograms[row], bases) for row in rows]
    joined = np.array([np.concatenate(each) for each in blocks])
    plain = StyleMetric(
        bases, joined.mean(0), joined.std(0) + _FLOOR, np.zeros((joined.shape[1], 0)), np.zeros(0)
    )
    data = np.array([plain.standardise(each) for each in blocks])
    middle = data.mean(0)
    data -= middle
    values, vectors = np.linalg.eigh(data.T @ data)
    components = vectors[:, np.argsort(values)[::-1][:COMPONENTS]]
    matrix = components @ _whitening(data @ components, artists[rows])
    return StyleMetric(bases, plain.centre, plain.spread, matrix, middle @ matrix)


def vectors(metric: StyleMetric, measured: Measured) -> Floats:
    """Style vectors of all works [n, E]."""
    return np.array(
        [metric.vector(measured.layers(row), measured.histograms[row]) for row in range(len(measured))],
        np.float32,
    )


def standardised(metric: StyleMetric, measured: Measured) -> Floats:
    """The blocks before the map that labels were used for [n, d]: what the labels bring shows beside it."""
    return np.array(
        [
            metric.standardise(blocks_of(measured.layers(row), measured.histograms[row], metric.bases))
            for row in range(len(measured))
        ],
        np.float32,
    )


def _directions(measured: Measured, layer: str, rows: list[int], count: int) -> npt.NDArray[np.float64]:
    """Leading eigenvectors of the mean correlation matrix [C, count]; all of it where it is small."""
    channels = measured.means[layer].shape[1]
    if count >= channels:
        return np.eye(channels)
    total = np.zeros((channels, channels))
    for row in rows:
        total += measured.layers(row)[layer].correlation
    values, vectors = np.linalg.eigh(total)
    return np.asarray(vectors[:, np.argsort(values)[::-1][:count]])


def _whitening(points: npt.NDArray[np.float64], artists: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Inverse root of the shrunk covariance within artists (Hatch et al. 2006, WCCN)."""
    within, weight = np.zeros((points.shape[1],) * 2), 0
    for artist in np.unique(artists):
        own = points[artists == artist]
        if len(own) < 2:
            continue
        own = own - own.mean(0)
        share = min(len(own), MOST_WORKS)
        within += own.T @ own / (len(own) - 1) * share
        weight += share
    within /= max(weight, 1)
    even = np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * within + SHRINKAGE * even)
    return np.asarray(vectors / np.sqrt(values))
