"""Over a sound of any length, a method that takes seconds: overlapping windows, each faded into the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def windowed(method: Callable[[Float], Float], blocks: Iterator[Float], overlap: int) -> Iterator[Float]:
    """Run a method over windows that share `overlap` samples, and fade from each into the next.

    Parameters
    ----------
    method : function of a window [shape=(n, channels), float32] to one of the same shape
    blocks : iterator of np.ndarray [shape=(n, channels), float32]
        Each becomes a window with the end of the one before in front.
    overlap : int
        Samples, fewer than a block has.

    Yields
    ------
    y : np.ndarray [shape=(n, channels), float32]
        As many samples in all as the blocks have, in other portions.
    """
    edge = overlap // 4
    held: Float | None = None  # the end of the last window, to be faded out
    context: Float | None = None
    for block, last in with_last(blocks):
        window = block if context is None else np.concatenate([context, block])
        result = method(window)
        if held is not None:
            result = np.concatenate([_faded(held, result[: len(held)], edge), result[len(held) :]])
        cut = 0 if last else min(overlap, len(window))
        held = result[len(result) - cut :]
        context = window[len(window) - cut :]
        yield result[: len(result) - cut]


def with_last(blocks: Iterator[Float]) -> Iterator[tuple[Float, bool]]:
    """Each block, and whether it is the last."""
    held: Float | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def with_margins(blocks: Iterator[Float], reach: int) -> Iterator[tuple[Float, slice]]:
    """Stretches of a stream, each seen with its neighbours, so that what is done to it knows no borders.

    Parameters
    ----------
    blocks : iterator of np.ndarray [shape=(n, channels), float32]
    reach : int
        Samples that are seen of what comes before and after, if there are so many.

    Yields
    ------
    seen : np.ndarray [shape=(m, channels), float32]
    part : slice
        Where the stretch is in that. The stretches in turn are the stream; borders are where those of the
        blocks are, `reach` earlier.
    """
    before: Float | None = None
    held: Float | None = None
    for block, last in with_last(blocks):
        window = block if held is None else np.concatenate([held, block])
        start = 0 if before is None else len(before)
        seen = window if before is None else np.concatenate([before, window])
        stop = len(seen) if last else max(start, len(seen) - reach)
        yield seen, slice(start, stop)
        held = seen[stop:]
        before = seen[max(0, stop - reach) : stop]


def _faded(old: Float, new: Float, edge: int) -> Float:
    """Fade from one to the other away from the windows' edges, at constant power whatever they share."""
    ramp = np.clip((np.arange(len(old)) - edge) / max(1, len(old) - 2 * edge), 0, 1)
    fade = (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32)[:, None]
    power = float((old**2).sum() * (new**2).sum())
    alike = float(np.clip((old * new).sum() / np.sqrt(power), 0, 1)) if power > 0 else 1.0
    level = np.sqrt(fade**2 + (1 - fade) ** 2 + 2 * alike * fade * (1 - fade))
    result: Float = (((1 - fade) * old + fade * new) / level).astype(np.float32)
    return result
