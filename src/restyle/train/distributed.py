"""Distributed training under torchrun."""

from __future__ import annotations

import os

import torch
from torch import distributed, nn


def processes() -> tuple[int, int]:
    """Return the number of processes and the rank of this one."""
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def join(device: torch.device) -> tuple[int, int, torch.device]:
    """Join the process group; return the number of processes, the rank, and the device of this process."""
    world, rank = processes()
    if world > 1:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return world, rank, device


def leave() -> None:
    """Leave the process group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def data_parallel(model: nn.Module, world: int, device: torch.device) -> nn.Module:
    """Wrap the model so that gradients are averaged over all processes; a single process needs no wrapper."""
    if world == 1:
        return model
    return nn.parallel.DistributedDataParallel(
        model, device_ids=[device.index] if device.type == "cuda" else None
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside the wrapper of `data_parallel`."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def mean_over_ranks(values: dict[str, float], device: torch.device) -> dict[str, float]:
    """Average each value over all processes."""
    if not distributed.is_initialized() or not values:
        return values
    means = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
    distributed.all_reduce(means)
    return dict(zip(values, (means / distributed.get_world_size()).tolist(), strict=True))


def any_rank(own: bool, device: torch.device) -> bool:
    """Return whether the value is true in any process; all processes must call it."""
    if not distributed.is_initialized():
        return own
    flag = torch.tensor(float(own), device=device)
    distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
    return bool(flag)
