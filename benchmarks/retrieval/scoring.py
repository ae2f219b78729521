"""Retrieval scores: each work is a query for the others of its artist; all works are ranked by distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.evaluate.summary import Interval, resampled

RANKS = (1, 5, 10)
Distances = npt.NDArray[np.float32]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Answers:
    """Scores of one metric on the works of a set.

    Parameters
    ----------
    artists : np.ndarray [shape=(q,), str]
        Of the works that asked: those whose artist has another work in the set.
    precision : np.ndarray [shape=(q,), float64]
        Average precision of each answer.
    found : np.ndarray [shape=(q, 3), bool]
        Whether a work of the same artist is among the first 1, 5, 10.
    """

    artists: Names
    precision: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]

    def mean_precision(self) -> Interval:
        """Return mAP over all queries, with its bootstrap interval over artists."""
        return over_artists([self], lambda each: float(each[0].mean()))

    def by_artist(self) -> float:
        """Return mAP with equal weight for each artist."""
        return float(
            np.mean([self.precision[self.artists == each].mean() for each in np.unique(self.artists)])
        )

    def recall(self, rank: int) -> float:
        """Return the share of works for which another work of the artist is among the first `rank`."""
        return float(self.found[:, RANKS.index(rank)].mean())


def answer(distances: Distances, artists: Names, asking: npt.NDArray[np.bool_] | None = None) -> Answers:
    """Rank the set for every query.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float32]
    artists : np.ndarray [shape=(n,), str]
    asking : np.ndarray [shape=(n,), bool] or None
        None lets all ask. A work never answers itself.
    """
    names, precision, found = [], [], []
    for row in np.flatnonzero(np.ones(len(artists), bool) if asking is None else asking):
        same = artists == artists[row]
        if same.sum() < 2:
            continue
        order = np.argsort(distances[row])
        hits = same[order[order != row]]
        ranks = np.flatnonzero(hits) + 1
        names.append(artists[row])
        precision.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
        found.append([bool(hits[:rank].any()) for rank in RANKS])
    return Answers(np.array(names), np.array(precision), np.array(found).reshape(-1, len(RANKS)))


def ratio(ours: Answers, theirs: Answers) -> Interval:
    """Return mAP of one metric over that of another on the same queries, with its interval."""
    return over_artists([ours, theirs], lambda each: float(each[0].mean() / each[1].mean()))


def over_artists(
    answers: Sequence[Answers], statistic: Callable[[list[npt.NDArray[np.float64]]], float]
) -> Interval:
    """Return the percentile interval of a statistic of precisions; artists are resampled with replacement.

    Works of one artist are alike, so drawing works would call the figures surer than they are.
    """
    names = answers[0].artists
    groups = [np.flatnonzero(names == each) for each in np.unique(names)]

    def of_sample(chosen: npt.NDArray[np.intp]) -> float:
        rows = np.concatenate([groups[index] for index in chosen])
        return statistic([each.precision[rows] for each in answers])

    return resampled(of_sample, len(groups))
