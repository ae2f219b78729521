"""The next batches, made in threads while the network works on this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor


class Prefetch:
    """Prepares the next batches in threads while the network works on this one."""

    def __init__(self, make: Callable[[int], dict[str, Tensor]], first: int, ahead: int) -> None:
        self.make, self.ahead = make, ahead
        self.pool = ThreadPoolExecutor(ahead)
        self.queue: dict[int, Future[dict[str, Tensor]]] = {}
        self.fill(first)

    def fill(self, step: int) -> None:
        for s in range(step, step + self.ahead):
            if s not in self.queue:
                self.queue[s] = self.pool.submit(self.make, s)

    def take(self, step: int) -> dict[str, Tensor]:
        self.fill(step)
        batch = self.queue.pop(step).result()
        self.fill(step + 1)
        return batch

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
