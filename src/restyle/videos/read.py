"""Read videos: frames upright in RGB with their time stamps, and the packets of every other stream.

PyAV decodes. Frames and packets come in the order of the file, so that whoever writes a new file can
interleave them as they were.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from restyle.errors import InputError
from restyle.files import Closing, check_readable
from restyle.types import PathLike
from restyle.videos.info import FULL, LIMITED, ColorTags, Pixels, VideoFrame, VideoInfo, scaling, turn_of
from restyle.videos.transcode import set_back

Tell = Callable[[str], None]

# Their clocks start anywhere, so their first stamp says nothing.
_BROADCAST = {"mpegts", "mpeg", "vob"}


class VideoReader(Closing):
    """A video, read once from its start.

    Parameters
    ----------
    path : path
    tell : function of a line
        Called with what is wrong and could be mended: damaged frames, a file that breaks off.

    Raises
    ------
    InputError
        The file is missing, empty, no video, or holds no frame.
    """

    def __init__(self, path: PathLike, tell: Tell = lambda line: None) -> None:
        import av

        self.path, self.tell = path, tell
        shown = os.fspath(path)
        check_readable(shown)
        try:
            self.container: Any = av.open(shown)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{shown}: not a video that restyle can read, or one that is cut short ({_reason(error)})"
            ) from error
        try:
            streams = self.container.streams.video
            self.stream: Any = next((each for each in streams if not _is_cover(each)), None)
            if self.stream is None:
                kind = "only sound" if self.container.streams.audio else "no video stream"
                raise InputError(f"{shown}: has {kind}, no moving picture")
            if self.container.format.name.endswith(("_pipe", "image2")):
                raise InputError(f"{shown}: is a still picture; use restyle image")
            if self.stream.codec_context is None:
                raise InputError(f"{shown}: its video codec is unknown to restyle; convert it first")
            self.stream.thread_type = "AUTO"
            self._waiting: list[Any] = []
            self._packets = self._demuxed()
            self._rest = self._decoded()  # one for all: a decoder may give several frames at once
            first = self._first_frame()
        except BaseException:
            self.container.close()
            raise
        self.info = self._described(first)
        late = self.container.format.name in _BROADCAST and self.container.start_time
        # Seconds taken off every stamp.
        self.shift = Fraction(self.container.start_time, 1_000_000) if late else Fraction(0)

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

    @property
    def others(self) -> list[Any]:
        """The streams of sound and subtitles."""
        return [each for each in self.container.streams if each.type in ("audio", "subtitle")]

    def items(self, skip: int = 0) -> Iterator[VideoFrame | Any]:
        """Frames, and packets of `others`, in the order of the file.

        The first `skip` frames come without pixels, which takes a fraction of the time.

        A frame that is damaged comes as one without pixels. Afterwards `tell` has been called once for each
        kind of damage.
        """
        held: VideoFrame | None = None
        for item in self._stamped(skip):
            if not isinstance(item, VideoFrame):
                yield item
                continue
            if held is not None:
                # What files say of a frame's duration is often that of its neighbour in decoding order.
                held.duration = item.pts - held.pts
                yield held
            held = item
        if held is not None:
            start, length = self.stream.start_time, self.stream.duration
            whole = self._done >= (self.info.frames or 0)  # else the last frame is not the last of the file
            if whole and None not in (start, length) and not self.shift and start + length > held.pts:
                held.duration = start + length - held.pts
            yield held

    def _stamped(self, skip: int) -> Iterator[VideoFrame | Any]:
        expected: list[int] = []
        done, damaged, errors, marred = 0, 0, 0, 0
        last: int | None = None
        start = round(self.shift / self.info.time_base)
        for kind, value in self._events():
            if kind == "packet":
                if self.shift:
                    set_back(value, self.shift)
                yield value
            elif kind == "stamp":
                heapq.heappush(expected, value)
            elif kind == "error":
                errors += 1
            else:
                pts = value.pts
                while expected and (pts is None or expected[0] <= pts):
                    stamp = heapq.heappop(expected)
                    # Encoders skip frames in honest files too, so gaps count only once something broke.
                    if stamp != pts and errors > damaged and last is not None and stamp > last:
                        damaged, done, last = damaged + 1, done + 1, stamp
                        yield VideoFrame(None, stamp - start, self._usual_duration, done <= skip)
                    if pts is None or stamp == pts:
                        break
                if pts is None or (last is not None and pts <= last):
                    pts = 0 if last is None else last + (self._usual_duration if pts is None else 1)
                last, done = pts, done + 1
                marred += bool(value.is_corrupt)
                pixels = self._pixels(value) if done > skip else None
                duration = int(value.duration or self._usual_duration)
                yield VideoFrame(pixels, pts - start, duration, done <= skip)
        while errors > damaged and expected:  # damage at the very end
            stamp = heapq.heappop(expected)
            if last is not None and stamp > last:
                damaged, done, last = damaged + 1, done + 1, stamp
                yield VideoFrame(None, stamp - start, self._usual_duration, done <= skip)
        shown = os.fspath(self.path)
        if damaged:
            frames = "frame" if damaged == 1 else "frames"
            self.tell(f"{shown}: {damaged} damaged {frames}; the one before stands in")
        if marred:
            self.tell(f"{shown}: {marred} frames are partly damaged and are painted as they are")
        self._done = done
        if self.info.frames and done < self.info.frames:
            self.tell(f"{shown}: breaks off after {done} of {self.info.frames} frames; so does the result")

    def _demuxed(self) -> Iterator[Any]:
        import av

        wanted = [self.stream, *self.others]
        try:
            yield from self.container.demux(*wanted)
        except av.FFmpegError as error:
            self.tell(f"{os.fspath(self.path)}: cannot be read to its end ({_reason(error)})")

    def _first_frame(self) -> Any:
        """Decode up to the first frame; what was read on the way waits."""
        reason = ""
        for kind, value in self._rest:
            self._waiting.append((kind, value))
            if kind == "frame":
                return value
            if kind == "error":
                reason = f" ({_reason(value)})"
        raise InputError(f"{os.fspath(self.path)}: holds no frame that can be decoded{reason}")

    def _events(self) -> Iterator[tuple[str, Any]]:
        yield from self._waiting
        self._waiting = []
        yield from self._rest

    def _decoded(self) -> Iterator[tuple[str, Any]]:
        import av

        flushed = False
        for packet in self._packets:
            if packet.stream is not self.stream:
                if packet.size:
                    yield "packet", packet
                continue
            if packet.dts is None and packet.pts is None and not packet.size:
                flushed = True
            elif packet.pts is not None and not packet.is_discard:
                yield "stamp", packet.pts
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                yield "error", error
                continue
            for frame in frames:
                yield "frame", frame
        if not flushed:
            try:
                frames = self.stream.decode(None)
            except av.FFmpegError:
                return
            for frame in frames:
                yield "frame", frame

    def _described(self, first: Any) -> VideoInfo:
        stream, context = self.stream, self.stream.codec_context
        rate = stream.average_rate or stream.guessed_rate
        self._usual_duration = max(1, round(1 / (rate * stream.time_base))) if rate else 1
        form = first.format
        turn = turn_of(first)
        height, width = first.height, first.width
        if turn.quarters % 2:
            height, width = width, height
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
        if aspect <= 0:
            aspect = Fraction(1)
        full = form.name.startswith("yuvj")
        colors = ColorTags(
            FULL if full else int(first.color_range),
            int(first.colorspace),
            int(first.color_trc),
            int(first.color_primaries),
        )
        planes = form.components
        depth = max((plane.bits for plane in planes), default=8)
        return VideoInfo(
            size=(height, width),
            time_base=stream.time_base,
            rate=rate,
            frames=int(stream.frames) or None,
            depth=8 if form.name in ("pal8", "rgb8", "bgr8") else depth,
            chroma=_chroma(form.name),
            aspect=1 / aspect if turn.quarters % 2 else aspect,
            colors=colors,
            turn=turn,
            metadata=dict(self.container.metadata),
            stream_metadata=dict(stream.metadata),
        )

    def _pixels(self, frame: Any) -> Pixels:
        wanted = "rgb48le" if self.info.depth > 8 else "rgb24"
        matrix = self.info.colors.working_matrix(frame.height)
        height, width = self.info.size
        if self.info.turn.quarters % 2:
            height, width = width, height
        is_rgb = frame.format.is_rgb or frame.format.name == "pal8"
        pixels = frame.reformat(
            width=width,  # a stream may change its size under way
            height=height,
            format=wanted,
            src_colorspace=None if is_rgb else matrix,
            src_color_range=FULL if is_rgb else self.info.colors.range or LIMITED,
            dst_color_range=FULL,
            interpolation=scaling(),
        ).to_ndarray()
        return self.info.turn.upright(pixels)


def _chroma(name: str) -> str:
    return next((each for each in ("422", "444") if each in name), "420")


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return str(said).strip().splitlines()[0].lower() if str(said).strip() else "no reason given"
