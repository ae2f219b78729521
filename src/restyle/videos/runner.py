"""The stages of a film at work: each in its thread, until all is done or somebody stops it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from restyle.errors import OutputError
from restyle.files import DISK_ERRORS
from restyle.types import PathLike
from restyle.videos.info import VideoFrame
from restyle.videos.io import Reader, Writer
from restyle.videos.painter import SEGMENT, SegmentEnd, VideoPainter
from restyle.videos.read import Tell
from restyle.videos.resume import Segments
from restyle.videos.stages import Stages
from restyle.videos.write import VideoWriter

AHEAD = 4  # frames that reading and writing may be ahead or behind
BETWEEN = 2  # frames that wait between the stages of painting, which hold them as floats


def run(
    reader: Reader,
    painter: VideoPainter,
    writer: Writer,
    watch: Callable[[int], None],
    segments: Segments | None = None,
) -> BaseException | None:
    """Do every stage in its thread, until all is done or somebody stops it.

    Returns
    -------
    KeyboardInterrupt, SystemExit (a termination signal, on the command line) or None
        What stopped it: the writer is finished all the same, with the frames that were done.
    """
    import av

    stages = Stages()
    stopped: BaseException | None = None
    try:
        items = stages.ahead(reader.items(segments.frames if segments else 0), AHEAD, aside=True)
        items = stages.ahead(painter.prepare(items), BETWEEN, aside=True)
        items = stages.ahead(painter.paint(items), BETWEEN)
        frames = stages.ahead(painter.finish(items), AHEAD, aside=True)
        try:
            # The writer too has a thread, so that Ctrl-C, which arrives in this one, never cuts it in two.
            for done in stages.ahead(written(frames, writer, segments), AHEAD, aside=True):
                watch(done)
        except (KeyboardInterrupt, SystemExit) as signal:
            stopped = signal
        finally:
            stages.close()
        writer.close()
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise  # `writing` has the words for it
        if isinstance(error, (OSError, av.FFmpegError)):
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot write the video: {reason}") from error
        raise
    return stopped


def written(items: Iterator[Any], writer: Writer, segments: Segments | None = None) -> Iterator[int]:
    """Write everything; yield how many frames are done after each."""
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


def keep_part(
    done: int, total: int | None, temporary: Path, output: PathLike, goes_on: bool, tell: Tell
) -> None:
    """Name what is left after a stop `clip.partial.mp4`, and say so; nothing if no frame was done."""
    if not done:
        return
    path = Path(output)
    names = [
        path.with_name(f"{path.stem}.partial{n}{path.suffix}")
        for n in ("", *(f"-{i}" for i in range(2, 1000)))
    ]
    free = next(name for name in names if not name.exists())
    if goes_on and temporary.is_dir():
        shutil.copytree(temporary, free)
    else:
        os.replace(temporary, free)
    said = f"{done} of {total} frames are in {free}" if total else f"{done} frames are in {free}"
    tell(f"{said}; resume=True continues from there" if goes_on else said)
