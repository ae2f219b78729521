"""Paint every second frame of a steadied video, and carry the paintings of its neighbors to the others.

A painting takes several times as long as everything else. A frame between two painted ones takes both
paintings, warped by the optical flow and weighted by its confidence: what an object hides in one of them is
seen in the other. A frame is painted itself if both together leave too much of it unknown, and so are the
frames beside a cut. It then passes through `flow.FlowSteadier` like all frames, which also gives it back the
sharpness that warping costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from restyle.types import FloatArray
from restyle.videos.flow import Motion, energy, warp
from restyle.videos.work import SegmentEnd, Work

UNKNOWN = 0.01  # share of a frame that the neighbors may leave unknown
_SURE = 0.5  # confidence of what is known
_TINY = np.float32(1e-3)


def choose(items: Iterator[Any]) -> Iterator[Any]:
    """Set `onward` of the frames that need no painting; everything passes through in its place.

    The first and the last frame of a segment are painted, so that a segment depends on no other.
    """
    held: list[Any] = []  # a frame, and what follows it
    since = 0  # painted frames since one that is not, or since the start
    for item in items:
        if isinstance(item, Work):
            if held:
                since = 0 if since and _is_between(held[0], item) else since + 1
                yield from held
            held = [item]
        elif isinstance(item, SegmentEnd):
            yield from held
            held, since = [], 0
            yield item
        elif held:
            held.append(item)
        else:
            yield item
    yield from held


def _is_between(item: Work, following: Work) -> bool:
    """Set `onward` of a frame if it can be carried from its neighbors; return whether it can."""
    if item.motion is None or following.motion is None or item.repeats or following.repeats:
        return False
    onward = following.motion.reverse(item.small, following.small)
    sure = np.maximum(item.motion.weight, onward.weight) > _SURE
    if 1 - float(sure.mean()) > UNKNOWN:
        return False
    item.onward = onward
    return True


def carry(items: Iterator[Any]) -> Iterator[Any]:
    """Set `painted` of the frames that have none from those of their neighbors."""
    last: Sequence[FloatArray | None] = []
    held: list[Any] = []
    for item in items:
        if isinstance(item, Work):
            if held:
                _fill(held[0], last, item.painted)
                yield from held
                held = []
            if item.onward is not None:
                held = [item]
                continue
            last = list(item.painted)
        if held:
            held.append(item)
        else:
            yield item


def _fill(item: Work, last: Sequence[FloatArray | None], following: Sequence[FloatArray | None]) -> None:
    """Set the painting of each layer of a frame, and how sharp it should be, from those of its neighbors."""
    motion, onward = item.motion, item.onward
    assert motion is not None
    assert onward is not None
    item.painted, item.energies = [], []
    for one, two in zip(last, following, strict=True):
        assert one is not None
        assert two is not None
        item.painted.append(carried(one, two, motion, onward))
        item.energies.append(warp(energy(two), onward.back))


def carried(last: FloatArray, following: FloatArray, motion: Motion, onward: Motion) -> FloatArray:
    """Return the painting of a frame [H, W, 3] between two others, given its motion since each of them."""
    before, after = (warp(each, way.back, cubic=True) for each, way in ((last, motion), (following, onward)))
    share = onward.weight / (onward.weight + motion.weight + _TINY)
    after -= before
    after *= share[..., None]
    after += before
    return np.clip(after, 0, 1, out=after)
