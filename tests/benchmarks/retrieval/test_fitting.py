import numpy as np
import pytest

from benchmarks.retrieval import fitting
from benchmarks.retrieval.works import Measured
from restyle.models.session import LAYERS

WIDTHS = dict(zip(LAYERS, (16, 32, 64, 128, 128), strict=True))
ARTISTS = np.repeat(["a", "b", "c", "d"], 6)


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Works whose first layer tells their artist, under noise that tells their subject."""
    rng = np.random.default_rng(0)
    count = len(ARTISTS)
    means = {layer: rng.random((count, width)).astype(np.float32) for layer, width in WIDTHS.items()}
    covariances = {}
    for layer, width in WIDTHS.items():
        hands = {artist: rng.normal(size=(width, width)) for artist in np.unique(ARTISTS)}
        mixes = [hands[artist] + 0.7 * rng.normal(size=(width, width)) for artist in ARTISTS]
        covariances[layer] = np.array([mix @ mix.T / width for mix in mixes], np.float32)
    histograms = rng.dirichlet(np.ones(512), count).astype(np.float32)
    return Measured(means, covariances, histograms, np.zeros((count, 4), np.float32))


def test_vectors_tell_artists_that_the_map_has_seen(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "COMPONENTS", 10)
    everything = np.ones(len(ARTISTS), bool)
    metric = fitting.fit(measured, ARTISTS, everything)
    plain, found = fitting.applied(metric, measured)
    for row in (0, 20):
        alone = metric.vector(measured.layers(row), measured.histograms[row].astype(np.float64))
        np.testing.assert_allclose(found[row], alone, atol=1e-4)
    assert plain.shape == (len(ARTISTS), len(metric.center))
    near = found @ found.T
    same = ARTISTS[:, None] == ARTISTS
    others = ~np.eye(len(ARTISTS), dtype=bool)
    assert near[same & others].mean() > 0.5 + near[~same].mean()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_what_is_not_used_does_not_matter(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "COMPONENTS", 4)
    used = ARTISTS != "d"
    first = fitting.fit(measured, ARTISTS, used)
    spoiled = Measured(
        measured.means,
        {
            layer: np.where(used[:, None, None], each, 5 * each)
            for layer, each in measured.covariances.items()
        },
        measured.histograms,
        measured.palettes,
    )
    second = fitting.fit(spoiled, np.where(used, ARTISTS, "a"), used)
    np.testing.assert_array_equal(first.matrix, second.matrix)
    np.testing.assert_array_equal(first.center, second.center)
    np.testing.assert_array_equal(first.bases["relu4_1"], second.bases["relu4_1"])
