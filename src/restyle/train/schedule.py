"""How the loss is descended: optimisers by name, the learning rate over steps and over time, devices."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from restyle.errors import OptionError
from restyle.options.train import TrainOptions


def learning_rate(step: int, options: TrainOptions) -> float:
    """Linear warm-up, then half a cosine to zero."""
    warm = min(1.0, (step + 1) / max(options.warmup, 1))
    return options.rate * warm * half_cosine(step / options.steps)


def half_cosine(part: float) -> float:
    """From 1 at 0 to 0 at 1 and beyond."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, part)))


def make_optimizer(name: str, rate: float, learnt: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of that name (see `TrainOptions`)."""
    if name == "adamw":
        return torch.optim.AdamW(learnt, lr=rate, betas=(0.9, 0.99))
    if name == "sgd":
        return torch.optim.SGD(learnt, lr=rate, momentum=0.9, nesterov=True)
    return torch.optim.Adam(learnt, lr=rate, betas=(0.9, 0.99))


def choose_device(name: str) -> torch.device:
    """The device of that name; raises OptionError when it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptionError(f"device {name!r} is none: use cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' was asked for, but PyTorch sees no CUDA GPU here")
    return device


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Pictures travel channels last, which is several times as fast on CPU and GPU."""
    layout = torch.channels_last if batch.ndim == 4 else torch.preserve_format
    return batch.to(device, non_blocking=True, memory_format=layout)
