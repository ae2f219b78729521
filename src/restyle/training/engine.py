"""The training loop: one task, many steps, watched, saved and resumed exactly.

A task says what a batch is and what it costs; the loop owns everything else: schedule, averaging of the
weights, logs, previews, checkpoints, the guard against NaN, and several processes through torchrun. The
batch of a step depends only on (seed, rank, step), so a resumed run sees what an uninterrupted one sees.
"""

from __future__ import annotations

import csv
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, distributed, nn

from restyle.errors import InputError, OptionError, RestyleError
from restyle.training.options import TrainOptions


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


@dataclass(frozen=True)
class Step:
    """What a callback learns after a logged step."""

    step: int
    steps: int
    losses: dict[str, float]
    rate: float
    seconds: float
    seconds_left: float


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
    return options.rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / options.steps)))


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Pictures travel channels last, which is several times as fast on CPU and GPU."""
    layout = torch.channels_last if batch.ndim == 4 else torch.preserve_format
    return batch.to(device, non_blocking=True, memory_format=layout)


def leave() -> None:
    """Say goodbye to the other processes of torchrun, if there are any."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


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


class Log:
    """losses.csv, and TensorBoard events when asked for."""

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        self.path = folder / "losses.csv"
        self.board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(folder / "tensorboard"))

    def write(self, step: int, values: dict[str, float]) -> None:
        if self.path.exists():
            with self.path.open(newline="") as file:
                names = next(csv.reader(file))
        else:
            names = ["step", *values]
            with self.path.open("w", newline="") as file:
                csv.writer(file).writerow(names)
        row = {"step": str(step)} | {k: f"{v:.6g}" for k, v in values.items()}
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([row.get(name, "") for name in names])
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def rewind(self, step: int) -> None:
        """Drop the rows of steps that a resumed run will do again."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows(rows[:1] + [r for r in rows[1:] if int(r[0]) <= step])


def fit(
    task: Task,
    folder: str | Path,
    options: TrainOptions,
    *,
    resume: bool = False,
    callback: Callable[[Step], None] | None = None,
) -> nn.Module:
    """Train `task` and return its model with the averaged weights.

    Writes checkpoint.pt, losses.csv and preview-STEP.jpg into `folder`. Raises InputError when there is a
    checkpoint already and `resume` is not set (or the reverse), NotFiniteError when a loss is NaN.
    """
    folder = Path(folder)
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
    optimiser = torch.optim.Adam(learnt, lr=options.rate, betas=(0.9, 0.99))
    averaged = {k: v.detach().clone().float() for k, v in model.state_dict().items()}
    done, spent = 0, 0.0
    if resume:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        averaged, done, spent = state["averaged"], state["step"], state["seconds"]
    log = Log(folder, options.tensorboard and rank == 0)
    if rank == 0:
        log.rewind(done)
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
            "options": asdict(options),
        }
        temporary = checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, checkpoint)

    def show(step: int) -> None:
        current = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(averaged)
        model.eval()
        with torch.no_grad():
            task.preview(model, folder / f"preview-{step:06d}.jpg")
        model.train()
        model.load_state_dict(current)

    half = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
    batches = Prefetch(make, done, 8 if device.type == "cuda" else 2)
    started, last, finished = time.monotonic(), time.monotonic(), done
    totals: dict[str, list[float]] = {}
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
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = {k: to_device(v, device) for k, v in batches.take(step).items()}
            with half:
                losses = task.losses(parallel, batch, step)
            if not bool(torch.isfinite(losses["total"])):
                raise NotFiniteError(
                    f"the loss became {losses['total'].item()} at step {step} (seed {options.seed}): "
                    f"lower --rate; the last checkpoint is {str(checkpoint)!r}"
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
            if finished % options.log_every == 0 and rank == 0:
                now = time.monotonic()
                values = {k: sum(v) / len(v) for k, v in totals.items()}
                totals = {}
                each = (now - last) / options.log_every
                last = now
                log.write(finished, values | {"rate": rate, "seconds": each})
                if callback:
                    left = each * (options.steps - finished)
                    callback(Step(finished, options.steps, values, rate, each, left))
            if rank == 0 and finished % options.preview_every == 0:
                show(finished)
            if rank == 0 and finished % options.save_every == 0:
                save(finished)
            if interrupted or (options.minutes and time.monotonic() - started > 60 * options.minutes):
                break
    finally:
        batches.close()
        if in_main_thread:
            signal.signal(signal.SIGINT, before)
    if rank == 0:
        save(finished)
        if not interrupted:
            show(finished)
    if world > 1:
        distributed.barrier()
    if interrupted:
        raise KeyboardInterrupt
    model.load_state_dict(averaged)
    model.eval()
    return model
