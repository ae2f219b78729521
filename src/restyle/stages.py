"""Stages of work that overlap: each in a thread of its own, joined by bounded queues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")

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

    def ahead(self, items: Iterable[T], depth: int) -> Iterator[T]:
        """Yield the same items, made in a thread that is at most `depth` of them ahead.

        What the thread raises is raised here, after the items that came before. After `close` the items
        simply end.
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
