"""The training loop: one task, many steps, watched, saved and resumed exactly.

A task says what a batch is and what it costs; the loop owns everything else: schedule, averaging of the
weights, logs, previews, checkpoints, the guard against NaN, and several processes through torchrun. The
batch of a step depends only on (seed, rank, step), so a resumed run sees what an uninterrupted one sees.
"""

from __future__ import annotations

import contextlib
import errno
import io
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

from restyle.errors import InputError, OptionError, OutputError, RestyleError
from restyle.media.outputs import writing
from restyle.training.held_out import HeldOutWatch
from restyle.training.log import HELD_OUT, Log, draw_curves
from restyle.training.options import TrainOptions
from restyle.training.prefetch import Prefetch
from restyle.training.ranks import any_rank, mean_of_ranks

OptimizerMaker = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class Task(Protocol):
    """What is trained."""

    name: str
    model: nn.Module

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """The batch of a step, on the CPU."""
        ...

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Named scalar losses; `total` is descended."""
        ...

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a picture that shows how far training has come."""
        ...

    def to(self, device: torch.device) -> None:
        """Move whatever the losses need to a device."""
        ...

    # Two more are used where a task has them:
    #   evaluate(model) -> {"train": loss, "held out": loss, ...}, on pictures that stay the same
    #   describe(step) -> str, what the batch of a step was made of


@dataclass(frozen=True)
class Step:
    """What a callback learns after a logged step."""

    step: int
    steps: int
    losses: dict[str, float]
    rate: float
    seconds: float
    seconds_left: float
    held_out: dict[str, float] = field(default_factory=dict)  # if measured since the step told before
    warning: str = ""


Callback = Callable[[Step], bool | None]


class NotFiniteError(RestyleError):
    """A loss became NaN or infinite."""


def choose_device(name: str) -> torch.device:
    """The device of that name; raises OptionError when it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptionError(f"device {name!r} is none: use cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' was asked for, but PyTorch sees no CUDA GPU here")
    return device


def learning_rate(step: int, options: TrainOptions) -> float:
    """Linear warm-up, then half a cosine to zero."""
    warm = min(1.0, (step + 1) / max(options.warmup, 1))
    return options.rate * warm * _half_cosine(step / options.steps)


def _half_cosine(part: float) -> float:
    """From 1 at 0 to 0 at 1 and beyond."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, part)))


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Pictures travel channels last, which is several times as fast on CPU and GPU."""
    layout = torch.channels_last if batch.ndim == 4 else torch.preserve_format
    return batch.to(device, non_blocking=True, memory_format=layout)


def leave() -> None:
    """Say goodbye to the other processes of torchrun, if there are any."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def make_optimizer(name: str, rate: float, learnt: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of that name (see `TrainOptions`)."""
    if name == "adamw":
        return torch.optim.AdamW(learnt, lr=rate, betas=(0.9, 0.99))
    if name == "sgd":
        return torch.optim.SGD(learnt, lr=rate, momentum=0.9, nesterov=True)
    return torch.optim.Adam(learnt, lr=rate, betas=(0.9, 0.99))


@contextlib.contextmanager
def _disk(folder: str | Path) -> Iterator[None]:
    """Say in one line that the run cannot be written any more."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise OutputError(
            f"cannot write into '{folder}': {(error.strerror or 'disk error').lower()}; make room, then go "
            "on with --resume from the last checkpoint"
        ) from error


def fit(
    task: Task,
    folder: str | Path,
    options: TrainOptions,
    *,
    resume: bool = False,
    callback: Callback | None = None,
    optimizer: OptimizerMaker | None = None,
) -> nn.Module:
    """Train `task` and return its model with the averaged weights.

    Writes checkpoint.pt, losses.csv, held-out.csv, preview-STEP.jpg and curves.png into `folder`. A callback
    that returns True ends the run. `optimizer` makes one of the parameters, in place of that of the options;
    its rate is the peak of the schedule.

    Raises InputError when there is a checkpoint already and `resume` is not set (or the reverse),
    NotFiniteError when a loss is NaN, OutputError when the disk is full.
    """
    with _disk(folder):
        return _fit(task, Path(folder), options, resume, callback, optimizer)


def _fit(
    task: Task,
    folder: Path,
    options: TrainOptions,
    resume: bool,
    callback: Callback | None,
    optimizer: OptimizerMaker | None,
) -> nn.Module:
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise InputError(f"{str(checkpoint)!r} exists: go on with --resume or choose another folder")
    if resume and not checkpoint.exists():
        raise InputError(f"nothing to resume: {str(checkpoint)!r} does not exist")

    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = choose_device(options.device)
    if world > 1:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    folder.mkdir(parents=True, exist_ok=True)

    model: nn.Module = task.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    task.to(device)
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimiser = optimizer(learnt) if optimizer else make_optimizer(options.optimizer, options.rate, learnt)
    peaks = [group["lr"] for group in optimiser.param_groups]
    watch = HeldOutWatch(options.patience, options.gap)
    averaged = {k: v.detach().clone().float() for k, v in model.state_dict().items()}
    done, spent = 0, 0.0
    if resume:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        averaged, done, spent = state["averaged"], state["step"], state["seconds"]
        watch.restore(state.get("watch", watch.state()))
    log = Log(folder, options.tensorboard and rank == 0)
    held_out_log = Log(folder, options.tensorboard and rank == 0, HELD_OUT)
    if rank == 0:
        log.rewind(done)
        held_out_log.rewind(done)
    parallel: nn.Module = model
    if world > 1:
        parallel = nn.parallel.DistributedDataParallel(
            model, device_ids=[device.index] if device.type == "cuda" else None
        )

    def make(step: int) -> dict[str, Tensor]:
        return task.batch(step, np.random.default_rng([options.seed, rank, step]))

    def save(step: int) -> None:
        state = {
            "model": model.state_dict(),
            "averaged": averaged,
            "optimiser": optimiser.state_dict(),
            "step": step,
            "seconds": spent + time.monotonic() - started,
            "watch": watch.state(),
            "options": asdict(options),
        }
        made = io.BytesIO()  # not into the file: torch hides that the disk is full behind an error of its own
        torch.save(state, made)
        with writing(checkpoint, overwrite=True) as temporary:
            temporary.write_bytes(made.getbuffer())

    @contextlib.contextmanager
    def as_result() -> Iterator[None]:
        """Within it the model has the averaged weights, those of the result."""
        current = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(averaged)
        model.eval()
        with torch.no_grad():
            yield
        model.train()
        model.load_state_dict(current)

    def show(step: int) -> None:
        with as_result():
            task.preview(model, folder / f"preview-{step:06d}.jpg")

    def evaluate(step: int) -> tuple[dict[str, float], str]:
        with as_result():
            found: dict[str, float] = task.evaluate(model)  # type: ignore[attr-defined]
        if not found:
            return {}, ""
        held_out_log.write(step, found)
        return found, watch.see(found["train"], found["held out"])

    half = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
    batches = Prefetch(make, done, 8 if device.type == "cuda" else 2)
    started, last, finished = time.monotonic(), time.monotonic(), done
    totals: dict[str, list[float]] = {}
    held_out: dict[str, float] = {}
    warning = ""
    evaluates = bool(options.evaluate_every) and hasattr(task, "evaluate")
    interrupted: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread:  # Ctrl-C ends after the step, with a checkpoint; a second one ends at once
        before = signal.getsignal(signal.SIGINT)

        def interrupt(number: int, frame: object) -> None:
            interrupted.append(number)
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, interrupt)
    model.train()
    try:
        for step in range(done, options.steps):
            rate = learning_rate(step, options)
            if options.minutes and options.falls_by_time:
                part = mean_of_ranks({"part": (time.monotonic() - started) / (60 * options.minutes)}, device)
                rate = min(rate, options.rate * _half_cosine(part["part"]))
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * rate / options.rate
            batch = {k: to_device(v, device) for k, v in batches.take(step).items()}
            with half:
                losses = task.losses(parallel, batch, step)
            if not bool(torch.isfinite(losses["total"])):
                told = f", {task.describe(step)}" if hasattr(task, "describe") else ""
                last_good = (
                    f"the last checkpoint is {str(checkpoint)!r}" if checkpoint.exists() else "no checkpoint"
                )
                raise NotFiniteError(
                    f"the loss became {losses['total'].item()} at step {step} (seed {options.seed}{told}): "
                    f"lower --rate; {last_good}"
                )
            optimiser.zero_grad(set_to_none=True)
            losses["total"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learnt, options.clip)
            optimiser.step()
            keep = min(options.average, (1 + step) / (10 + step))
            with torch.no_grad():
                for key, value in model.state_dict().items():
                    averaged[key].lerp_(value.float(), 1 - keep)

            for key, loss in losses.items():
                totals.setdefault(key, []).append(float(loss.detach()))
            finished = step + 1
            ends = False
            if evaluates and finished % options.evaluate_every == 0 and rank == 0:
                held_out, warning = evaluate(finished)
                ends = watch.stop
            if finished % options.log_every == 0:
                values = mean_of_ranks({k: sum(v) / len(v) for k, v in totals.items()}, device)
                totals = {}
            if finished % options.log_every == 0 and rank == 0:
                now = time.monotonic()
                each = (now - last) / options.log_every
                last = now
                log.write(finished, values | {"rate": rate, "seconds": each})
                if callback:
                    left = each * (options.steps - finished)
                    if options.minutes:
                        left = min(left, max(0.0, 60 * options.minutes - (now - started)))
                    told_step = Step(finished, options.steps, values, rate, each, left, held_out, warning)
                    ends = bool(callback(told_step)) or ends
                    held_out, warning = {}, ""
            if rank == 0 and finished % options.preview_every == 0:
                show(finished)
            if rank == 0 and finished % options.save_every == 0:
                save(finished)
            late = bool(options.minutes) and time.monotonic() - started > 60 * options.minutes
            if any_rank(bool(interrupted) or late or ends, device):
                break
    finally:
        batches.close()
        if in_main_thread:
            signal.signal(signal.SIGINT, before)
    if rank == 0:
        save(finished)
        if not interrupted:
            show(finished)
        draw_curves(folder)
    if world > 1:
        distributed.barrier()
    if interrupted:
        raise KeyboardInterrupt(f"step {finished} is kept in {str(checkpoint)!r}; --resume goes on")
    model.load_state_dict(averaged)
    model.eval()
    return model
