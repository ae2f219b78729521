"""The columns of a report: means, intervals and figures of the set."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from restyle.evaluate.bench import Measurement
from restyle.evaluate.metrics import art_aggregate, frechet_distance, relative_frechet
from restyle.evaluate.run import Evaluation, Pair, Row
from restyle.evaluate.summary import BY_NAME, FIGURES, mean_interval, resampled, row_summary, shown, summarize


def test_names_are_unique_and_explained() -> None:
    assert len(BY_NAME) == len(FIGURES)
    assert all(figure.about for figure in FIGURES)


def test_figures_on_our_encoder_are_not_called_as_those_on_standard_networks() -> None:
    for ours, theirs in (("perceptual", "lpips-alex"), ("frechet", "fid"), ("art", "art-fid")):
        assert "in kind, on another network" in BY_NAME[ours].about
        assert theirs in BY_NAME


def test_only_similarity_is_better_when_higher() -> None:
    assert [figure.name for figure in FIGURES if figure.higher] == ["ssim"]


def test_shown() -> None:
    assert shown("style", 0.12345) == "0.1235"
    assert shown("art", float("nan")) == "-"


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
    assert [each.name for each in summarize(evaluation)] == ["ours"]


def test_one_pair_has_no_interval() -> None:
    row = Row("ours", {}, {PAIRS[0]: measurement(style=0.5)})
    found = row_summary(row, STYLES).figures
    assert found["style"].value == 0.5
    assert np.isnan(found["style"].low)
    assert np.isnan(found["frechet"].low)


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
