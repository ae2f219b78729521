"""Settings of torch that belong to the whole process: changed for a run, restored after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_settings(threads: int | None = None, deterministic: bool | None = None) -> Iterator[None]:
    """Restore threads, determinism and the CPU's random state at the end, whatever changes them inside.

    Parameters
    ----------
    threads : int or None
        Threads to use; None leaves the number as it is.
    deterministic : bool or None
        Whether to use only algorithms that give the same result each time; None leaves that as it is.
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
