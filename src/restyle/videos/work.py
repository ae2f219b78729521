"""What passes between the stages of a video besides frames and packets; parallel work on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from restyle.images.color import ColorLut
from restyle.images.picture import Picture
from restyle.types import FloatArray
from restyle.videos.flow import Motion
from restyle.videos.info import VideoFrame

State = dict[str, NDArray[Any]]

SEGMENT = 120  # frames; a killed run loses at most this many


@dataclass
class SegmentEnd:
    """Follows the last frame of a segment through the stages and collects their state."""

    index: int
    state: State = field(default_factory=dict)


@dataclass
class Work:
    """A frame between two stages. Lists have one entry for each layer."""

    frame: VideoFrame
    content: Picture
    small: FloatArray  # content at the size at which it is painted
    codes: list[FloatArray | None]
    weights: list[FloatArray] | None
    new_scene: bool
    motion: Motion | None
    repeats: bool = False  # it takes the painting of the frame before
    onward: Motion | None = None  # motion since the next frame, if the frame is not painted itself
    painted: list[FloatArray | None] = field(default_factory=list)
    energies: list[FloatArray | None] = field(default_factory=list)  # how sharp it should be, if not as it is
    palettes: list[ColorLut | None] = field(default_factory=list)

    def visible(self, layer: int) -> bool:
        """Return whether a layer shows anywhere in the frame."""
        return self.codes[layer] is not None and (self.weights is None or bool(self.weights[layer].any()))


def in_parallel(
    function: Callable[[Any], Any], items: Iterable[Any], threads: int, waiting: int | None = None
) -> Iterator[Any]:
    """Yield `function(item)` for each item, in order, computed by so many threads.

    At most `waiting` items are taken before the first one is done, by default one a thread.

    Examples
    --------
    >>> list(in_parallel(lambda number: number * number, range(4), threads=2))
    [0, 1, 4, 9]
    """
    begun: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) >= (waiting or threads):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
