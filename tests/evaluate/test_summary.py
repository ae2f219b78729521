"""Means, intervals and figures of the set."""

from pathlib import Path

import numpy as np
import pytest

from restyle.evaluate.frechet import art_aggregate, frechet_distance, relative_frechet
from restyle.evaluate.pairs import Pair
from restyle.evaluate.record import Measurement
from restyle.evaluate.runs import Evaluation, Row
from restyle.evaluate.summary import row_summary, summarised

RNG = np.random.default_rng(0)
PAIRS = [Pair(Path(f"c{index}.png"), Path("s.png")) for index in range(8)]


def measurement(shift: float = 0.0, inception: bool = False, /, **figures: float) -> Measurement:
    cloud = (RNG.normal(size=(16, 5)) + shift).astype(np.float32)
    vector = RNG.normal(size=2048 if inception else 0).astype(np.float32)
    return Measurement({"perceptual": 1.0, **figures}, cloud, vector)


def made_row(**rest: float) -> Row:
    row = Row("ours", {"version": "1"})
    for index, pair in enumerate(PAIRS):
        row.measured[pair] = measurement(1.0, False, style=0.1 * index, **rest)
    return row


STYLES = {pair: measurement() for pair in PAIRS}


def test_means_and_figures_of_the_set() -> None:
    row = made_row()
    found = row_summary(row, STYLES)
    assert found.figures["style"].value == pytest.approx(0.35)
    assert found.figures["style"].low < 0.35 < found.figures["style"].high
    ours = np.concatenate([row.measured[pair].cloud for pair in PAIRS]).astype(np.float64)
    theirs = np.concatenate([STYLES[pair].cloud for pair in PAIRS]).astype(np.float64)
    frechet = relative_frechet(ours, theirs)
    assert found.figures["frechet"].value == pytest.approx(frechet)
    assert found.figures["art"].value == pytest.approx(art_aggregate(1.0, frechet))
    assert list(found.pairs) == [pair.name for pair in PAIRS]
    assert "fid" not in found.figures


def test_fid_where_it_was_asked_for() -> None:
    row = Row("ours", {})
    for pair in PAIRS:
        row.measured[pair] = measurement(0.0, True, **{"lpips-alex": 0.5})
    styles = {pair: measurement(0.0, True) for pair in PAIRS}
    found = row_summary(row, styles)
    vectors = [
        np.stack([each[pair].inception for pair in PAIRS]).astype(np.float64)
        for each in (row.measured, styles)
    ]
    fid = frechet_distance(vectors[0], vectors[1])
    assert found.figures["fid"].value == pytest.approx(fid)
    assert found.figures["art-fid"].value == pytest.approx(1.5 * (1 + fid))


def test_seconds_are_a_median() -> None:
    row = made_row()
    row.seconds = [1.0, 2.0, 30.0]
    assert row_summary(row, STYLES).figures["seconds"].value == 2


def test_figures_that_do_not_exist_are_left_out() -> None:
    row = made_row(temporal=float("nan"))
    assert "temporal" not in row_summary(row, STYLES).figures
    assert list(row_summary(row, STYLES).figures) == ["style", "perceptual", "frechet", "art"]


def test_rows_without_results_are_left_out() -> None:
    evaluation = Evaluation([Row("empty", {}), made_row()], dict(STYLES))
    assert [each.name for each in summarised(evaluation)] == ["ours"]


def test_one_pair_has_no_interval() -> None:
    row = Row("ours", {}, {PAIRS[0]: measurement(style=0.5)})
    found = row_summary(row, STYLES).figures
    assert found["style"].value == 0.5
    assert np.isnan(found["style"].low)
    assert np.isnan(found["frechet"].low)
