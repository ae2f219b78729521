"""Intervals against SciPy's bootstrap, and by how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from restyle.evaluate.bootstrap import mean_interval, paired_difference, resampled

SAMPLE = list(np.random.default_rng(0).gamma(2.0, size=30))


def test_as_scipy() -> None:
    theirs = stats.bootstrap(
        (SAMPLE,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    ours = mean_interval(SAMPLE, resamples=5000)
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width)
    assert ours.value == pytest.approx(np.mean(SAMPLE))


def test_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        interval = mean_interval(list(rng.normal(1.0, 2.0, 40)), resamples=500)
        held += interval.low <= 1.0 <= interval.high
    assert 0.90 < held / 300 < 0.98


def test_a_statistic_of_indices_gives_the_same() -> None:
    values = np.asarray(SAMPLE)
    general = resampled(lambda chosen: float(values[chosen].mean()), len(values), resamples=2000)
    simple = mean_interval(SAMPLE, resamples=2000)
    assert general.low == pytest.approx(simple.low, abs=0.05)
    assert general.high == pytest.approx(simple.high, abs=0.05)


def test_is_reproducible() -> None:
    assert mean_interval(SAMPLE) == mean_interval(SAMPLE)
    assert mean_interval(SAMPLE, seed=1) != mean_interval(SAMPLE)


def test_one_item_has_no_interval() -> None:
    for interval in (mean_interval([2.0]), resampled(lambda chosen: 2.0, 1)):
        assert interval.value == 2.0
        assert np.isnan(interval.low)
        assert not interval.above_zero
        assert not interval.below_zero


def test_pairs_are_kept_together() -> None:
    """Two methods that differ by little on pairs that differ by much: the difference is certain."""
    rng = np.random.default_rng(3)
    hard = rng.normal(0, 10, 30)
    better = paired_difference(list(hard - 0.1 + rng.normal(0, 0.05, 30)), list(hard))
    assert better.below_zero
    assert not better.above_zero
    assert mean_interval(list(hard)).high - mean_interval(list(hard)).low > 1
