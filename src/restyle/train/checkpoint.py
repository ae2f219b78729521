"""The state of a training run and its checkpoint file."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import pickle
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from restyle.errors import InputError, OutputError
from restyle.files import DISK_ERRORS, writing

_DAMAGED = (  # what `torch.load` and the use of its content raise
    RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, MemoryError,
    pickle.UnpicklingError, struct.error,
)  # fmt: skip
WIDE_GAPS = 3  # consecutive measurements with a wide gap that cause a warning


@dataclass
class HeldOutWatch:
    """Compares the loss on held-out pictures with the loss on pictures in training.

    patience : stop after this many measurements in a row without a better held-out loss; 0 is never
    gap : warn if the held-out loss exceeds the other by this share; 0 is never
    """

    patience: int = 0
    gap: float = 0.0
    best: float = math.inf
    worse: int = 0
    wide: int = 0
    warned: bool = False

    def update(self, trained: float, held_out: float) -> str:
        """Record a measurement; return a warning, or an empty text."""
        self.worse = 0 if held_out < self.best else self.worse + 1
        self.best = min(self.best, held_out)
        share = held_out / max(trained, 1e-12) - 1
        self.wide = self.wide + 1 if self.gap and share > self.gap else 0
        if self.warned or self.wide < WIDE_GAPS:
            return ""
        self.warned = True
        return (
            f"overfitting: the held-out loss {held_out:.3f} is {share:.0%} above the training loss"
            f" {trained:.3f}; use more or more varied pictures, or stop here"
        )

    @property
    def stop(self) -> bool:
        """Whether the held-out loss has not improved for `patience` measurements."""
        return bool(self.patience) and self.worse >= self.patience

    def state(self) -> dict[str, float]:
        """Return what a checkpoint stores."""
        return {name: float(getattr(self, name)) for name in ("best", "worse", "wide", "warned")}

    def restore(self, state: Mapping[str, float]) -> None:
        """Continue from the state in a checkpoint."""
        self.best, self.worse, self.wide = state["best"], int(state["worse"]), int(state["wide"])
        self.warned = bool(state["warned"])


class State:
    """A model in training, its optimizer, the average of its weights, and how far they are.

    model, optimizer : `load` changes them in place
    average : decay of the exponential moving average of the weights
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, watch: HeldOutWatch, average: float
    ) -> None:
        self.model, self.optimizer, self.watch = model, optimizer, watch
        self.step = 0
        self.seconds = 0.0  # spent before this process
        self.losses: dict[str, list[float]] = {}  # of the steps since the last log

        def blend(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
            # At first the decay is lower, so that the initial weights do not linger.
            return averaged.lerp_(current, 1 - min(average, (1 + self.step) / (10 + self.step)))

        self._average = AveragedModel(model, avg_fn=blend)
        self._average.n_averaged.fill_(1)  # the average starts from the initial weights
        self._average.eval()

    @property
    def averaged(self) -> nn.Module:
        """The model with the averaged weights, which is the result of the run."""
        module: nn.Module = self._average.module
        return module

    def load(self, path: Path, device: torch.device) -> None:
        """Load a checkpoint; raises InputError if it is damaged or belongs to another network."""
        try:
            stored = torch.load(path, map_location=device, weights_only=True)
            difference = _difference(stored["model"], self.model.state_dict())
            if not difference:
                self.model.load_state_dict(stored["model"])
                self.optimizer.load_state_dict(stored["optimiser"])
                self.averaged.load_state_dict(stored["averaged"])
                self.step, self.seconds = int(stored["step"]), float(stored["seconds"])
                self.watch.restore(stored.get("watch", self.watch.state()))
                totals = stored.get("totals", {})
                self.losses = {str(name): [float(each) for each in totals[name]] for name in totals}
                if self.step < 0 or not 0 <= self.seconds < math.inf:
                    raise ValueError(f"step {self.step}, {self.seconds} s")
        except _DAMAGED as error:
            raise InputError(
                f"{str(path)!r} is damaged or not a checkpoint of this run: start again in another folder"
                f" ({' '.join(str(error).split())[:80]})"
            ) from None
        if difference:
            raise InputError(
                f"{str(path)!r} belongs to another network ({difference}): resume with the options of the"
                " first call"
            )

    def save(self, path: Path, seconds: float, options: Mapping[str, Any]) -> None:
        """Write a checkpoint; `seconds` is the time spent in this process."""
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds + seconds,
            "watch": self.watch.state(),
            "totals": self.losses,
            "options": dict(options),
        }
        buffer = io.BytesIO()  # torch.save into a file would replace a disk error by one of its own
        torch.save(state, buffer)
        with writing(path, overwrite=True) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def finish_step(self, losses: Mapping[str, Tensor]) -> None:
        """Update the average after an optimizer step and record its losses."""
        self._average.update_parameters(self.model)
        for key, loss in losses.items():
            self.losses.setdefault(key, []).append(float(loss.detach()))
        self.step += 1

    def mean_losses(self) -> dict[str, float]:
        """Return the mean losses since the previous call."""
        means = {key: sum(values) / len(values) for key, values in self.losses.items()}
        self.losses = {}
        return means


def _difference(stored: Mapping[str, Tensor], current: Mapping[str, Tensor]) -> str:
    """Describe the first tensor in which two networks differ; empty if their shapes are equal."""
    for name in [*current, *stored]:
        there, here = (list(of[name].shape) if name in of else "absent" for of in (stored, current))
        if there != here:
            return f"'{name}' is {there} there, {here} here"
    return ""


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise OutputError, in one line, if the run cannot be written any more."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS | {errno.EACCES, errno.EPERM}:
            raise
        raise OutputError(
            f"cannot write to '{folder}': {(error.strerror or 'disk error').lower()}; free some space, then"
            " continue from the last checkpoint with resume=True"
        ) from error
