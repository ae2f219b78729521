"""What a checkpoint keeps, so that a resumed run is the run that was not cut; and the folder it lies in."""

from __future__ import annotations

import contextlib
import errno
import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restyle.errors import InputError, OutputError
from restyle.files import DISK_ERRORS, writing
from restyle.train.held_out import HeldOutWatch

_DISK = DISK_ERRORS | {errno.EACCES, errno.EPERM}


class State:
    """A model in training, its optimiser, the average of its weights, and how far they are.

    model, optimiser : are changed in place by `load`
    watch : of the losses held out
    """

    def __init__(self, model: nn.Module, optimiser: torch.optim.Optimizer, watch: HeldOutWatch) -> None:
        self.model, self.optimiser, self.watch = model, optimiser, watch
        self.averaged: dict[str, Tensor] = {
            key: value.detach().clone().float() for key, value in model.state_dict().items()
        }
        self.step = 0
        self.seconds = 0.0  # spent before this process
        self.totals: dict[str, list[float]] = {}  # losses since the last log

    def load(self, path: Path, device: torch.device) -> None:
        """Take up a checkpoint; raises InputError when it is that of another network, or damaged."""
        try:
            kept = torch.load(path, map_location=device, weights_only=True)
            other = _difference(kept["model"], self.model.state_dict())
            if not other:
                self.model.load_state_dict(kept["model"])
                self.optimiser.load_state_dict(kept["optimiser"])
                self.averaged, self.step, self.seconds = kept["averaged"], kept["step"], kept["seconds"]
        except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise InputError(
                f"{str(path)!r} is no checkpoint of this run, or damaged: begin anew in another folder"
                f" ({' '.join(str(error).split())[:80]})"
            ) from None
        if other:
            raise InputError(
                f"{str(path)!r} is of another network ({other}): resume with the options that it began with"
            )
        self.watch.restore(kept.get("watch", self.watch.state()))
        self.totals = kept.get("totals", {})

    def save(self, path: Path, seconds: float, options: Mapping[str, Any]) -> None:
        """Write a checkpoint; `seconds` are those of this process."""
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds + seconds,
            "watch": self.watch.state(),
            "totals": self.totals,
            "options": dict(options),
        }
        made = io.BytesIO()  # not into the file: torch hides that the disk is full behind an error of its own
        torch.save(state, made)
        with writing(path, overwrite=True) as temporary:
            temporary.write_bytes(made.getbuffer())

    def average(self, decay: float) -> None:
        """Let the average follow the weights; at first faster than `decay` says."""
        keep = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for key, value in self.model.state_dict().items():
                self.averaged[key].lerp_(value.float(), 1 - keep)

    @contextlib.contextmanager
    def as_result(self) -> Iterator[None]:
        """Within it the model has the averaged weights, those of the result."""
        current = {key: value.detach().clone() for key, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.averaged)
        self.model.eval()
        with torch.no_grad():
            yield
        self.model.train()
        self.model.load_state_dict(current)

    def note(self, losses: Mapping[str, Tensor]) -> None:
        """Keep the losses of a step for the next log."""
        for key, loss in losses.items():
            self.totals.setdefault(key, []).append(float(loss.detach()))

    def means(self) -> dict[str, float]:
        """Mean losses since this was asked last."""
        found = {key: sum(values) / len(values) for key, values in self.totals.items()}
        self.totals = {}
        return found


def _difference(there: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> str:
    """In what two networks differ, by the first tensor that does; empty if they are of one shape."""
    for name in [*here, *there]:
        shapes = [list(of[name].shape) if name in of else "absent" for of in (there, here)]
        if shapes[0] != shapes[1]:
            return f"'{name}' is {shapes[0]} there, {shapes[1]} here"
    return ""


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
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
