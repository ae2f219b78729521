import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from restyle.compare import style_vector
from restyle.compare.style_vector import DIRECTIONS, LayerMoments, StyleMetric, blocks_of
from restyle.compare.subjects import color_histogram, moments_of
from restyle.errors import ModelError
from restyle.models import catalog, features
from restyle.models.features import LAYERS


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 48, 3), np.float32)


def statistics(seed: int = 0) -> tuple[dict[str, LayerMoments], np.ndarray]:
    return moments_of(picture(seed), features.load()), color_histogram(picture(seed))


def test_gram_and_correlation_follow_from_the_moments() -> None:
    values = np.random.default_rng(2).random((5, 400))
    moments = LayerMoments(values.mean(1), np.cov(values, bias=True))
    np.testing.assert_allclose(moments.gram, values @ values.T / 400, rtol=1e-10)
    np.testing.assert_allclose(moments.correlation, np.corrcoef(values), atol=1e-3)


def test_blocks_have_the_lengths_of_the_shipped_metric() -> None:
    metric = style_vector.load()
    blocks = blocks_of(*statistics(), metric.bases)
    assert [len(block) for block in blocks[:5]] == [count * (count + 1) // 2 for count in DIRECTIONS]
    assert sum(map(len, blocks)) == len(metric.center) == len(metric.spread) == len(metric.matrix)
    assert metric.offset.shape == (metric.matrix.shape[1],)


def test_the_vector_has_unit_length_and_depends_on_the_picture() -> None:
    metric = style_vector.load()
    first, second = (metric.vector(*statistics(seed)) for seed in (0, 1))
    assert np.linalg.norm(first) == pytest.approx(1)
    assert np.linalg.norm(first - second) > 0
    np.testing.assert_array_equal(first, metric.vector(*statistics(0)))


def test_every_block_counts_alike() -> None:
    metric = style_vector.load()
    joined = metric.standardize(blocks_of(*statistics(), metric.bases))
    assert np.linalg.norm(joined) ** 2 == pytest.approx(len(LAYERS) + 2)


def test_bytes_come_back() -> None:
    metric = style_vector.load()
    again = StyleMetric.from_bytes(metric.to_bytes())
    np.testing.assert_allclose(again.matrix, metric.matrix, rtol=1e-3)
    np.testing.assert_allclose(again.vector(*statistics()), metric.vector(*statistics()), atol=1e-3)


def test_other_files_are_refused() -> None:
    with pytest.raises(ModelError, match="damaged"):
        StyleMetric.from_bytes(b"not an archive")
    with pytest.raises(ModelError, match="damaged"):
        StyleMetric.from_bytes(style_vector.load().to_bytes()[:5000])
    file = io.BytesIO()
    np.savez(file, format=np.array("other/1"))
    with pytest.raises(ModelError, match="other/1"):
        StyleMetric.from_bytes(file.getvalue())


def test_a_grey_picture_has_a_vector() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    found = style_vector.load().vector(moments_of(flat, features.load()), color_histogram(flat))
    assert np.isfinite(found).all()


def test_moments_are_frozen() -> None:
    moments = LayerMoments(np.zeros(2), np.eye(2))
    assert replace(moments, mean=np.ones(2)).mean.sum() == 2


def test_a_metric_of_another_encoder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = catalog.find(features.MODEL)
    assert style_vector.load().encoder == record.file("features").sha256
    other = tmp_path / "metric.npz"
    other.write_bytes(replace(style_vector.load(), encoder="0" * 64).to_bytes())
    files = tuple(
        replace(each, path=other, sha256=None) if each.role == "metric" else each for each in record.files
    )
    monkeypatch.setattr(catalog, "find", lambda name: replace(record, files=files))
    style_vector.load.cache_clear()
    with pytest.raises(ModelError, match="fitted with another encoder"):
        style_vector.load()
    style_vector.load.cache_clear()
