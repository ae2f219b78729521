"""Interleaved timing of several candidates, as the contract in `README.md` requires."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Samples of one candidate.

    Parameters
    ----------
    samples : tuple of float [seconds]
        One entry a timed call, in the order taken.
    """

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the samples, seconds."""
        return statistics.median(self.samples)

    @property
    def low(self) -> float:
        """10th percentile, seconds."""
        return _quantile(self.samples, 0.1)

    @property
    def high(self) -> float:
        """90th percentile, seconds."""
        return _quantile(self.samples, 0.9)


def _quantile(samples: Sequence[float], share: float) -> float:
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def interleaved(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 3,
    warm_up: int = 1,
    settle: int = 1,
    seed: int = 0,
    report: Callable[[int], None] = lambda round_: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time every candidate in every round, in a new random order each round.

    Parameters
    ----------
    candidates : mapping of name to call
        What to time. What a call returns is thrown away.
    rounds : int [1..]
        Rounds; each one times every candidate.
    calls : int [1..]
        Timed calls of a candidate in one round.
    warm_up : int [0..]
        Untimed calls of each candidate before the first round.
    settle : int [0..]
        Untimed calls of a candidate in each round before the timed ones: the previous candidate's worker
        threads may still spin, and its data fill the caches. New processes need none.
    seed : int
        Seeds the order.
    report : callable
        Called with each round's number, from 0 (the warm-up), before it starts.
    clock : callable -> float [seconds]
        Replaced in tests.

    Returns
    -------
    dict of name to Timing
        In the order of `candidates`, each with ``rounds * calls`` samples.
    """
    if rounds < 1 or calls < 1:
        raise ValueError(f"rounds and calls must be at least 1, not {rounds} and {calls}")
    order = list(candidates)
    shuffle = random.Random(seed).shuffle
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    report(0)
    for name in order:
        for _ in range(warm_up):
            candidates[name]()
    for round_ in range(1, rounds + 1):
        report(round_)
        shuffle(order)
        for name in order:
            call = candidates[name]
            for _ in range(settle):
                call()
            for _ in range(calls):
                start = clock()
                call()
                samples[name].append(clock() - start)
    return {name: Timing(tuple(taken)) for name, taken in samples.items()}
