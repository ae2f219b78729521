"""Connect to a Ray cluster, or start a small one on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from restyle.errors import RestyleError

OBJECT_STORE = 512 << 20  # bytes, of a local cluster
TRIES = 2  # to start a local one, which Ray gives half a minute


@contextmanager
def connected() -> Iterator[None]:
    """Connect to the cluster of RAY_ADDRESS, or start a small one and end it with the block.

    Raises
    ------
    RestyleError
        The cluster cannot be started or reached, or fails as a whole.
    """
    begun = _connect()
    import ray
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise RestyleError(f"the Ray cluster failed: {_line(error)}; the same command continues") from error
    finally:
        if begun:
            ray.shutdown()


def _connect() -> bool:
    """Connect, or start a cluster; True if this call did."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # no warning about a future change
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # which is itself logged
    import ray
    import ray.data

    begun = not ray.is_initialized()
    if begun:
        _begin(ray)
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # their rows are tried one by one
    return begun


def _begin(ray: Any) -> None:
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    for left in range(TRIES - 1 if address is None else 0, -1, -1):
        try:
            with _silent():
                ray.init(**options)
            return
        except Exception as error:  # Ray raises bare exceptions here
            ray.shutdown()
            what = "start Ray on this machine" if address is None else f"reach the Ray cluster '{address}'"
            if not left:
                raise RestyleError(f"cannot {what}: {_line(error)}") from error


def _line(error: Exception) -> str:
    """First line of a message, or the kind of the error."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what native code writes to standard error; exceptions pass."""
    before, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)
