"""How sure a mean is: intervals by drawing the same number of pairs again and again.

References: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron and Tibshirani 1993, "An
Introduction to the Bootstrap" (percentile intervals).

Pairs count as independent. Where a few contents and styles are combined they are not quite, and intervals are
somewhat too narrow; reports say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Interval:
    """A figure with the interval that holds it with `LEVEL`.

    Parameters
    ----------
    value, low, high : float
    """

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0


def resampled(
    statistic: Callable[[Indices], float], count: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """Percentile interval of a statistic of a sample.

    Parameters
    ----------
    statistic : function of np.ndarray [shape=(count,), intp]
        The figure for a sample made of these items, some of them several times.
    count : int
        Items in the sample. Of one item nothing is known but itself.

    Returns
    -------
    Interval
    """
    value = statistic(np.arange(count))
    if count < 2:
        return Interval(value, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    values = [statistic(rng.integers(0, count, count)) for _ in range(resamples)]
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values, [tail, 100 - tail])
    return Interval(value, float(low), float(high))


def mean_interval(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """Percentile interval of the mean.

    Examples
    --------
    >>> mean_interval([1.0, 1.0, 1.0])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    sample = np.asarray(values, np.float64)
    if len(sample) < 2:
        return Interval(float(sample.mean()), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    means = sample[rng.integers(0, len(sample), (resamples, len(sample)))].mean(axis=1)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(sample.mean()), float(low), float(high))


def paired_difference(ours: Sequence[float], theirs: Sequence[float], *, seed: int = SEED) -> Interval:
    """Percentile interval of the mean difference of two methods on the same pairs: ours less theirs."""
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    return mean_interval(list(differences), seed=seed)
