"""The many distances at a time are those that the package computes one by one."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.retrieval.distances import BASELINES, all_pairs, cosines, gaussian_pairs
from benchmarks.retrieval.works import Measured
from restyle.compare import metrics
from restyle.compare.subjects import Need, Subject, of_pixels
from restyle.models import arbitrary
from restyle.models.session import LAYERS

NEEDS: frozenset[Need] = frozenset({"code", "features", "colors"})


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    rng = np.random.default_rng(0)
    found = []
    for index in range(4):
        coarse = rng.random((5, 6, 3)).repeat(10, 0).repeat(10, 1)
        pixels = np.clip(coarse + rng.normal(0, 0.05 * index, coarse.shape), 0, 1).astype(np.float32)
        found.append(of_pixels(pixels, NEEDS, arbitrary.load(threads=1), str(index)))
    return found


@pytest.fixture(scope="module")
def measured(subjects: list[Subject]) -> Measured:
    def stacked(values: Iterator[np.ndarray]) -> np.ndarray:
        return np.stack(list(values)).astype(np.float32)

    return Measured(
        {at: stacked(each.layers[at].mean for each in subjects if each.layers) for at in LAYERS},
        {at: stacked(each.layers[at].covariance for each in subjects if each.layers) for at in LAYERS},
        stacked(each.histogram for each in subjects if each.histogram is not None),
        stacked(each.palette.ravel() for each in subjects if each.palette is not None),
    )


@pytest.mark.slow
def test_all_pairs_agree_with_the_package(subjects: list[Subject], measured: Measured) -> None:
    seen = [(each.code, each.afar) for each in subjects]
    codes = np.stack([np.stack([at, *afar]) for at, afar in seen if at is not None and afar is not None])
    compared = []
    for name, found in all_pairs(measured, codes):
        if name not in metrics.METRICS:
            continue
        compared.append(name)
        expected = metrics.matrix(subjects, metrics.METRICS[name])
        scale = {"palette": (32 * 64) ** 0.5, "histogram": 2**0.5}.get(name, 1.0)  # the order is what counts
        np.testing.assert_allclose(found / scale, expected, rtol=2e-3, atol=2e-4, err_msg=name)
    assert {"gram", "gram:relu1_1", "moments", "palette", "histogram", "cosine", "euclidean"} <= {*compared}


@pytest.mark.slow
def test_wasserstein_agrees_with_the_package(subjects: list[Subject], measured: Measured) -> None:
    expected = metrics.matrix(subjects, metrics.METRICS["wasserstein"])
    layers = [gaussian_pairs(measured, np.arange(4), layer, 2) for layer in LAYERS]
    np.testing.assert_allclose(np.mean(layers, 0), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_raw_gram_is_the_mean_squared_difference(subjects: list[Subject], measured: Measured) -> None:
    raw = dict(all_pairs(measured, None))["raw Gram"]
    first, second = subjects[0].layers, subjects[1].layers
    assert first is not None
    assert second is not None
    expected = sum(float(((first[at].gram - second[at].gram) ** 2).mean()) for at in LAYERS)
    assert raw[0, 1] == pytest.approx(expected, rel=1e-3)


def test_every_baseline_is_there(measured: Measured) -> None:
    assert set(BASELINES) <= {name for name, _ in all_pairs(measured, None)}


def test_cosines() -> None:
    found = cosines(np.array([[1, 0], [0, 2], [-3, 0]], np.float32))
    np.testing.assert_allclose(found, [[0, 1, 2], [1, 0, 1], [2, 1, 0]], atol=1e-6)
