"""The slow and finest method: the pixels of the picture themselves are optimised.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks": the picture is sought whose
features are like the content's where they are deep, and whose statistics of features are like the style's.
Differs from the paper:

- coarse to fine (`methods.optimize.scales`), from the picture of the fast method;
- every loss is relative to the magnitude of what it compares, so that one weight serves any pair;
- Adam by default, with a falling rate and an average of the iterates; L-BFGS is at hand;
- a compact encoder of our own by default (VGG-19 is at hand), with the grain of the pixels beside it;
- pictures of any size within a given memory (`methods.optimize.objective`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from restyle.errors import OptionError
from restyle.images.geometry import pad
from restyle.methods.optimize import checkpoint
from restyle.methods.optimize.features import SMALLEST
from restyle.methods.optimize.objective import Objective
from restyle.methods.optimize.optimizer import Descent
from restyle.methods.optimize.parts import Before, Part
from restyle.methods.optimize.problem import Easel, pixels
from restyle.methods.optimize.scales import Level, plan_levels
from restyle.methods.protocol import Step, Stopped
from restyle.options.optimize import OptimizeOptions
from restyle.types import FloatArray

STATE_SECONDS = 30.0  # between two states written to disk
_STATE_SHARE = 0.05  # of the time, at most, goes into writing them


def optimize(
    content: FloatArray,
    parts: Sequence[Part],
    options: OptimizeOptions,
    *,
    start: Callable[[], FloatArray] | None = None,
    strength: float = 1.0,
    device: str = "cpu",
    threads: int | None = None,
    state: Path | None = None,
    callback: Callable[[Step], object] | None = None,
    before: Before | None = None,
) -> FloatArray:
    """Optimise a picture.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    parts : sequence of Part
    options : OptimizeOptions
    start : function that gives np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
        Where to start, called only if it is needed; None starts from the content. `init` of the options is
        the caller's to mind, but for noise.
    strength : float, 0..1
        How far the aim lies on the way from the content's own statistics to the style's.
    device : "cpu" or "cuda"
    threads : int or None
    state : Path or None
        File that the state of the run is kept in until it is finished. `resume` of the options goes on from
        it.
    callback : function of a Step
        Called after each step; returning True stops the run, which then gives the picture so far.
    before : Before or None
        Of a film: the picture is held to it, and optimised at full size only, because the start has all that
        coarser sizes could find.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]

    Raises
    ------
    Stopped
        By Ctrl-C; has the picture so far.
    OptionError, InputError, ModelError
        Too little memory; nothing to resume; no such encoder or device; the loss is not a number.
    """
    found = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)  # gathered gradients add up in one order
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        easel = Easel(content, parts, options, strength, device, before)
        return _Run(easel, start, state, callback).picture()
    finally:
        torch.use_deterministic_algorithms(found, warn_only=warns)


class _Run:
    """One run, from its first step or from where it was cut off, to its picture."""

    def __init__(
        self,
        easel: Easel,
        start: Callable[[], FloatArray] | None,
        state: Path | None,
        callback: Callable[[Step], object] | None,
    ) -> None:
        self.easel, self.options = easel, easel.options
        self.start, self.state, self.callback = start, state, callback
        self.levels = plan_levels(easel.size, self.options.steps)
        if easel.before is not None:
            self.levels = [Level(*easel.size, self.options.steps, 1.0)]
        self.total = sum(level.steps for level in self.levels)
        self.job = easel.job()
        self.began = self.saved = time.monotonic()
        self.save_cost = 0.0
        self.work = 0.0  # pixels times steps, done since `began`
        self.mending = False
        self.terms: dict[str, float] = {}

    def picture(self) -> FloatArray:
        """Go through the levels."""
        first, done, restored = 0, 0, None
        if self.options.resume:
            if self.state is None:
                raise OptionError("--resume goes on with a file; there is none where no output is written")
            first, done, restored = checkpoint.read_state(self.state, self.job)
        picture: FloatArray | None = None
        for index in range(first, len(self.levels)):
            level = self.levels[index]
            objective = self.easel.objective(level)
            if picture is None:
                picture = self.easel.content if restored else self._begin(level)
            descent = self.easel.descent(level, picture, restored)
            stopped = False
            try:
                while done < level.steps and not stopped:
                    self._step(index, done, descent, objective)
                    done += 1
                    stopped = bool(self._tell(index, done - 1, descent))
                    self._keep(index, done, descent)
            except KeyboardInterrupt:
                if not self.mending:
                    self._keep(index, done, descent, now=True)
                raise Stopped(self.easel.whole(pixels(descent.result()))) from None
            picture, done, restored = pixels(descent.result()), 0, None
            if stopped:
                return self.easel.whole(picture)
        assert picture is not None
        if self.state is not None:
            checkpoint.forget_state(self.state)
        return self.easel.whole(picture)

    def _begin(self, level: Level) -> FloatArray:
        """Where to start, at any size."""
        if self.options.init == "noise":
            return self.easel.noise(level)
        return self.easel.content if self.start is None else pad(self.start(), 1, minimum=SMALLEST)[0]

    def _step(self, index: int, number: int, descent: Descent, objective: Objective) -> None:
        """Take a step; `mending` tells whether the descent is between two states."""

        def evaluate(x: torch.Tensor, step: int) -> tuple[dict[str, float], torch.Tensor]:
            self.mending = False
            terms, gradient = objective.evaluate(x, step)
            self.mending = True
            return terms, gradient

        level = self.levels[index]
        self.terms = descent.step(evaluate, number, level.steps)
        if not math.isfinite(sum(self.terms.values())):
            bad = ", ".join(name for name, each in self.terms.items() if not math.isfinite(each))
            raise OptionError(
                f"the loss is no longer a number ({bad}, step {number + 1} at {level.width} x {level.height}"
                " px); try smaller weights or another --style-loss"
            )
        self.mending = False
        self.work += level.steps_work(1)

    def _tell(self, index: int, number: int, descent: Descent) -> object:
        """Tell the callback of the step just taken."""
        if self.callback is None:
            return False
        level = self.levels[index]
        left = level.steps_work(level.steps - number - 1)
        left += sum(each.steps_work(each.steps) for each in self.levels[index + 1 :])
        spent = time.monotonic() - self.began
        return self.callback(
            Step(
                sum(each.steps for each in self.levels[:index]) + number + 1,
                self.total,
                level.height,
                level.width,
                self.terms,
                spent * left / self.work if spent > 1 else None,
                lambda: self.easel.whole(pixels(descent.result())),
            )
        )

    def _keep(self, index: int, step: int, descent: Descent, now: bool = False) -> None:
        """Write the state to disk, now and then."""
        if self.state is None:
            return
        start = time.monotonic()
        if now or start - self.saved > max(STATE_SECONDS, self.save_cost / _STATE_SHARE):
            checkpoint.write_state(self.state, self.job, index, step, descent.state())
            self.saved = time.monotonic()
            self.save_cost = self.saved - start
