"""Stages of work that overlap: each in a thread of its own, joined by bounded queues.

One stage may be so much the longest that it alone fills all cores, and what it runs on them waits for its
slowest core many times a second. A short stage that takes half of one core then halts all of them. So the
others stand aside (a higher `nice`): they take what is left over, all at once and on several cores, and cost
the long one their work, not a multiple of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread, get_native_id
from typing import Any, TypeVar

T = TypeVar("T")

ASIDE = 10  # added to `nice`: a tenth of the share of a thread that does not stand aside
_TICK = 0.05  # seconds between two looks at whether to stop
_END = object()


class Stages:
    """Runs iterators ahead of whoever takes their items.

    Examples
    --------
    >>> stages = Stages()
    >>> numbers = stages.ahead(range(4), depth=2)
    >>> squares = stages.ahead((n * n for n in numbers), depth=2)
    >>> list(squares)
    [0, 1, 4, 9]
    >>> stages.close()
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._threads: list[Thread] = []

    def ahead(self, items: Iterable[T], depth: int, aside: bool = False) -> Iterator[T]:
        """Yield the same items, made in a thread that is at most `depth` of them ahead.

        What the thread raises is raised here, after the items that came before. After `close` the items
        simply end. With `aside` the thread, and those that it starts, leave the cores to others.
        """
        line: Queue[tuple[Any, BaseException | None]] = Queue(depth)

        def put(item: Any, error: BaseException | None = None) -> bool:
            while not self._stop.is_set():
                try:
                    line.put((item, error), timeout=_TICK)
                except Full:
                    continue
                return True
            return False

        def work() -> None:
            if aside:
                stand_aside()
            try:
                for item in items:
                    if not put(item):
                        return
            except BaseException as error:  # noqa: BLE001, it is raised where the items are taken
                put(_END, error)
            else:
                put(_END)

        thread = Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self._taken(line)

    def close(self) -> None:
        """Let every thread finish the item in its hands, and wait for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _taken(self, line: Queue[tuple[Any, BaseException | None]]) -> Iterator[Any]:
        while not self._stop.is_set():
            try:
                item, error = line.get(timeout=_TICK)
            except Empty:
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item


def done_aside(work: Callable[[], T]) -> T:
    """Do some work in a thread that stands aside, as do the threads that it leaves running; wait for it."""
    done: list[T] = []
    raised: list[BaseException] = []

    def call() -> None:
        stand_aside()
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001, it is raised below
            raised.append(error)

    thread = Thread(target=call, daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return done[0]


def stand_aside() -> None:
    """Lower the priority of this thread, and of those it will start; only Linux has one for each thread."""
    if sys.platform == "linux":
        thread = get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + ASIDE))
