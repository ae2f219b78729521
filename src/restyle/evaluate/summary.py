"""What the measurements of a row come to: means with their intervals, and the figures of the set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from restyle.evaluate.bootstrap import Indices, Interval, mean_interval, resampled
from restyle.evaluate.figures import FIGURES
from restyle.evaluate.frechet import Cloud, art_aggregate, frechet_distance, relative_frechet
from restyle.evaluate.pairs import Pair
from restyle.evaluate.record import Measurement
from restyle.evaluate.runs import Evaluation, Row
from restyle.types import FloatArray

SET_RESAMPLES = 200  # a Frechet distance takes milliseconds, a mean microseconds
NAN = float("nan")


@dataclass(frozen=True)
class RowSummary:
    """One row of a report.

    Parameters
    ----------
    name : str
    facts : mapping of str to str
    figures : dict of str to Interval
        In the order of `figures.FIGURES`; those that were measured.
    pairs : dict of str to dict of str to float
        Name of the pair -> its figures.
    """

    name: str
    facts: Mapping[str, str]
    figures: dict[str, Interval]
    pairs: dict[str, dict[str, float]]


def summarised(evaluation: Evaluation) -> list[RowSummary]:
    """Summarise every row that has any result, in the order of the evaluation."""
    return [row_summary(row, evaluation.styles) for row in evaluation.rows if row.measured]


def row_summary(row: Row, styles: Mapping[Pair, Measurement]) -> RowSummary:
    """Summarise one row.

    Parameters
    ----------
    styles : mapping of Pair to Measurement
        What the styles of the pairs are judged by.
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
    """Frechet distances and the aggregates, by drawing whole pairs."""
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
