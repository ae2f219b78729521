"""Time that `--method optimize` needs to reach the final loss of plain Gatys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.optimize.gatys import STEPS, Yardstick, gatys
from restyle.methods.optimize.problem import Part
from restyle.methods.optimize.run import optimize
from restyle.methods.protocol import Step
from restyle.models.style_codes import Exemplar
from restyle.options import OptimizeOptions
from restyle.types import FloatArray

# The loss of the reference, at every size: the mean of five Gram losses, and a fifth of the content loss.
SAME_LOSS = {"style_loss": "gram", "content_loss": "relu4_1", "content_weight": 0.2, "large_forms": 0.0}


@dataclass(frozen=True)
class Race:
    """The result for one pair.

    Parameters
    ----------
    loss : float
        Of plain Gatys at its end.
    plain, ours : float [seconds]
        `ours` is infinite if the loss was not reached; the start (the fast method's picture) is counted.
    reached : float
        The least loss that ours came to.
    """

    loss: float
    plain: float
    ours: float
    reached: float

    @property
    def ratio(self) -> float:
        """Return the time of plain Gatys over that of restyle."""
        return self.plain / self.ours


def race(
    content: FloatArray,
    style: FloatArray,
    start: Callable[[], FloatArray],
    *,
    steps: int,
    plain_steps: int = STEPS,
    threads: int,
    look_every: int = 4,
) -> Race:
    """Run both, one after the other, on the same threads.

    Parameters
    ----------
    content, style : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    start : function that gives the fast method's picture
    steps : int
        Of ours, at most.
    look_every : int
        The loss of ours is looked at every so many steps; the clock stands still meanwhile.
    """
    torch.set_num_threads(threads)
    yardstick = Yardstick(content, style)
    yardstick.of(content)  # warm
    began = time.perf_counter()
    made = gatys(yardstick, plain_steps)
    plain = time.perf_counter() - began
    with torch.no_grad():
        aim = float(yardstick.loss(made))
    reached, at = float("inf"), float("inf")
    paused = 0.0

    def look(step: Step) -> bool:
        nonlocal reached, at, paused
        if step.number % look_every and step.number < step.total:
            return False
        stopped = time.perf_counter()
        loss = yardstick.of(step.picture())
        if loss <= aim and at == float("inf"):
            at = stopped - began - paused
        reached = min(reached, loss)
        paused += time.perf_counter() - stopped
        return at < float("inf")

    options = OptimizeOptions(method="optimize", steps=steps, **SAME_LOSS)  # type: ignore[arg-type]
    began = time.perf_counter()
    optimize(content, [Part(None, [Exemplar(style)])], options, start=start, threads=threads, callback=look)
    return Race(aim, plain, at, reached)
