"""The networks, in PyTorch: perceptual encoder, style encoder, transformer, and their losses.

Here are the settings of torch, its devices, and what several networks share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from restyle.errors import OptionError


@contextmanager
def torch_settings(threads: int | None = None, deterministic: bool | None = None) -> Iterator[None]:
    """Restore threads, determinism and the CPU's random state at the end, whatever changes them inside.

    threads : to use; None leaves the number as it is
    deterministic : whether to use only algorithms that give the same result each time; None leaves that as it
        is
    """
    before = torch.get_num_threads()
    were_deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        if deterministic is not None:
            torch.use_deterministic_algorithms(deterministic, warn_only=True)
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(were_deterministic, warn_only=warn_only)
        torch.set_num_threads(before)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; raises OptionError if it is unknown or absent."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptionError(f"unknown device {name!r}: use cpu, cuda, cuda:N or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise OptionError(f"device {name!r} is not available: PyTorch finds no CUDA GPU")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise OptionError(f"device {name!r} is not available: PyTorch finds no Apple GPU")
    return device


def initialize_convolutions(network: nn.Module) -> None:
    """Initialize all convolutions of a network (He et al. 2015), with biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
