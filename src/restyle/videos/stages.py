"""What the stages of a video share: threads, the frames that pass through, their sizes and cuts.

Each stage runs in its own thread, joined to the next by a bounded queue: memory does not grow with the length
of the video, and the short stages run while the network computes. They run at a lower priority (a higher
`nice`), so that a network that uses several threads for one frame does not wait for them.

Frames are reduced to the size that is painted and enlarged again with OpenCV where the extra flow is
installed, in a fifth of the time of `images`. Its filters differ a little, and results by a level or two of 8
bits where there is texture.

A cut is where both the color histograms and the thumbnails of two frames differ by much more than those of
recent neighbors. Motion changes the thumbnail and keeps the colors, a change of light changes the colors
slightly. The thresholds were set on the clips of benchmarks/video and on synthetic cuts, pans and fades.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Event, Thread, get_native_id
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from restyle.images.color import ColorLut
from restyle.images.picture import Picture
from restyle.images.resize import COARSE, RADIUS, enlarge_with_detail, resize, slopes
from restyle.images.statistics import LUMA
from restyle.types import FloatArray
from restyle.videos.flow import Motion, is_installed
from restyle.videos.formats import VideoFrame

State = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]
T = TypeVar("T")

SEGMENT = 120  # frames; a killed run loses at most this many
NICE = 10  # added to the niceness of the short stages: a tenth of the normal CPU share
_GRID = (9, 16)  # rows and columns of the thumbnail
_LEVELS = 6  # per channel of the histogram
_SAMPLES = 144  # rows and columns that are sampled
_MIN_COLORS = 0.30  # histogram distance, 0..1
_MIN_PLACE = 0.06  # mean difference of the thumbnails, 0..1
_TIMES_USUAL = 3.0
_MEMORY = 12  # frames
_POLL = 0.05  # seconds between two checks for a stop
_END = object()


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


class Stages:
    """Runs iterators in threads, ahead of the code that takes their items.

    Examples
    --------
    >>> stages = Stages()
    >>> numbers = stages.ahead(range(4), depth=2)
    >>> squares = stages.ahead((n * n for n in numbers), depth=2)
    >>> list(squares)
    [0, 1, 4, 9]
    >>> stages.close()
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._threads: list[Thread] = []

    def ahead(self, items: Iterable[T], depth: int, nice: bool = False) -> Iterator[T]:
        """Yield the same items, computed in a thread that is at most `depth` items ahead; at 0 without one.

        An exception in the thread is raised here, after the items before it. After `close` the items end.
        With `nice` the thread, and those that it starts, run at a lower priority.
        """
        if not depth:
            return iter(items)
        queue: Queue[tuple[Any, BaseException | None]] = Queue(depth)

        def put(item: Any, error: BaseException | None = None) -> bool:
            while not self._stop.is_set():
                with suppress(Full):
                    queue.put((item, error), timeout=_POLL)
                    return True
            return False

        def work() -> None:
            if nice:
                lower_priority()
            try:
                for item in items:
                    if not put(item):
                        return
            except BaseException as error:  # noqa: BLE001, it is raised in `_taken`
                put(_END, error)
            else:
                put(_END)

        thread = Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self._taken(queue)

    def close(self) -> None:
        """Stop every thread after its current item, and wait for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _taken(self, queue: Queue[tuple[Any, BaseException | None]]) -> Iterator[Any]:
        while not self._stop.is_set():
            try:
                item, error = queue.get(timeout=_POLL)
            except Empty:
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item


def run_nice(work: Callable[[], T]) -> T:
    """Return the result of `work`, called in a thread of low priority that its own threads inherit."""
    stages = Stages()
    try:
        return next(stages.ahead((work() for _ in range(1)), 1, nice=True))
    finally:
        stages.close()


def lower_priority() -> None:
    """Lower the priority of this thread and of those it will start; only Linux has one for each thread."""
    if sys.platform == "linux":
        thread = get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICE))


def reduced(pixels: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return a frame [H, W, 3], float32 in 0..1, at the size (height, width) at which it is painted."""
    if max(size) >= max(pixels.shape[:2]) or not is_installed():
        return resize(pixels, size, "area" if max(size) < max(pixels.shape[:2]) else "lanczos")
    import cv2

    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA))


def enlarged(
    painted: FloatArray, small: FloatArray, content: FloatArray, strength: float = 1.0
) -> FloatArray:
    """Return a painting at the size of its frame, with the fine detail of the frame.

    `painted` and `small`, which was painted, are [h, w, 3], smaller or larger than `content`, the frame
    [H, W, 3]; all float32 in 0..1. `strength`, 0..1, is that of the style.
    """
    size = (content.shape[0], content.shape[1])
    if painted.shape[:2] == size:
        return painted
    if max(painted.shape[:2]) > max(size):
        return resize(painted, size, "area")
    if not is_installed():
        return enlarge_with_detail(painted, small, content, strength, COARSE)
    return _with_opencv(painted, small, content, strength)


def _with_opencv(painted: FloatArray, small: FloatArray, content: FloatArray, strength: float) -> FloatArray:
    """Compute the formula of `enlarge_with_detail`, all channels at once."""
    import cv2

    cv: Any = cv2
    height, width = content.shape[:2]
    luma = np.ascontiguousarray(LUMA, np.float32)[None]

    def up(picture: FloatArray, how: int) -> FloatArray:
        return np.asarray(cv.resize(picture, (width, height), interpolation=how))

    def average(plane: FloatArray, radius: int) -> FloatArray:
        window = (2 * radius + 1, 2 * radius + 1)
        return np.asarray(cv.blur(plane, window, borderType=cv.BORDER_REPLICATE))

    light = np.asarray(cv.transform(small, luma))
    grid = (-(-light.shape[1] // COARSE), -(-light.shape[0] // COARSE))
    coarse = [np.asarray(cv.resize(each, grid, interpolation=cv.INTER_AREA)) for each in (light, painted)]
    gains = slopes(coarse[0], coarse[1], -(-RADIUS // COARSE), average)
    fine = np.asarray(cv.transform(content, luma))
    fine -= up(light, cv.INTER_CUBIC)
    out = up(gains * np.float32(strength), cv.INTER_LINEAR)
    cv.multiply(out, cv.cvtColor(fine, cv.COLOR_GRAY2RGB), out)
    cv.add(out, up(painted, cv.INTER_CUBIC), out)
    if strength < 1:
        out += np.float32(1 - strength) * (content - up(small, cv.INTER_CUBIC))
    return np.clip(out, 0, 1, out=out)


class SceneCuts:
    """Tells for each frame whether a new scene begins with it."""

    def __init__(self) -> None:
        self._before: tuple[Floats, Floats] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def __call__(self, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
        """Return whether a new scene begins with the next frame [H, W, 3]; True for the first one."""
        before, self._before = self._before, _features(pixels)
        if before is None:
            return True
        place = float(np.abs(self._before[0] - before[0]).mean())
        colors = float(np.abs(self._before[1] - before[1]).sum()) / 2
        usual = float(np.median(self._usual)) if self._usual else 0.0
        if place > max(_MIN_PLACE, _TIMES_USUAL * usual) and colors > _MIN_COLORS:
            self._usual.clear()
            return True
        self._usual.append(place)
        return False

    def state(self) -> dict[str, Floats]:
        """Return the memory of earlier frames, for `restore`."""
        if self._before is None:
            return {}
        return {"place": self._before[0], "colors": self._before[1], "usual": np.array(self._usual)}

    def restore(self, state: dict[str, Floats]) -> None:
        """Continue from a `state`."""
        if state:
            self._before = (state["place"], state["colors"])
            self._usual.extend(state["usual"].tolist())


def _features(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> tuple[Floats, Floats]:
    """Return the thumbnail [9, 16, 3] and the color histogram [216] of a frame."""
    rows, columns = (np.linspace(0, n - 1, _SAMPLES).round().astype(np.intp) for n in pixels.shape[:2])
    samples = pixels[rows[:, None], columns].astype(np.float64) / np.iinfo(pixels.dtype).max
    tall, wide = _SAMPLES // _GRID[0], _SAMPLES // _GRID[1]
    thumbnail = samples.reshape(_GRID[0], tall, _GRID[1], wide, 3).mean(axis=(1, 3))
    levels = np.minimum((samples * _LEVELS).astype(np.intp), _LEVELS - 1)
    cells = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    return thumbnail, np.bincount(cells.ravel(), minlength=_LEVELS**3) / cells.size
