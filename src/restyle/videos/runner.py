"""Run the stages of a video: each in its own thread, joined by bounded queues, until the end or an interrupt.

Memory does not grow with the length of the video, and the short stages run while the network computes. They
run at a lower priority (a higher `nice`), so that a network that uses several threads for one frame does not
wait for them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread, get_native_id
from typing import Any, TypeVar

from restyle.errors import OutputError
from restyle.files import DISK_ERRORS, unused
from restyle.options import VideoOptions
from restyle.types import PathLike
from restyle.videos.frames import FolderReader, FolderWriter, GifWriter, WebPReader
from restyle.videos.info import Tell, VideoFrame
from restyle.videos.painter import VideoPainter
from restyle.videos.read import VideoReader
from restyle.videos.resume import Segments
from restyle.videos.work import SEGMENT, SegmentEnd
from restyle.videos.write import VideoWriter

T = TypeVar("T")
Reader = VideoReader | FolderReader | WebPReader
Writer = VideoWriter | GifWriter | FolderWriter

AHEAD = 4  # frames in the queues after reading and before writing
BETWEEN = 2  # frames in the queues around the network, as floats
QUEUE_BYTES = 400_000_000  # of the frames in one queue; if one alone takes more, the stages take turns
NICE = 10  # added to the niceness of the short stages: a tenth of the normal CPU share
_POLL = 0.05  # seconds between two checks for a stop
_END = object()


def run(
    reader: Reader,
    painter: VideoPainter,
    writer: Writer,
    watch: Callable[[int], None],
    segments: Segments | None = None,
) -> BaseException | None:
    """Read, prepare, paint, steady, finish and write all frames.

    Returns the KeyboardInterrupt that stopped it; the writer has then finished the file with the frames that
    were done.
    """
    import av

    stages = Stages()
    interrupt: BaseException | None = None
    height, width = reader.info.size
    at_most = QUEUE_BYTES // (3 * 4 * height * width)  # RGB as floats
    ahead, between = min(AHEAD, at_most), min(BETWEEN, at_most)
    try:
        items = stages.ahead(reader.items(segments.frames if segments else 0), ahead, nice=True)
        items = stages.ahead(painter.prepare(items), between, nice=True)
        items = stages.ahead(painter.paint(items), between)
        items = stages.ahead(painter.steady(items), between, nice=True)
        frames = stages.ahead(painter.finish(items), ahead, nice=True)
        try:
            # Ctrl-C arrives in this thread, so it never interrupts the writer.
            for done in stages.ahead(write_items(frames, writer, segments), AHEAD, nice=True):
                watch(done)
        except KeyboardInterrupt as stop:
            interrupt = stop
        finally:
            stages.close()
        writer.close()
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise  # `files.writing` has a message for it
        if isinstance(error, (OSError, av.FFmpegError)):
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot write the video: {reason}") from error
        raise
    return interrupt


def run_or_save(
    reader: Reader,
    painter: VideoPainter,
    writer: Writer,
    segments: Segments | None,
    options: VideoOptions,
    temporary: Path,
    output: PathLike,
    watch: Callable[[int, int | None], None],
    tell: Tell,
) -> None:
    """Run all stages; save the partial result of an interrupt, and raise the interrupt again."""
    total = reader.info.frames
    try:
        interrupt = run(reader, painter, writer, lambda done: watch(done, total), segments)
    except BaseException:
        if segments and not options.resume:
            segments.remove()
        raise
    if interrupt is not None:
        resumable = segments is not None and segments.count > 0
        save_partial(writer.frames, total, temporary, output, resumable, tell)
        raise interrupt


def write_items(items: Iterator[Any], writer: Writer, segments: Segments | None = None) -> Iterator[int]:
    """Write frames, packets and finished segments; yield the number of frames after each."""
    if segments and isinstance(writer, VideoWriter):
        writer.keep = segments.keep
    skipped = 0
    for item in items:
        if isinstance(item, SegmentEnd):
            if segments:
                writer.end_segment()
                segments.finish(item.state)
        elif not isinstance(item, VideoFrame):
            writer.copy(item)
        elif item.skipped:
            if segments and skipped % SEGMENT == 0:
                writer.append(*segments.packets(skipped // SEGMENT))
                yield writer.frames
            skipped += 1
        else:
            writer.write(item)
            yield writer.frames


def save_partial(
    done: int, total: int | None, temporary: Path, output: PathLike, resumable: bool, tell: Tell
) -> None:
    """Save an interrupted result as `clip.partial.mp4` and report it; nothing if no frame was done."""
    if not done:
        return
    path = Path(output)
    partial = unused(path.with_name(f"{path.stem}.partial{path.suffix}"))
    if resumable and temporary.is_dir():
        shutil.copytree(temporary, partial)
    else:
        os.replace(temporary, partial)
    line = f"{done} of {total} frames are in {partial}" if total else f"{done} frames are in {partial}"
    tell(f"{line}; resume=True continues from there" if resumable else line)


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
                try:
                    queue.put((item, error), timeout=_POLL)
                except Full:
                    continue
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
