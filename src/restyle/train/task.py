"""What the training loop asks of a task, and what it tells those who watch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from restyle.errors import RestyleError


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
OptimizerMaker = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class NotFiniteError(RestyleError):
    """A loss became NaN or infinite."""
