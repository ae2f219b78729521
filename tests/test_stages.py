"""Stages overlap, stay bounded, and stop when told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from restyle.stages import Stages


def test_items_come_in_order_through_several_stages() -> None:
    stages = Stages()
    doubled = stages.ahead((2 * n for n in stages.ahead(range(50), 3)), 3)
    assert list(doubled) == [2 * n for n in range(50)]
    stages.close()


def test_a_stage_is_never_further_ahead_than_its_depth() -> None:
    made = 0

    def count() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    stages = Stages()
    taken = stages.ahead(count(), 4)
    assert next(taken) == 1
    time.sleep(0.3)
    assert made <= 1 + 4 + 1  # taken, waiting, and in hand
    stages.close()


def test_stages_work_at_the_same_time() -> None:
    def slow(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            time.sleep(0.02)
            yield item

    stages = Stages()
    start = time.perf_counter()
    assert len(list(slow(stages.ahead(slow(stages.ahead(slow(iter(range(20))), 2)), 2)))) == 20
    assert time.perf_counter() - start < 0.8 * 3 * 20 * 0.02
    stages.close()


def test_an_error_arrives_after_what_came_before_it() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stages = Stages()
    items = stages.ahead(fail(), 4)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    stages.close()


def test_close_ends_items_and_threads() -> None:
    before = threading.active_count()
    stages = Stages()
    items = stages.ahead(stages.ahead(iter(int, 1), 2), 2)
    assert next(items) == 0
    stages.close()
    assert list(items) == []
    assert threading.active_count() == before
