import numpy as np
import pytest

from benchmarks.retrieval.scoring import answer, ratio

ARTISTS = np.array(["a", "a", "b", "b", "c"])


def on_a_line(*places: float) -> np.ndarray:
    line = np.array(places, np.float32)
    return np.asarray(abs(line[:, None] - line), np.float32)


def test_works_beside_their_own_score_one() -> None:
    found = answer(on_a_line(0, 1, 10, 11, 50), ARTISTS)
    assert list(found.artists) == ["a", "a", "b", "b"]  # who is alone has nobody to find
    assert found.precision.tolist() == [1, 1, 1, 1]
    assert found.recall(1) == found.by_artist() == 1
    assert found.mean_precision().low == 1


def test_average_precision_is_that_of_the_ranks() -> None:
    # From 0 the order is b b a c: the only other work of a is third.
    found = answer(on_a_line(0, 3, 1, 2, 50), ARTISTS, np.array([True, False, False, False, False]))
    assert found.precision.tolist() == pytest.approx([1 / 3])
    assert found.recall(1) == 0
    assert found.recall(5) == 1


def test_two_of_the_same_artist_are_averaged() -> None:
    artists = np.array(["a", "b", "a", "b", "a"])
    found = answer(on_a_line(0, 1, 2, 3, 4), artists, np.arange(5) == 0)
    assert found.precision.tolist() == pytest.approx([(1 / 2 + 2 / 4) / 2])


def test_artists_count_alike_where_wanted() -> None:
    artists = np.array(["a"] * 6 + ["b"] * 2)
    found = answer(on_a_line(0, 1, 2, 3, 4, 5, 2.4, 90), artists)
    per = [found.precision[found.artists == each].mean() for each in "ab"]
    assert found.by_artist() == pytest.approx(np.mean(per))
    assert found.by_artist() < found.precision.mean()


def test_ratio_of_a_metric_with_itself_is_one() -> None:
    found = answer(on_a_line(0, 3, 1, 2, 50), ARTISTS)
    same = ratio(found, found)
    assert same.value == same.low == same.high == 1
