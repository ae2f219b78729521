"""The figures of a report, and their summary by row: means and figures of the set, with bootstrap intervals.

A figure is one row of `FIGURES`; the functions are in `metrics` and `videos`.

References: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron and Tibshirani 1993, "An
Introduction to the Bootstrap" (percentile intervals). Pairs count as independent. Pairs that share a content
or a style are not, so intervals are somewhat too narrow; reports say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restyle.evaluate.bench import Measurement
from restyle.evaluate.metrics import art_aggregate, frechet_distance, relative_frechet
from restyle.evaluate.run import Evaluation, Pair, Row

Scope = Literal["pair", "set", "run"]


@dataclass(frozen=True)
class Figure:
    """One column of a report."""

    name: str
    about: str  # meaning in one line, with the paper
    scope: Scope = "pair"  # mean over pairs, one figure for all results, or a property of the run
    higher: bool = False  # whether higher is better
    digits: int = 4  # after the decimal point
    published: bool = False  # a loss as published, shown in a separate table


FIGURES: tuple[Figure, ...] = (
    Figure("style", "distance of Gram matrices, relu1_1 to relu5_1, scale-free, 0..2 (Gatys et al. 2016)"),
    Figure("content", "distance of features at relu4_1, scale-free, 0..2 (Gatys et al. 2016)"),
    Figure("perceptual", "distance to the content of features of length 1, summed over five layers,"
           " unweighted (Zhang et al. 2018; LPIPS in kind, on another network)"),
    Figure("ssim", "structural similarity of the luma to the content, 1 is the same (Wang et al. 2004)",
           higher=True),
    Figure("frechet", "distance of all results to all styles, as clouds of features of picture parts, over"
           " the styles' variance (Heusel et al. 2017; FID in kind, on another network)", "set"),
    Figure("art", "(1 + perceptual)(1 + frechet) (Wright and Ommer 2022; ArtFID in kind, on another network)",
           "set", digits=3),
    Figure("grid", "dB of the strongest periodic line of 2 to 8 px that the content lacks"
           " (after Odena et al. 2016, Durall et al. 2020)", digits=2),
    Figure("blur", "blur effect of the result alone, 0 sharp, 1 blurred (Crete et al. 2007)"),
    Figure("clipping", "share of pixels clipped to pure black or white, beyond that of content and style"),
    Figure("temporal", "videos: warping error along the content's motion, in thousandths (Lai et al. 2018;"
           " TV-L1 flow of Zach et al. 2007)", digits=3),
    Figure("lpips-alex", "LPIPS 0.1 on AlexNet, to the content (Zhang et al. 2018)"),
    Figure("fid", "Frechet Inception distance of all results to all styles (Heusel et al. 2017)",
           "set", digits=2),
    Figure("art-fid", "(1 + lpips-alex)(1 + fid): ArtFID (Wright and Ommer 2022), but with the Inception of"
           " FID, not one trained on artworks", "set", digits=2),
    Figure("seconds", "median time to stylize a picture or a frame on this machine", "run", digits=3),
    Figure("gatys-style", "style loss, eqs. 4 and 5 of Gatys et al. 2016", digits=6, published=True),
    Figure("gatys-content", "content loss, eq. 1 of Gatys et al. 2016, for each position", published=True),
    Figure("adain-style", "style loss, eq. 13 of Huang and Belongie 2017", published=True),
    Figure("adain-content", "content loss, eq. 12 of Huang and Belongie 2017: to the content with the style's"
           " moments", published=True),
)  # fmt: skip

BY_NAME = {figure.name: figure for figure in FIGURES}


def shown(name: str, value: float) -> str:
    """Format a figure; NaN is a dash.

    Examples
    --------
    >>> shown("grid", 1.234), shown("style", float("nan"))
    ('1.23', '-')
    """
    return "-" if value != value else f"{value:.{BY_NAME[name].digits}f}"


LEVEL = 0.95
RESAMPLES = 2000
SEED = 0

Indices = NDArray[np.intp]
SET_RESAMPLES = 200  # for Frechet distances, which take milliseconds
NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """A figure with its percentile interval of `LEVEL`."""

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
    """One row of a report."""

    name: str
    facts: Mapping[str, str]
    figures: dict[str, Interval]  # those measured, in the order of `FIGURES`
    pairs: dict[str, dict[str, float]]  # name of the pair -> its figures


def summarize(evaluation: Evaluation) -> list[RowSummary]:
    """Summarize every row that has results."""
    return [row_summary(row, evaluation.styles) for row in evaluation.rows if row.measured]


def row_summary(row: Row, styles: Mapping[Pair, Measurement]) -> RowSummary:
    """Summarize one row; `styles` has the features of the pairs' styles."""
    measured = list(row.measured.values())
    found: dict[str, Interval] = {}
    for figure in FIGURES:
        values = [each.figures[figure.name] for each in measured if figure.name in each.figures]
        values = [value for value in values if value == value]
        if values:
            found[figure.name] = mean_interval(values)
    found.update(_of_the_set(measured, [styles[pair] for pair in row.measured]))
    if row.seconds:
        found["seconds"] = Interval(row.median_seconds, *np.percentile(row.seconds, [10, 90]).tolist())
    ordered = {figure.name: found[figure.name] for figure in FIGURES if figure.name in found}
    pairs = {pair.name: dict(each.figures) for pair, each in row.measured.items()}
    return RowSummary(row.name, row.facts, ordered, pairs)


def _of_the_set(measured: list[Measurement], styles: list[Measurement]) -> dict[str, Interval]:
    """Frechet distances and aggregates of all results together, resampled by pairs."""

    def frechet(chosen: Indices) -> float:
        clouds = [np.concatenate([each[index].cloud for index in chosen]) for each in (measured, styles)]
        return relative_frechet(*(cloud.astype(np.float64) for cloud in clouds))

    def fid(chosen: Indices) -> float:
        vectors = [np.stack([each[index].inception for index in chosen]) for each in (measured, styles)]
        return frechet_distance(*(cloud.astype(np.float64) for cloud in vectors))

    def mean(name: str, chosen: Indices) -> float:
        return float(np.mean([measured[index].figures[name] for index in chosen]))

    statistics: dict[str, Callable[[Indices], float]] = {
        "frechet": frechet,
        "art": lambda chosen: art_aggregate(mean("perceptual", chosen), frechet(chosen)),
    }
    if measured[0].inception.size and len(measured) > 1:
        statistics["fid"] = fid
        if "lpips-alex" in measured[0].figures:
            statistics["art-fid"] = lambda chosen: art_aggregate(mean("lpips-alex", chosen), fid(chosen))
    return {
        name: resampled(statistic, len(measured), resamples=SET_RESAMPLES)
        for name, statistic in statistics.items()
    }


def resampled(
    statistic: Callable[[Indices], float], count: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """Percentile interval of a statistic by resampling; that of a single item is NaN.

    The statistic gets a sample of `count` items, with repetitions, as indices [shape=(count,), intp].
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
