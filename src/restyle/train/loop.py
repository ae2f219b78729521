"""The training loop: one task, many steps, watched, saved and resumed exactly.

A task says what a batch is and what it costs; the loop owns everything else: schedule, averaging of the
weights, logs, previews, checkpoints, the guard against NaN, and several processes through torchrun. The
batch of a step depends only on (seed, rank, step), so a resumed run sees what an uninterrupted one sees.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn

from restyle.errors import InputError
from restyle.files import make_folder
from restyle.options.train import TrainOptions
from restyle.train.checkpoint import State, disk
from restyle.train.distributed import any_rank, join, leave, mean_of_ranks, parallel
from restyle.train.held_out import HeldOutWatch
from restyle.train.log import HELD_OUT, Log, draw_curves
from restyle.train.prefetch import Prefetch
from restyle.train.schedule import choose_device, half_cosine, learning_rate, make_optimizer, to_device
from restyle.train.task import Callback, NotFiniteError, OptimizerMaker, Step, Task


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

    Writes checkpoint.pt, losses.csv, held-out.csv, preview-STEP.jpg and curves.png into `folder`. A callback
    that returns True ends the run. `optimizer` makes one of the parameters, in place of that of the options;
    its rate is the peak of the schedule. `overwrite` begins anew where there is a run already.

    Raises InputError when there is a checkpoint already and neither it nor `resume` is set (or the reverse),
    NotFiniteError when a loss is NaN, OutputError when the disk is full.
    """
    return Run(task, Path(folder), options, resume, callback, optimizer, overwrite).fit()


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that is not empty any more once Ctrl-C was pressed; pressed twice, it ends at once."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


class Run:
    """A run of `fit`, whose arguments it takes; `done` steps of it are behind."""

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
                f"{str(self.checkpoint)!r} exists: go on with --resume, or begin anew under another name"
                " or with --overwrite"
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
        self.learnt = [p for p in model.parameters() if p.requires_grad]
        made = (
            optimizer(self.learnt)
            if optimizer
            else make_optimizer(options.optimizer, options.rate, self.learnt)
        )
        self.peaks = [group["lr"] for group in made.param_groups]
        self.state = State(model, made, HeldOutWatch(options.patience, options.gap))
        if resume:
            self.state.load(self.checkpoint, self.device)
        self.half = torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()
        self.evaluates = bool(options.evaluate_every) and hasattr(task, "evaluate")
        self.held_out: dict[str, float] = {}  # measured, and a warning, not yet told
        self.warning = ""
        self.measured = self.state.step  # the step after which that was

    @property
    def done(self) -> int:
        """Steps that are behind."""
        return self.state.step

    def fit(self) -> nn.Module:
        """Do the steps that are left, and return the model with the averaged weights."""
        with disk(self.folder):
            make_folder(self.folder)
            boards = self.options.tensorboard and self.rank == 0
            self.log, self.held_out_log = Log(self.folder, boards), Log(self.folder, boards, HELD_OUT)
            if self.rank == 0:
                if not self.done:  # of a run that is begun anew
                    for old in (self.checkpoint, *self.folder.glob("preview-*.jpg")):
                        old.unlink(missing_ok=True)
                self.log.rewind(self.done)
                self.held_out_log.rewind(self.done)
            with _interrupts() as interrupted:
                self._descend(interrupted)
            if self.rank == 0:
                if not interrupted:
                    if self.evaluates and self.measured != self.done:
                        self._evaluate()
                    self._show()
                self._save()
                draw_curves(self.folder)
        if self.world > 1:
            distributed.barrier()
        if interrupted:
            raise KeyboardInterrupt(f"step {self.done} is kept in {str(self.checkpoint)!r}; --resume goes on")
        self.state.model.load_state_dict(self.state.averaged)
        self.state.model.eval()
        return self.state.model

    def _descend(self, interrupted: list[int]) -> None:
        """Step after step, until the last, the end of the minutes, Ctrl-C, or somebody's word."""
        model = parallel(self.state.model, self.world, self.device)
        batches = Prefetch(self._batch, self.done, 8 if self.device.type == "cuda" else 2)
        self.started = self.last = time.monotonic()
        model.train()
        try:
            over = self._part_of_time() >= 1  # a run of so many minutes that had them before --resume
            for step in range(self.done, self.done if over else self.options.steps):
                rate = self._set_rate(step)
                self._step(model, {k: to_device(v, self.device) for k, v in batches.take(step).items()})
                ends = self._watch(rate)
                late = bool(self.options.minutes) and self._minutes() > self.options.minutes
                if any_rank(bool(interrupted) or late or ends, self.device):
                    break
        finally:
            batches.close()

    def _batch(self, step: int) -> dict[str, Tensor]:
        return self.task.batch(step, np.random.default_rng([self.options.seed, self.rank, step]))

    def _minutes(self) -> float:
        """Of this process; where they are the budget of the run, those before it was resumed as well."""
        before = self.state.seconds if self.options.falls_by_time else 0.0
        return (before + time.monotonic() - self.started) / 60

    def _part_of_time(self) -> float:
        """How much of the minutes is over, 0 where they do not rule the learning rate."""
        if not (self.options.minutes and self.options.falls_by_time):
            return 0.0
        return mean_of_ranks({"part": self._minutes() / self.options.minutes}, self.device)["part"]

    def _set_rate(self, step: int) -> float:
        options = self.options
        rate = min(learning_rate(step, options), options.rate * half_cosine(self._part_of_time()))
        for group, peak in zip(self.state.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * rate / options.rate
        return rate

    def _step(self, model: nn.Module, batch: dict[str, Tensor]) -> None:
        """One step down the loss."""
        state = self.state
        with self.half:
            losses = self.task.losses(model, batch, state.step)
        if not bool(torch.isfinite(losses["total"])):
            told = f", {self.task.describe(state.step)}" if hasattr(self.task, "describe") else ""
            kept = self.checkpoint.exists()
            raise NotFiniteError(
                f"the loss became {losses['total'].item()} at step {state.step} (seed {self.options.seed}"
                f"{told}): lower --rate; "
                + (f"the last checkpoint is {str(self.checkpoint)!r}" if kept else "no checkpoint")
            )
        state.optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learnt, self.options.clip)
        state.optimiser.step()
        state.average(self.options.average)
        state.note(losses)
        state.step += 1

    def _watch(self, rate: float) -> bool:
        """Measure, log, show and save what is due after a step; whether the run should end."""
        options, step, first, ends = self.options, self.done, self.rank == 0, False
        if self.evaluates and first and step % options.evaluate_every == 0:
            self._evaluate()
            ends = self.state.watch.stop
        if step % options.log_every == 0:
            values = mean_of_ranks(self.state.means(), self.device)
            if first:
                ends = self._tell(values, rate) or ends
        if first and step % options.preview_every == 0:
            self._show()
        if first and step % options.save_every == 0:
            self._save()
        return ends

    def _evaluate(self) -> None:
        with self.state.as_result():
            found: dict[str, float] = self.task.evaluate(self.state.model)  # type: ignore[attr-defined]
        if found:
            self.held_out_log.write(self.done, found)
            self.warning = self.state.watch.see(found["train"], found["held out"])
        self.held_out, self.measured = found, self.done

    def _tell(self, values: dict[str, float], rate: float) -> bool:
        """Log, and tell the callback; whether it wants an end."""
        options, now = self.options, time.monotonic()
        seconds = (now - self.last) / options.log_every
        self.last = now
        self.log.write(self.done, values | {"rate": rate, "seconds": seconds})
        if not self.callback:
            return False
        left = seconds * (options.steps - self.done)
        if options.minutes:
            left = min(left, max(0.0, 60 * (options.minutes - self._minutes())))
        told = Step(self.done, options.steps, values, rate, seconds, left, self.held_out, self.warning)
        self.held_out, self.warning = {}, ""
        return bool(self.callback(told))

    def _show(self) -> None:
        with self.state.as_result():
            self.task.preview(self.state.model, self.folder / f"preview-{self.done:06d}.jpg")

    def _save(self) -> None:
        self.state.save(self.checkpoint, time.monotonic() - self.started, asdict(self.options))


__all__ = [
    "Callback",
    "NotFiniteError",
    "OptimizerMaker",
    "Run",
    "Step",
    "Task",
    "choose_device",
    "fit",
    "learning_rate",
    "leave",
]
