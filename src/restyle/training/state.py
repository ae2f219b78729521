"""The state of a run: all that a checkpoint keeps, so that a resumed run is the run that was not cut."""

from __future__ import annotations

import contextlib
import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restyle.errors import InputError
from restyle.media.outputs import writing
from restyle.training.held_out import HeldOutWatch


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
            self.model.load_state_dict(kept["model"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.averaged, self.step, self.seconds = kept["averaged"], kept["step"], kept["seconds"]
        except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(
                f"{str(path)!r} does not fit this run: give the options that it began with, or another"
                f" folder ({reason})"
            ) from None
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
