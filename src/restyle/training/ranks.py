"""What the processes of torchrun tell each other, beside the gradients."""

from __future__ import annotations

import torch
from torch import distributed


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
