"""One run: the optimizers of pixels, the steps at each size, and the state that `--resume` continues.

Both optimizers are resumable at every step with bit-equal results, and our own. torch.optim.LBFGS (strong
Wolfe) ends at a higher loss after 60 evaluations on three pairs (0.0587, 0.0595, 0.0554; ours 0.0580, 0.0591,
0.0553). torch.optim.Adam with the average of swa_utils is no better (0.0754, 0.0769, 0.0636; ours 0.0753,
0.0769, 0.0635).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from restyle.errors import InputError, OptionError, OutputError
from restyle.files import writing
from restyle.images.resize import resize
from restyle.methods.optimize.objective import Objective
from restyle.methods.optimize.problem import Level, Part, Problem, padded, pairs, pixels, plan_levels
from restyle.methods.protocol import Previous, Step, Stopped
from restyle.nn import torch_settings
from restyle.options.image import OptimizeOptions
from restyle.types import FloatArray

_FORMAT = "restyle-unfinished/1"
STATE_SECONDS = 30.0  # between two states written to disk
_STATE_SHARE = 0.05  # of the time, at most, goes into writing them
FIRST_MOVE, MOST_MOVE = 0.02, 0.16  # of the pixel that moves most, before L-BFGS has any pairs
_WARM_UP = 5  # steps in which the rate rises
_LEAST_RATE = 0.05  # of the rate, at the last step

Evaluate = Callable[[Tensor, int], tuple[dict[str, float], Tensor]]


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
    previous: Previous | None = None,
) -> FloatArray:
    """Optimize a picture [shape=(H, W, 3), float32, RGB, range 0..1]; return one like it.

    Parameters
    ----------
    start : function that gives a picture
        The initial one, called only if needed; None starts from the content. Of the option `init` only
        noise is handled here.
    strength : float, 0..1
        Below 1, the content's own statistics are mixed into those of the style.
    state : Path or None
        File for the state of the unfinished run, which the option `resume` continues.
    callback : function of a Step
        Called after each step; returning True stops the run, which then returns the picture so far.
    previous : Previous or None
        Frame of a video: the temporal loss compares with it, and only the full size is optimized.

    Raises
    ------
    Stopped
        By Ctrl-C; holds the picture so far.
    OptionError, InputError, ModelError
        Too little memory; nothing to resume; no such encoder or device; the loss becomes nan.
    """
    with torch_settings(threads, deterministic=True):  # gathered gradients add up in one order
        problem = Problem(content, parts, options, strength, device, previous)
        return _Run(problem, start, state, callback).picture()


class _Run:
    """One run, new or resumed."""

    def __init__(
        self,
        problem: Problem,
        start: Callable[[], FloatArray] | None,
        state: Path | None,
        callback: Callable[[Step], object] | None,
    ) -> None:
        self.problem, self.options = problem, problem.options
        self.start, self.state, self.callback = start, state, callback
        self.levels = plan_levels(problem.size, self.options.steps)
        if problem.previous is not None:
            self.levels = [Level(*problem.size, self.options.steps, 1.0)]
        self.job = problem.job()
        self.began = self.saved = time.monotonic()
        self.save_cost = 0.0
        self.work = 0.0  # pixels times steps, done since `began`
        self.inside_step = False  # the optimizer is between two states, which cannot be saved
        self.terms: dict[str, float] = {}

    def picture(self) -> FloatArray:
        """Optimize at one level after the other."""
        picture: FloatArray | None = None
        first, done, restored = self._resumed() if self.options.resume else (0, 0, None)
        for index in range(first, len(self.levels)):
            level = self.levels[index]
            objective = self.problem.objective(level)
            if picture is None:
                picture = self.problem.content if restored else self._start(level)
            optimizer, stopped = self._optimizer(level, picture, restored), False
            try:
                while done < level.steps and not stopped:
                    self._step(level, done, optimizer, objective)
                    done += 1
                    stopped = bool(self._call_back(index, done, optimizer))
                    self._save(index, done, optimizer)
            except KeyboardInterrupt:
                if not self.inside_step:
                    self._save(index, done, optimizer, now=True)
                raise Stopped(self.problem.full_size(pixels(optimizer.result()))) from None
            picture, done, restored = pixels(optimizer.result()), 0, None
            if stopped:
                return self.problem.full_size(picture)
        assert picture is not None
        if self.state is not None:
            self.state.unlink(missing_ok=True)
        return self.problem.full_size(picture)

    def _resumed(self) -> tuple[int, int, dict[str, Tensor]]:
        """Return the level, the steps done there, and the optimizer's state."""
        if self.state is None:
            raise OptionError("resume continues an output file; give an output as well")
        first, done, tensors = read_state(self.state, self.job)
        if not (0 <= first < len(self.levels) and 0 <= done <= self.levels[first].steps):
            raise _damaged(self.state, ValueError(f"step {done} of level {first}"))
        return first, done, tensors

    def _start(self, level: Level) -> FloatArray:
        """Return the initial picture, at any size."""
        if self.options.init == "noise":
            return self.problem.noise(level)
        return self.problem.content if self.start is None else padded(self.start())

    def _optimizer(
        self, level: Level, picture: FloatArray, restored: Mapping[str, Tensor] | None
    ) -> Optimizer:
        """Return the optimizer at one size, from a picture of any size or from its saved state."""
        size = (level.height, level.width)
        method = "area" if min(picture.shape[:2]) >= min(size) else "lanczos"
        x = self.problem.tensor(resize(picture, size, method))
        optimizer: Optimizer = Adam(x)
        if self.options.used_optimizer == "lbfgs":
            optimizer = LBFGS(x, pairs(size, self.options))
        if restored is None or self.state is None:
            return optimizer
        for name, each in restored.items():
            if each.ndim and (each.shape != x.shape or each.dtype != x.dtype):
                raise _damaged(self.state, ValueError(f"{name} is {each.dtype} of shape {list(each.shape)}"))
        try:
            optimizer.restore({name: each.to(x.device) for name, each in restored.items()})
        except (LookupError, ValueError) as error:
            raise _damaged(self.state, error) from error
        return optimizer

    def _step(self, level: Level, number: int, optimizer: Optimizer, objective: Objective) -> None:
        """Take one step of the optimizer."""

        def evaluate(x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
            self.inside_step = False
            found = objective.evaluate(x, step)
            self.inside_step = True
            return found

        self.terms = optimizer.step(evaluate, number, level.steps)
        if not math.isfinite(sum(self.terms.values())):
            bad = ", ".join(name for name, each in self.terms.items() if not math.isfinite(each))
            raise OptionError(
                f"the loss became nan or infinite ({bad}, step {number + 1} at {level.width} x {level.height}"
                " px); try smaller weights or another --style-loss"
            )
        self.inside_step = False
        self.work += level.cost(1)

    def _call_back(self, index: int, done: int, optimizer: Optimizer) -> object:
        """Report the step just taken."""
        if self.callback is None:
            return False
        level, later = self.levels[index], self.levels[index + 1 :]
        left = level.cost(level.steps - done) + sum(each.cost(each.steps) for each in later)
        spent = time.monotonic() - self.began
        return self.callback(
            Step(
                sum(each.steps for each in self.levels[:index]) + done,
                sum(each.steps for each in self.levels),
                level.height,
                level.width,
                self.terms,
                spent * left / self.work if spent > 1 else None,
                lambda: self.problem.full_size(pixels(optimizer.result())),
            )
        )

    def _save(self, index: int, step: int, optimizer: Optimizer, now: bool = False) -> None:
        """Write the state to disk, at most every STATE_SECONDS."""
        if self.state is None:
            return
        start = time.monotonic()
        if now or start - self.saved > max(STATE_SECONDS, self.save_cost / _STATE_SHARE):
            write_state(self.state, self.job, index, step, optimizer.state())
            self.saved = time.monotonic()
            self.save_cost = self.saved - start


def write_state(path: Path, job: str, level: int, step: int, tensors: Mapping[str, Tensor]) -> None:
    """Write a state, atomically."""
    metadata = {"format": _FORMAT, "job": job, "level": str(level), "step": str(step)}
    plain = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    with writing(path, overwrite=True) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            raise OutputError(f"cannot write {path}: {error}") from error


def read_state(path: Path, job: str) -> tuple[int, int, dict[str, Tensor]]:
    """Read the state of the same job: level, step, tensors.

    Raises
    ------
    InputError
        No such file; it is damaged; or it is from other pictures or options.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"there is nothing to resume: no '{path}'; start without resume=True") from None
    except (OSError, ValueError, RuntimeError, MemoryError, SafetensorError) as error:
        raise _damaged(path, error) from error
    if metadata.get("format") != _FORMAT:
        raise InputError(f"'{path}' is not the state of an unfinished run")
    if metadata.get("job") != job:
        raise InputError(
            f"'{path}' is from another run: content, styles or options differ; use the same, or start "
            "without resume=True"
        )
    try:
        return int(metadata["level"]), int(metadata["step"]), tensors
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path}' cannot be resumed ({error}); remove it and start again")


class Optimizer(Protocol):
    """Takes steps on one tensor; `state` returns everything that the next one depends on."""

    def step(self, evaluate: Evaluate, number: int, total: int) -> dict[str, float]:
        """Take step `number` of `total` and return the terms of the loss before it."""

    def result(self) -> Tensor: ...
    def state(self) -> dict[str, Tensor]: ...
    def restore(self, state: Mapping[str, Tensor]) -> None: ...


class Adam:
    """Adam (Kingma and Ba 2015) with cosine decay of the rate, and an average of the iterates.

    `rate` is the largest change of a pixel in a step. `result` returns the exponential moving average of the
    iterates with decay `average`.
    """

    TENSORS = ("x", "first", "second", "mean")  # of the state
    BETAS = (0.9, 0.99)  # differs from Adam's .999: a run is shorter than a thousand steps

    def __init__(self, x: Tensor, rate: float = 0.02, average: float = 0.9) -> None:
        self.x = x.detach().clone()
        self.rate, self.average = rate, average
        self.first, self.second, self.mean = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)
        self.count = 0

    def step(self, evaluate: Evaluate, number: int, total: int) -> dict[str, float]:
        terms, gradient = evaluate(self.x, number)
        a, b = self.BETAS
        self.count += 1
        self.first.lerp_(gradient, 1 - a)
        self.second.mul_(b).addcmul_(gradient, gradient, value=1 - b)
        rate = self.rate * scheduled(number, total) / (1 - a**self.count)
        root = (self.second / (1 - b**self.count)).sqrt_().add_(1e-10)
        self.x.addcdiv_(self.first, root, value=-rate)
        self.mean.lerp_(self.x, 1 - self.average)
        return terms

    def result(self) -> Tensor:
        """Return the average, with bias correction."""
        return self.mean / (1 - self.average**self.count) if self.count else self.x.clone()

    def state(self) -> dict[str, Tensor]:
        tensors = {name: getattr(self, name) for name in self.TENSORS}
        return {**tensors, "count": torch.tensor(self.count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for name in self.TENSORS:
            setattr(self, name, state[name].clone())
        self.count = int(state["count"])


class LBFGS:
    """L-BFGS (Liu and Nocedal 1989), the optimizer of Gatys et al. 2016.

    The step is halved until the loss falls enough (Armijo), so it never rises. Every evaluation uses the same
    random positions, or losses could not be compared. Each of `memory` pairs of differences takes twice the
    memory of the picture.
    """

    def __init__(self, x: Tensor, memory: int = 12) -> None:
        self.x = x.detach().clone()
        self.memory = memory
        self.moves: list[Tensor] = []  # differences of x, and of the gradient
        self.bends: list[Tensor] = []
        self.reach = FIRST_MOVE  # doubled while the curvature is negative
        self._here: tuple[dict[str, float], Tensor] | None = None  # terms and gradient at x

    def step(self, evaluate: Evaluate, number: int, total: int) -> dict[str, float]:
        terms, gradient = self._here or evaluate(self.x, 0)
        loss = sum(terms.values())
        direction = self._direction(gradient)
        slope = _dot(direction, gradient)
        if not slope < 0:  # rounding made the direction point uphill
            self.moves, self.bends = [], []
            direction = -gradient
            slope = _dot(direction, gradient)
        length = 1.0 if self.moves else self.reach / max(float(gradient.abs().max()), 1e-30)
        for _ in range(12):
            candidate = self.x + length * direction
            new_terms, new_gradient = evaluate(candidate, 0)
            if sum(new_terms.values()) <= loss + 1e-4 * length * slope:
                self._add_pair(candidate - self.x, new_gradient - gradient)
                self.x, self._here = candidate, (new_terms, new_gradient)
                break
            length /= 2
        else:
            self.moves, self.bends, self._here = [], [], (terms, gradient)
            self.reach /= 4
        return terms

    def _add_pair(self, move: Tensor, bend: Tensor) -> None:
        if _dot(move, bend) <= 1e-10 * _dot(bend, bend):  # no positive curvature
            self.reach = min(MOST_MOVE, 2 * self.reach)
            return
        self.moves, self.bends = [*self.moves, move][-self.memory :], [*self.bends, bend][-self.memory :]

    def _direction(self, gradient: Tensor) -> Tensor:
        """The two loops of Nocedal 1980."""
        direction, shares = -gradient, []
        for move, bend in zip(reversed(self.moves), reversed(self.bends), strict=True):
            share = _dot(move, direction) / _dot(move, bend)
            direction = direction.add(bend, alpha=-share)
            shares.append(share)
        if self.moves:
            last, bend = self.moves[-1], self.bends[-1]
            direction = direction * (_dot(last, bend) / _dot(bend, bend))
        for move, bend, share in zip(self.moves, self.bends, reversed(shares), strict=True):
            direction = direction.add(move, alpha=share - _dot(bend, direction) / _dot(move, bend))
        return direction

    def result(self) -> Tensor:
        """Return the last picture, which is the best one."""
        return self.x.clone()

    def state(self) -> dict[str, Tensor]:
        pairs = {f"move{index:02d}": each for index, each in enumerate(self.moves)}
        pairs |= {"reach": torch.tensor(self.reach, dtype=torch.float64)}
        return {"x": self.x, **pairs, **{f"bend{index:02d}": each for index, each in enumerate(self.bends)}}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.x, self.reach = state["x"].clone(), float(state["reach"])
        self.moves = [state[name].clone() for name in sorted(state) if name.startswith("move")]
        self.bends = [state[name].clone() for name in sorted(state) if name.startswith("bend")]
        self._here = None


def scheduled(number: int, total: int) -> float:
    """Factor of the rate at a step: linear warm-up, then cosine decay to a twentieth."""
    rise = min(1.0, (number + 1) / _WARM_UP)
    fall = 0.5 + 0.5 * math.cos(math.pi * min(1.0, number / max(1, total)))
    return rise * (_LEAST_RATE + (1 - _LEAST_RATE) * fall)


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
