"""The processes of torchrun: who they are, and what they tell each other beside the gradients."""

from __future__ import annotations

import os

import torch
from torch import distributed, nn


def processes() -> tuple[int, int]:
    """How many processes there are, and which one this is."""
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def join(device: torch.device) -> tuple[int, int, torch.device]:
    """How many processes there are, which one this is, and the device that is its own."""
    world, rank = processes()
    if world > 1:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(device)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return world, rank, device


def parallel(model: nn.Module, world: int, device: torch.device) -> nn.Module:
    """The model with its gradients averaged over all processes; itself where there is but one."""
    if world == 1:
        return model
    return nn.parallel.DistributedDataParallel(
        model, device_ids=[device.index] if device.type == "cuda" else None
    )


def leave() -> None:
    """Say goodbye to the other processes of torchrun, if there are any."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def mean_of_ranks(values: dict[str, float], device: torch.device) -> dict[str, float]:
    """Each value averaged over the processes of torchrun; as it is if there is but one."""
    if not distributed.is_initialized() or not values:
        return values
    means = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
    distributed.all_reduce(means)
    return dict(zip(values, (means / distributed.get_world_size()).tolist(), strict=True))


def any_rank(mine: bool, device: torch.device) -> bool:
    """Whether any of the processes of torchrun wants it; all of them must ask."""
    if not distributed.is_initialized():
        return mine
    flag = torch.tensor(float(mine), device=device)
    distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
    return bool(flag)
