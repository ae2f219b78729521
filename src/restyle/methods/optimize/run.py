"""Optimize the pixels of a picture to match the photo's deep features and the style's feature statistics.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks". Differs from the paper:

- coarse to fine (`methods.optimize.plan`), starting from the result of the fast method;
- every loss is relative to the magnitude of what it compares, so that one weight serves any pair;
- Adam, where a loss is stochastic, with a decaying rate and an average of the iterates;
- by default a compact encoder of our own instead of VGG-19, plus grain layers (`methods.optimize.features`);
- pictures of any size within a memory limit (`methods.optimize.objective`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from restyle.errors import InputError, OptionError, OutputError
from restyle.files import writing
from restyle.images.geometry import pad
from restyle.methods.optimize.features import SMALLEST
from restyle.methods.optimize.objective import Objective
from restyle.methods.optimize.optimizer import Optimizer
from restyle.methods.optimize.plan import Level, plan_levels
from restyle.methods.optimize.problem import Part, Problem, pixels
from restyle.methods.protocol import Previous, Step, Stopped
from restyle.nn.settings import torch_settings
from restyle.options.image import OptimizeOptions
from restyle.types import FloatArray

_FORMAT = "restyle-unfinished/1"
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
    previous: Previous | None = None,
) -> FloatArray:
    """Optimize a picture.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    parts : sequence of Part
    options : OptimizeOptions
    start : function that gives np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
        The initial picture, called only if needed; None starts from the content. Of the option `init` only
        noise is handled here.
    strength : float, 0..1
        Below 1, the content's own statistics are mixed into those of the style.
    device : "cpu" or "cuda"
    threads : int or None
    state : Path or None
        File for the state of the unfinished run, which the option `resume` continues.
    callback : function of a Step
        Called after each step; returning True stops the run, which then returns the picture so far.
    previous : Previous or None
        Frame of a video: the temporal loss compares with it, and only the full size is optimized.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]

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
        self.total = sum(level.steps for level in self.levels)
        self.job = problem.job()
        self.began = self.saved = time.monotonic()
        self.save_cost = 0.0
        self.work = 0.0  # pixels times steps, done since `began`
        self.inside_step = False  # the optimizer is between two states, which cannot be saved
        self.terms: dict[str, float] = {}

    def picture(self) -> FloatArray:
        """Optimize at one level after the other."""
        first, done, restored = 0, 0, None
        if self.options.resume:
            if self.state is None:
                raise OptionError("resume continues an output file; give an output as well")
            first, done, restored = read_state(self.state, self.job)
            if not (0 <= first < len(self.levels) and 0 <= done <= self.levels[first].steps):
                raise _damaged(self.state, ValueError(f"step {done} of level {first}"))
        picture: FloatArray | None = None
        for index in range(first, len(self.levels)):
            level = self.levels[index]
            objective = self.problem.objective(level)
            if picture is None:
                picture = self.problem.content if restored else self._start(level)
            try:
                optimizer = self.problem.optimizer(level, picture, restored)
            except (LookupError, ValueError) as error:
                if restored is None or self.state is None:
                    raise
                raise _damaged(self.state, error) from error
            stopped = False
            try:
                while done < level.steps and not stopped:
                    self._step(index, done, optimizer, objective)
                    done += 1
                    stopped = bool(self._call_back(index, done - 1, optimizer))
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

    def _start(self, level: Level) -> FloatArray:
        """Return the initial picture, at any size."""
        if self.options.init == "noise":
            return self.problem.noise(level)
        return self.problem.content if self.start is None else pad(self.start(), 1, minimum=SMALLEST)[0]

    def _step(self, index: int, number: int, optimizer: Optimizer, objective: Objective) -> None:
        """Take one step of the optimizer."""

        def evaluate(x: torch.Tensor, step: int) -> tuple[dict[str, float], torch.Tensor]:
            self.inside_step = False
            terms, gradient = objective.evaluate(x, step)
            self.inside_step = True
            return terms, gradient

        level = self.levels[index]
        self.terms = optimizer.step(evaluate, number, level.steps)
        if not math.isfinite(sum(self.terms.values())):
            bad = ", ".join(name for name, each in self.terms.items() if not math.isfinite(each))
            raise OptionError(
                f"the loss became nan or infinite ({bad}, step {number + 1} at {level.width} x {level.height}"
                " px); try smaller weights or another --style-loss"
            )
        self.inside_step = False
        self.work += level.cost(1)

    def _call_back(self, index: int, number: int, optimizer: Optimizer) -> object:
        """Report the step just taken."""
        if self.callback is None:
            return False
        level = self.levels[index]
        left = level.cost(level.steps - number - 1)
        left += sum(each.cost(each.steps) for each in self.levels[index + 1 :])
        spent = time.monotonic() - self.began
        return self.callback(
            Step(
                sum(each.steps for each in self.levels[:index]) + number + 1,
                self.total,
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


def write_state(path: Path, job: str, level: int, step: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a state, atomically."""
    metadata = {"format": _FORMAT, "job": job, "level": str(level), "step": str(step)}
    plain = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    with writing(path, overwrite=True) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            raise OutputError(f"cannot write {path}: {error}") from error


def read_state(path: Path, job: str) -> tuple[int, int, dict[str, torch.Tensor]]:
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
