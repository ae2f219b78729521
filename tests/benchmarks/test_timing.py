"""Interleaving, medians and percentiles of the benchmark's clock."""

import pytest

from benchmarks.timing import Timing, interleaved


def test_percentiles_of_known_samples() -> None:
    timing = Timing(tuple(float(i) for i in range(11)))
    assert (timing.median, timing.low, timing.high) == (5.0, 1.0, 9.0)


def test_every_round_times_every_candidate_after_an_untimed_call() -> None:
    calls: list[str] = []
    now = 0.0
    told: list[int] = []

    def clock() -> float:
        return now

    def candidate(name: str, seconds: float) -> None:
        nonlocal now
        calls.append(name)
        now += seconds

    timings = interleaved(
        {"a": lambda: candidate("a", 1.0), "b": lambda: candidate("b", 2.0)},
        rounds=4,
        calls=2,
        warm_up=1,
        report=told.append,
        clock=clock,
    )
    assert told == [0, 1, 2, 3, 4]
    assert timings["a"].samples == (1.0,) * 8
    assert timings["b"].samples == (2.0,) * 8
    assert calls[:2] == ["a", "b"]
    rounds = [calls[2 + 6 * i : 8 + 6 * i] for i in range(4)]
    assert all(sorted(taken) == ["a"] * 3 + ["b"] * 3 for taken in rounds)
    assert {taken[0] for taken in rounds} == {"a", "b"}, "the order is drawn anew each round"


@pytest.mark.parametrize(("rounds", "calls"), [(0, 1), (1, 0)])
def test_refuses_to_measure_nothing(rounds: int, calls: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        interleaved({"a": lambda: None}, rounds=rounds, calls=calls)
