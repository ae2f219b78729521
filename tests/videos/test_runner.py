"""Stages overlap, stay bounded, and stop on request."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from restyle.videos.runner import NICE, Stages, run_nice


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
    """Each stage waits, in the middle of an item, until the others are in the middle of theirs."""
    count, together = 20, threading.Barrier(3)

    def stage(items: Iterator[int], place: int) -> Iterator[int]:
        for item in items:
            if 0 <= item - (2 - place) < count - 2:  # the first stage is two items ahead of the last
                together.wait(60)
            yield item

    stages = Stages()
    first = stages.ahead(stage(iter(range(count)), 0), 2)
    assert list(stage(stages.ahead(stage(first, 1), 2), 2)) == list(range(count))
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
    before = set(threading.enumerate())
    stages = Stages()
    items = stages.ahead(stages.ahead(iter(int, 1), 2), 2)
    assert next(items) == 0
    stages.close()
    assert list(items) == []
    assert not set(threading.enumerate()) - before


def niceness() -> Iterator[int]:
    """That of the thread that asks, and of one that it starts."""
    found = []
    yield os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(
        target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    )
    thread.start()
    thread.join()
    yield found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_only_short_stages_have_a_low_priority() -> None:
    own, _ = niceness()
    low = min(19, own + NICE)
    stages = Stages()
    assert list(stages.ahead(niceness(), 2, nice=True)) == [low, low]
    assert list(stages.ahead(niceness(), 2)) == [own, own]
    assert run_nice(lambda: list(niceness())) == [low, low]
    assert list(niceness()) == [own, own]
    stages.close()


def test_errors_of_a_nice_thread_are_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_nice(lambda: 1 // 0)
