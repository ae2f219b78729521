"""Parameters and multiply-adds of a network, to check the rebuilt peers against the published figures."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def parameters(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: nn.Module, run: Callable[[], object]) -> int:
    """Count multiply-adds of the convolutions and linear layers while `run` calls the network.

    Parameters
    ----------
    network : nn.Module
    run : callable
        Calls `network` once.
    """
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            height, width = module.kernel_size
            total += output.numel() * height * width * module.in_channels // module.groups
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.inference_mode():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return total
