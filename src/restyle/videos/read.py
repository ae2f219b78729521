"""Read videos: upright RGB frames with their time stamps, and the packets of the other streams."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from restyle.errors import InputError
from restyle.files import Closing, check_readable
from restyle.images import formats
from restyle.sounds.files import open_file
from restyle.types import PathLike
from restyle.videos.formats import (
    FULL,
    LIMITED,
    MOST_PIXELS,
    Clock,
    ColorTags,
    Pixels,
    Tell,
    VideoFrame,
    VideoInfo,
    check_pixels,
    demux,
    is_cover,
    over_black,
    scaling,
    turn_of,
    with_alpha,
)

_TRUNCATED_BY_TIME = ("matroska", "avi")  # they do not state the number of frames, or count empty ones
_HDR_METADATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_MAX_RATE = 1000  # frames per second


class VideoReader(Closing):
    """Reads a video once, from its start.

    `tell` takes one line about what was repaired or lost: damaged frames, a truncated file, fields,
    transparency. Raises InputError if the file is missing, empty, not a video, holds no frame, or its
    frames have more than `max_pixels`.
    """

    def __init__(self, path: PathLike, tell: Tell = lambda line: None, max_pixels: int | None = None) -> None:
        import av

        self.path, self.tell = path, tell
        shown = os.fspath(path)
        check_readable(shown)
        try:
            self.container: Any = open_file(path)
        except (av.FFmpegError, ValueError) as error:
            if formats.is_image(path) and not shown.lower().endswith(".gif"):
                raise InputError(f"{shown}: is a still picture; use restyle image") from error
            raise InputError(
                f"{shown}: not a video that restyle can read, or a truncated one ({_reason(error)})"
            ) from error
        try:
            streams = self.container.streams.video
            self.stream: Any = next((each for each in streams if not is_cover(each)), None)
            if self.stream is None:
                kind = "only sound" if self.container.streams.audio else "no video stream"
                raise InputError(f"{shown}: has {kind}, no moving picture")
            if self.stream.codec_context is None:
                raise InputError(f"{shown}: its video codec is unknown to restyle; convert it first")
            context = self.stream.codec_context
            check_pixels(shown, (context.height, context.width), max_pixels)
            # For frames that are larger than the header says.
            context.options = {"max_pixels": str(min(max_pixels or MOST_PIXELS, MOST_PIXELS))}
            self.stream.thread_type = "AUTO"
            self.clock = Clock(self.container)
            self._done = self._trimmed = 0  # frames
            self._end = 0.0  # of the last packet, in seconds
            self._interlaced = self._transparent = False
            # One iterator for all: a decoder may return several frames at once.
            self._rest: Iterator[tuple[str, Any]] = self._decoded()
            first = self._first_frame()
        except BaseException:
            self.container.close()
            raise
        self.info = self._described(first)
        self._has_alpha = any(plane.is_alpha for plane in first.format.components)

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def keep_alpha(self) -> None:
        """Yield frames with alpha if the video has it, instead of placing them on black."""
        self.info = replace(self.info, alpha=self._has_alpha)

    @property
    def other_streams(self) -> list[Any]:
        """The audio and subtitle streams."""
        return [each for each in self.container.streams if each.type in ("audio", "subtitle")]

    def items(self, skip: int = 0) -> Iterator[VideoFrame | Any]:
        """Yield frames, and packets of `other_streams`, in the order of the file.

        The first `skip` frames have no pixels, which is much faster. A damaged frame has no pixels either.
        At the end `tell` is called once for each kind of damage.
        """
        held: VideoFrame | None = None
        for item in self._timed(skip):
            if not isinstance(item, VideoFrame):
                yield item
                continue
            if held is not None:
                # The duration that a file states is often that of the next frame in decoding order.
                held.duration = item.pts - held.pts
                yield held
            held = item
        if held is not None:
            start, length = self.stream.start_time, self.stream.duration
            shifted = self.clock.shift or self.clock.left_out
            complete = self._done + self._trimmed >= (self.info.frames or 0) and not shifted
            if complete and None not in (start, length) and start + length > held.pts:
                held.duration = start + length - held.pts
            yield held

    def _timed(self, skip: int) -> Iterator[VideoFrame | Any]:
        """Yield packets, and frames with increasing time stamps; a frame that was lost has no pixels."""
        expected: list[int] = []  # time stamps of packets whose frames have not come yet
        done = lost = errors = corrupt = 0
        last: int | None = None
        for kind, value in self._rest:
            if kind == "packet":
                yield value
            elif kind == "stamp":
                heapq.heappush(expected, value)
            elif kind == "error":
                errors += 1
            else:
                pts = value.pts
                while expected and (pts is None or expected[0] <= pts):
                    stamp = heapq.heappop(expected)
                    # Encoders of intact files skip frames, too, so a gap counts only after an error.
                    if stamp != pts and errors > lost and last is not None and stamp > last:
                        lost, done, last = lost + 1, done + 1, stamp
                        yield VideoFrame(None, stamp, self._frame_duration, done <= skip)
                    if pts is None or stamp == pts:
                        break
                if pts is None or (last is not None and pts <= last):
                    pts = 0 if last is None else last + (self._frame_duration if pts is None else 1)
                last, done = pts, done + 1
                corrupt += bool(value.is_corrupt)
                pixels = self._pixels(value) if done > skip else None
                yield VideoFrame(pixels, pts, int(value.duration or self._frame_duration), done <= skip)
        while errors > lost and expected:  # damage at the very end
            stamp = heapq.heappop(expected)
            if last is not None and stamp > last:
                lost, done, last = lost + 1, done + 1, stamp
                yield VideoFrame(None, stamp, self._frame_duration, done <= skip)
        self._done = done
        self._report(lost, corrupt)

    def _report(self, lost: int, corrupt: int) -> None:
        shown, done = os.fspath(self.path), self._done
        if self._interlaced:
            self.tell(f"{shown}: is interlaced; the result is deinterlaced")
        if self._transparent or self.stream.metadata.get("alpha_mode") == "1":
            black = "; transparent parts are black" if self._transparent else ""
            self.tell(f"{shown}: its transparency is lost{black}")
        if self._hdr_metadata:
            self.tell(f"{shown}: its HDR metadata (mastering display, light level) is lost")
        if lost:
            frames = "frame is" if lost == 1 else "frames are"
            self.tell(f"{shown}: {lost} damaged {frames} replaced by the previous one")
        if corrupt:
            self.tell(f"{shown}: {corrupt} frames are partly damaged and are stylized as they are")
        by_time = any(name in self.container.format.name for name in _TRUNCATED_BY_TIME)
        if self.info.frames and done + self._trimmed < self.info.frames and not by_time:
            self.tell(f"{shown}: is truncated after {done} of {self.info.frames} frames; so is the result")
        length = (self.container.duration or 0) / 1_000_000
        if self.clock.left_out:
            self.tell(f"{shown}: pauses of {float(self.clock.left_out):,.0f} s are left out")
        elif by_time and self._end < length - 0.5:
            self.tell(f"{shown}: is truncated after {self._end:.1f} of {length:.1f} s; so is the result")

    def _demuxed(self) -> Iterator[Any]:
        import av

        try:
            for packet in demux(self.container, self.clock, self.stream, *self.other_streams):
                if packet.pts is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self._end = max(self._end, end)
                yield packet
        except av.FFmpegError as error:
            self.tell(f"{os.fspath(self.path)}: cannot be read to its end ({_reason(error)})")

    def _first_frame(self) -> Any:
        """Decode the first frame; keep it and the packets before it for later."""
        waiting: deque[tuple[str, Any]] = deque()
        reason = ""
        for kind, value in self._rest:
            waiting.append((kind, value))
            if kind == "frame":
                self._rest = itertools.chain(_emptied(waiting), self._rest)
                return value
            if kind == "error":
                reason = f" ({_reason(value)})"
        raise InputError(f"{os.fspath(self.path)}: holds no frame that can be decoded{reason}")

    def _decoded(self) -> Iterator[tuple[str, Any]]:
        """Yield ("packet", packet of another stream), ("stamp", pts), ("frame", frame), ("error", error)."""
        import av

        fields = Deinterlacer()
        flushed = False
        for packet in self._demuxed():
            if packet.stream is not self.stream:
                if packet.size:
                    yield "packet", packet
                continue
            if packet.dts is None and packet.pts is None and not packet.size:
                flushed = True
            elif packet.is_discard:  # trimmed by an edit list
                self._trimmed += 1
            elif packet.pts is not None:
                yield "stamp", packet.pts
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                yield "error", error
                continue
            for frame in frames:
                yield from (("frame", each) for each in fields.push(frame))
        if not flushed:
            with contextlib.suppress(av.FFmpegError):
                for frame in self.stream.decode(None):
                    yield from (("frame", each) for each in fields.push(frame))
        yield from (("frame", each) for each in fields.flush())
        self._interlaced = fields.active

    def _described(self, first: Any) -> VideoInfo:
        stream, context, form = self.stream, self.stream.codec_context, first.format
        rate = stream.average_rate or stream.guessed_rate
        if (not rate or rate > _MAX_RATE) and first.duration:  # raw DV states its time base
            rate = 1 / (first.duration * stream.time_base)
        self._frame_duration = max(1, round(1 / (rate * stream.time_base))) if rate else 1
        self._hdr_metadata = any(each.type.name in _HDR_METADATA for each in first.side_data)
        turn = turn_of(first)
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        aspect = aspect if aspect and aspect > 0 else Fraction(1)
        colors = ColorTags(
            FULL if form.name.startswith("yuvj") else int(first.color_range),
            int(first.colorspace),
            int(first.color_trc),
            int(first.color_primaries),
        )
        depth = max((plane.bits for plane in form.components), default=8)
        full = "444" if form.name.startswith("gbr") else "420"
        return VideoInfo(
            size=(first.width, first.height) if turn.quarters % 2 else (first.height, first.width),
            time_base=stream.time_base,
            rate=rate,
            frames=int(stream.frames) or None,
            depth=8 if form.name in ("pal8", "rgb8", "bgr8") else depth,
            chroma=next((each for each in ("422", "444") if each in form.name), full),
            aspect=1 / aspect if turn.quarters % 2 else aspect,
            colors=colors,
            turn=turn,
            metadata=dict(self.container.metadata),
            stream_metadata=dict(stream.metadata),
        )

    def _pixels(self, frame: Any) -> Pixels:
        import av

        height, width = self.info.size[:: -1 if self.info.turn.quarters % 2 else 1]
        is_rgb = frame.format.is_rgb or frame.format.name == "pal8"
        alpha = any(plane.is_alpha for plane in frame.format.components)
        depth = ("rgba64le" if alpha else "rgb48le") if self.info.depth > 8 else "rgba" if alpha else "rgb24"
        try:
            pixels = frame.reformat(
                width=width,  # a stream may change its size
                height=height,
                format=depth,
                src_colorspace=None if is_rgb else self.info.colors.working_matrix(frame.height),
                src_color_range=FULL if is_rgb else self.info.colors.range or LIMITED,
                dst_color_range=FULL,
                interpolation=scaling(),
            ).to_ndarray()
        except av.FFmpegError as error:
            name = frame.format.name
            raise InputError(
                f"{os.fspath(self.path)}: its frames ({name}) cannot be converted to RGB ({_reason(error)})"
            ) from error
        if self.info.alpha:
            pixels = with_alpha(pixels)
        elif alpha:
            self._transparent = self._transparent or pixels[..., 3].min() < np.iinfo(pixels.dtype).max
            pixels = over_black(pixels)
        return self.info.turn.upright(pixels)


class Deinterlacer:
    """Turns interlaced frames into progressive ones, one for one; leaves progressive videos alone."""

    def __init__(self) -> None:
        self.active = False
        self._graph: Any = None
        self._sources: deque[Any] = deque()  # frames in the filter, which is one frame late

    def push(self, frame: Any) -> Iterator[Any]:
        """Take a decoded frame; yield the frames that are ready."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        if self._sources and _shape(self._sources[0]) != _shape(frame):
            yield from self.flush()
        if self._graph is None:
            self._open(frame)
        self._sources.append(frame)
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[Any]:
        """Yield the frames that are left."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = None

    def _open(self, frame: Any) -> None:
        import av.filter

        self.active, self._graph = True, av.filter.Graph()
        source = self._graph.add_buffer(template=None, **_shape(frame), time_base=frame.time_base)
        deinterlace = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        self._graph.link_nodes(source, deinterlace, sink).configure()

    def _pull(self) -> Iterator[Any]:
        import av

        while self._sources:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            source = self._sources.popleft()
            frame.pts, frame.time_base = source.pts, source.time_base  # the filter halves the time base
            yield frame


def _shape(frame: Any) -> dict[str, Any]:
    return {"width": frame.width, "height": frame.height, "format": frame.format}


def _emptied(items: deque[Any]) -> Iterator[Any]:
    """Yield items and forget them."""
    while items:
        yield items.popleft()


def _reason(error: Exception) -> str:
    reason = str(getattr(error, "strerror", None) or error).strip()
    return reason.splitlines()[0].lower() if reason else "no reason given"
