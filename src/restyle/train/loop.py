"""The training loop: schedule, weight averaging, logs, previews, checkpoints, NaN guard, torchrun.

A `Task` defines batches and losses. The batch of a step depends only on (seed, rank, step), so a resumed run
equals an uninterrupted one, bit for bit on the CPU.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, distributed, nn

from restyle.errors import InputError, RestyleError
from restyle.files import make_folder
from restyle.nn import choose_device, torch_settings
from restyle.options.train import TrainOptions
from restyle.train.checkpoint import HeldOutWatch, State, disk_errors
from restyle.train.data import prefetch
from restyle.train.log import HELD_OUT, Log, draw_curves

Batch = dict[str, Tensor]
OptimizerMaker = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Task(Protocol):
    """What the loop trains.

    A task may also have `evaluate(model)`, which returns losses on fixed pictures as
    {"train": ..., "held out": ..., ...}, and `describe(step)`, which names the pictures of a batch.
    """

    name: str
    model: nn.Module

    def batch(self, step: int, rng: np.random.Generator) -> Batch:
        """Return the batch of a step, on the CPU. Called from several threads."""

    def losses(self, model: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return named scalar losses; `total` is minimized."""

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a picture that shows the progress of training."""

    def to(self, device: torch.device) -> None:
        """Move the networks that the losses need to a device."""


@dataclass(frozen=True)
class Step:
    """What a callback receives after each logged step."""

    step: int
    steps: int
    losses: dict[str, float]  # means since the previous logged step
    rate: float
    seconds: float  # per step
    seconds_left: float
    held_out: dict[str, float] = field(default_factory=dict)  # if measured since the previous logged step
    warning: str = ""


Callback = Callable[[Step], bool | None]


class NotFiniteError(RestyleError):
    """A loss became NaN or infinite."""


def fit(
    task: Task,
    folder: str | Path,
    options: TrainOptions,
    *,
    resume: bool = False,
    callback: Callback | None = None,
    optimizer: OptimizerMaker | None = None,
    overwrite: bool = False,
) -> nn.Module:
    """Train `task` and return its model with the averaged weights.

    Writes checkpoint.pt, losses.csv, held-out.csv, preview-STEP.jpg and curves.png into `folder`. The run
    ends when a callback returns True. `optimizer` creates an optimizer for the parameters, instead of the one
    in the options; its learning rate is the peak of the schedule.

    Raises InputError if there is a checkpoint and neither `resume` nor `overwrite` is set, or nothing to
    resume; NotFiniteError if a loss is NaN; OutputError if the disk is full.
    """
    with torch_settings():
        return Run(task, Path(folder), options, resume, callback, optimizer, overwrite).fit()


class Run:
    """A training run; the arguments are those of `fit`."""

    def __init__(
        self,
        task: Task,
        folder: Path,
        options: TrainOptions,
        resume: bool = False,
        callback: Callback | None = None,
        optimizer: OptimizerMaker | None = None,
        overwrite: bool = False,
    ) -> None:
        self.task, self.folder, self.options, self.callback = task, folder, options, callback
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.exists() and not (resume or overwrite):
            raise InputError(
                f"{str(self.checkpoint)!r} exists: continue the run with resume=True, replace it"
                " with overwrite=True, or choose another name"
            )
        if resume and not self.checkpoint.exists():
            raise InputError(f"nothing to resume: {str(self.checkpoint)!r} does not exist")

        self.world, self.rank, self.device = join(choose_device(options.device))
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        if options.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
        model: nn.Module = task.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        task.to(self.device)
        self.trainable = [p for p in model.parameters() if p.requires_grad]
        created = optimizer(self.trainable) if optimizer else make_optimizer(options, self.trainable)
        self.peak_rates = [group["lr"] for group in created.param_groups]
        watch = HeldOutWatch(options.patience, options.gap)
        self.state = State(model, created, watch, options.average)
        if resume:
            self.state.load(self.checkpoint, self.device)
        cuda = self.device.type == "cuda"
        self.autocast = torch.autocast("cuda", torch.bfloat16) if cuda else nullcontext()
        self.evaluates = bool(options.evaluate_every) and hasattr(task, "evaluate")
        self.held_out: dict[str, float] = {}  # not yet reported to the callback, like `warning`
        self.warning = ""
        self.evaluated_at = self.state.step

    @property
    def done(self) -> int:
        """Number of completed steps."""
        return self.state.step

    def fit(self) -> nn.Module:
        """Do the remaining steps and return the model with the averaged weights."""
        with disk_errors(self.folder):
            make_folder(self.folder)
            tensorboard = self.options.tensorboard and self.rank == 0
            self.log = Log(self.folder, tensorboard)
            self.held_out_log = Log(self.folder, tensorboard, HELD_OUT)
            if self.rank == 0:
                if not self.done:  # remove the files of a replaced run
                    for old in (self.checkpoint, *self.folder.glob("preview-*.jpg")):
                        old.unlink(missing_ok=True)
                self.log.rewind(self.done)
                self.held_out_log.rewind(self.done)
            with _interrupts() as interrupted:
                self._train(interrupted)
            if self.rank == 0:
                if not interrupted:
                    if self.evaluates and self.evaluated_at != self.done:
                        self._evaluate()
                    self._preview()
                self._save()
                draw_curves(self.folder)
        if self.world > 1:
            distributed.barrier()
        if interrupted:
            raise KeyboardInterrupt(
                f"step {self.done} is saved in {str(self.checkpoint)!r}; continue with resume=True"
            )
        self.state.model.load_state_dict(self.state.averaged.state_dict())
        self.state.model.eval()
        return self.state.model

    def _train(self, interrupted: list[int]) -> None:
        """Train until the step or time limit, Ctrl-C, or a callback stops it."""
        model = self.state.model
        if self.world > 1:  # gradients are averaged over all processes
            places = [self.device.index] if self.device.type == "cuda" else None
            model = nn.parallel.DistributedDataParallel(model, device_ids=places)
        self.started = self.last = time.monotonic()
        model.train()
        over = self._time_fraction() >= 1  # all minutes were used up before --resume
        steps = range(self.done, self.done if over else self.options.steps)
        ahead = 8 if self.device.type == "cuda" else 2
        with contextlib.closing(prefetch(self._batch, steps, ahead)) as batches:
            for step, batch in zip(steps, batches, strict=False):
                rate = self._set_rate(step)
                self._step(model, {key: to_device(value, self.device) for key, value in batch.items()})
                stop = self._after_step(rate)
                late = bool(self.options.minutes) and self._minutes() > self.options.minutes
                if any_rank(bool(interrupted) or late or stop, self.device):
                    break

    def _batch(self, step: int) -> Batch:
        return self.task.batch(step, np.random.default_rng([self.options.seed, self.rank, step]))

    def _minutes(self) -> float:
        """Minutes of this process; if minutes are the budget, with those before --resume."""
        before = self.state.seconds if self.options.falls_by_time else 0.0
        return (before + time.monotonic() - self.started) / 60

    def _time_fraction(self) -> float:
        """Fraction of the minutes that is used up; 0 if they do not drive the learning rate."""
        if not (self.options.minutes and self.options.falls_by_time):
            return 0.0
        return mean_over_ranks({"fraction": self._minutes() / self.options.minutes}, self.device)["fraction"]

    def _set_rate(self, step: int) -> float:
        """Set the learning rate of a step: a function of the step and of time, so not an `lr_scheduler`."""
        options = self.options
        rate = min(learning_rate(step, options), options.rate * half_cosine(self._time_fraction()))
        for group, peak in zip(self.state.optimizer.param_groups, self.peak_rates, strict=True):
            group["lr"] = peak * rate / options.rate
        return rate

    def _step(self, model: nn.Module, batch: Batch) -> None:
        """Do one optimizer step."""
        state = self.state
        with self.autocast:
            losses = self.task.losses(model, batch, state.step)
        if not bool(torch.isfinite(losses["total"])):
            pictures = f", {self.task.describe(state.step)}" if hasattr(self.task, "describe") else ""
            exists = self.checkpoint.exists()
            raise NotFiniteError(
                f"the loss became {losses['total'].item()} at step {state.step} (seed {self.options.seed}"
                f"{pictures}): lower the learning rate; "
                + (f"the last checkpoint is {str(self.checkpoint)!r}" if exists else "there is no checkpoint")
            )
        state.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.trainable, self.options.clip)
        state.optimizer.step()
        state.finish_step(losses)

    def _after_step(self, rate: float) -> bool:
        """Evaluate, log, preview and save if due; return whether the run should end."""
        options, step, first, stop = self.options, self.done, self.rank == 0, False
        if self.evaluates and first and step % options.evaluate_every == 0:
            self._evaluate()
            stop = self.state.watch.stop
        if step % options.log_every == 0:
            losses = mean_over_ranks(self.state.mean_losses(), self.device)
            if first:
                stop = self._report(losses, rate) or stop
        if first and step % options.preview_every == 0:
            self._preview()
        if first and step % options.save_every == 0:
            self._save()
        return stop

    def _evaluate(self) -> None:
        with torch.no_grad():
            losses: dict[str, float] = self.task.evaluate(self.state.averaged)  # type: ignore[attr-defined]
        if losses:
            self.held_out_log.write(self.done, losses)
            self.warning = self.state.watch.update(losses["train"], losses["held out"])
        self.held_out, self.evaluated_at = losses, self.done

    def _report(self, losses: dict[str, float], rate: float) -> bool:
        """Log the losses and call the callback; return whether it ends the run."""
        options, now = self.options, time.monotonic()
        seconds = (now - self.last) / options.log_every
        self.last = now
        self.log.write(self.done, losses | {"rate": rate, "seconds": seconds})
        if not self.callback:
            return False
        left = seconds * (options.steps - self.done)
        if options.minutes:
            left = min(left, max(0.0, 60 * (options.minutes - self._minutes())))
        step = Step(self.done, options.steps, losses, rate, seconds, left, self.held_out, self.warning)
        self.held_out, self.warning = {}, ""
        return bool(self.callback(step))

    def _preview(self) -> None:
        with torch.no_grad():
            self.task.preview(self.state.averaged, self.folder / f"preview-{self.done:06d}.jpg")

    def _save(self) -> None:
        self.state.save(self.checkpoint, time.monotonic() - self.started, asdict(self.options))


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list so that the current step can finish; a second Ctrl-C ends at once.

    The same for SIGTERM and SIGHUP, if the program has its own handler for them, as the command line has.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def interrupt(number: int, frame: object) -> None:
        pressed.append(number)
        # A terminal that closes may send SIGHUP twice; the second one must not end the run at once.
        signal.signal(number, before[number] if number == signal.SIGINT else signal.SIG_IGN)

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def learning_rate(step: int, options: TrainOptions) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine to zero."""
    warmup = min(1.0, (step + 1) / max(options.warmup, 1))
    return options.rate * warmup * half_cosine(step / options.steps)


def half_cosine(fraction: float) -> float:
    """Return a factor that falls from 1 at 0 to 0 at 1 and beyond."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))


def make_optimizer(options: TrainOptions, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Create the optimizer named in the options."""
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=options.rate, momentum=0.9, nesterov=True)
    kind = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=options.rate, betas=(0.9, 0.99))


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Move a tensor to a device; pictures become channels last, which is several times as fast."""
    layout = torch.channels_last if batch.ndim == 4 else torch.preserve_format
    return batch.to(device, non_blocking=True, memory_format=layout)


def processes() -> tuple[int, int]:
    """Return the number of processes and the rank of this one."""
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def join(device: torch.device) -> tuple[int, int, torch.device]:
    """Join the process group; return the number of processes, the rank, and the device of this process."""
    world, rank = processes()
    if world > 1:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return world, rank, device


def leave() -> None:
    """Leave the process group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside the wrapper for several processes."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def mean_over_ranks(values: dict[str, float], device: torch.device) -> dict[str, float]:
    """Average each value over all processes."""
    if not distributed.is_initialized() or not values:
        return values
    means = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
    distributed.all_reduce(means)
    return dict(zip(values, (means / distributed.get_world_size()).tolist(), strict=True))


def any_rank(own: bool, device: torch.device) -> bool:
    """Return whether the value is true in any process; all processes must call it."""
    if not distributed.is_initialized():
        return own
    flag = torch.tensor(float(own), device=device)
    distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
    return bool(flag)
