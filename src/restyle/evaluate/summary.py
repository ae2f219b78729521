"""Summarize the measurements of a row: means and figures of the whole set, with bootstrap intervals.

References: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron and Tibshirani 1993, "An
Introduction to the Bootstrap" (percentile intervals). Pairs count as independent. Pairs that share a content
or a style are not, so intervals are somewhat too narrow; reports say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.evaluate.cache import Measurement
from restyle.evaluate.feature_metrics import Cloud, art_aggregate, frechet_distance, relative_frechet
from restyle.evaluate.figures import FIGURES
from restyle.evaluate.pairs import Pair
from restyle.evaluate.run import Evaluation, Row
from restyle.types import FloatArray

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0

Indices = NDArray[np.intp]
SET_RESAMPLES = 200  # for Frechet distances, which take milliseconds
NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """A figure with its percentile interval of `LEVEL`.

    Parameters
    ----------
    value, low, high : float
    """

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the interval is above 0."""
        return self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the interval is below 0."""
        return self.high < 0


@dataclass(frozen=True)
class RowSummary:
    """One row of a report.

    Parameters
    ----------
    name : str
    facts : mapping of str to str
    figures : dict of str to Interval
        Measured figures in the order of `figures.FIGURES`.
    pairs : dict of str to dict of str to float
        Name of the pair -> its figures.
    """

    name: str
    facts: Mapping[str, str]
    figures: dict[str, Interval]
    pairs: dict[str, dict[str, float]]


def summarize(evaluation: Evaluation) -> list[RowSummary]:
    """Summarize every row that has results."""
    return [row_summary(row, evaluation.styles) for row in evaluation.rows if row.measured]


def row_summary(row: Row, styles: Mapping[Pair, Measurement]) -> RowSummary:
    """Summarize one row.

    Parameters
    ----------
    styles : mapping of Pair to Measurement
        Features of the styles.
    """
    pairs = list(row.measured)
    measured = [row.measured[pair] for pair in pairs]
    found: dict[str, Interval] = {}
    for figure in FIGURES:
        values = [each.figures[figure.name] for each in measured if figure.name in each.figures]
        values = [value for value in values if value == value]
        if values:
            found[figure.name] = mean_interval(values)
    found.update(_of_the_set(measured, [styles[pair] for pair in pairs]))
    if row.seconds:
        found["seconds"] = Interval(row.median_seconds, *np.percentile(row.seconds, [10, 90]).tolist())
    ordered = {figure.name: found[figure.name] for figure in FIGURES if figure.name in found}
    return RowSummary(
        row.name, row.facts, ordered, {pair.name: dict(row.measured[pair].figures) for pair in pairs}
    )


def _of_the_set(measured: list[Measurement], styles: list[Measurement]) -> dict[str, Interval]:
    """Frechet distances and aggregates of all results together, resampled by pairs."""
    ours, theirs = [each.cloud for each in measured], [each.cloud for each in styles]

    def frechet(chosen: Indices) -> float:
        return relative_frechet(_joined(ours, chosen), _joined(theirs, chosen))

    def mean(name: str, chosen: Indices) -> float:
        return float(np.mean([measured[index].figures[name] for index in chosen]))

    count = len(measured)
    found = {
        "frechet": resampled(frechet, count, resamples=SET_RESAMPLES),
        "art": resampled(
            lambda chosen: art_aggregate(mean("perceptual", chosen), frechet(chosen)),
            count,
            resamples=SET_RESAMPLES,
        ),
    }
    if measured[0].inception.size and count > 1:
        vectors = [
            np.stack([each.inception for each in several]).astype(np.float64)
            for several in (measured, styles)
        ]

        def fid(chosen: Indices) -> float:
            return frechet_distance(vectors[0][chosen], vectors[1][chosen])

        found["fid"] = resampled(fid, count, resamples=SET_RESAMPLES)
        if "lpips-alex" in measured[0].figures:
            found["art-fid"] = resampled(
                lambda chosen: art_aggregate(mean("lpips-alex", chosen), fid(chosen)),
                count,
                resamples=SET_RESAMPLES,
            )
    return found


def _joined(clouds: list[FloatArray], chosen: Indices) -> Cloud:
    return np.concatenate([clouds[index] for index in chosen]).astype(np.float64)


def resampled(
    statistic: Callable[[Indices], float], count: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """Percentile interval of a statistic by resampling.

    Parameters
    ----------
    statistic : function of np.ndarray [shape=(count,), intp]
        The figure for a sample of these items, with repetitions.
    count : int
        Number of items. The interval of a single item is NaN.
    """
    rng = np.random.default_rng(seed)
    value = statistic(np.arange(count))
    if count < 2:
        return Interval(value, NAN, NAN)
    return _interval(value, [statistic(rng.integers(0, count, count)) for _ in range(resamples)])


def mean_interval(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """Percentile interval of the mean.

    Examples
    --------
    >>> mean_interval([1.0, 1.0, 1.0])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    sample = np.asarray(values, np.float64)
    if len(sample) < 2:
        return Interval(float(sample.mean()), NAN, NAN)
    chosen = np.random.default_rng(seed).integers(0, len(sample), (resamples, len(sample)))
    return _interval(float(sample.mean()), sample[chosen].mean(axis=1))


def _interval(value: float, values: Any) -> Interval:
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(value, float(low), float(high))
