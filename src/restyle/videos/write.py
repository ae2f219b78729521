"""Write videos: encode frames with the time stamps of the source, and copy its other streams.

Audio that the container cannot hold is converted, subtitles are left out; both are reported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import OutputError
from restyle.types import PathLike
from restyle.videos.audio import MOST_CHANNELS, ConvertedAudio, NewAudio, ReplacedAudio
from restyle.videos.formats import (
    BT709,
    CONTAINERS,
    DEFAULT_QUALITY,
    ENCODERS,
    FULL,
    LIMITED,
    RGB,
    UNSPECIFIED,
    ColorTags,
    Pixels,
    Tell,
    Turn,
    VideoFrame,
    VideoInfo,
    copied_metadata,
    copied_stream,
    copy_chapters,
    encoder_settings,
    left_out,
    pixel_format,
    scaling,
)
from restyle.videos.read import VideoReader

_RGB = ("bgr", "gbr", "rgb")  # beginnings of pixel formats without chroma


class VideoWriter:
    """Writes a video file frame by frame, to the temporary path of `files.writing`.

    The time base, colors, orientation and metadata of `info` are kept; the other streams of `source` are
    copied, but `audio` replaces its first audio stream. `size` is the (height, width) of upright frames,
    `codec` a key of `formats.ENCODERS`. `tell` takes one line about what the container cannot hold.
    """

    def __init__(
        self,
        path: PathLike,
        info: VideoInfo,
        size: tuple[int, int],
        codec: str,
        quality: int | None = None,
        source: VideoReader | None = None,
        tell: Tell = lambda line: None,
        audio: NewAudio | None = None,
    ) -> None:
        import av

        self.frames = 0
        self.keep: Callable[[Any], None] = lambda packet: None  # takes encoded packets
        self.info, self.suffix = info, Path(path).suffix.lower()
        self._durations: dict[int, int] = {}
        self._stamps: list[int] = []  # pts of every frame so far; sorted, they are the dts of later segments
        self._delay = self._sent = 0  # frames by which decoding runs ahead of display; packets so far
        self._first_segment = True
        self._encoder: Any = None
        self._held: Any = None  # a packet that waits for the dts of the next
        self._began = self._end = 0
        kind = CONTAINERS[self.suffix]
        self._by_decoding = kind in ("mp4", "mov")
        # Audio starts before 0 if its codec needs priming; Matroska would shift the picture to make room.
        settings = {"movflags": "+faststart"} if self._by_decoding else {"avoid_negative_ts": "disabled"}
        self.container: Any = av.open(os.fspath(path), "w", format=kind, container_options=settings)
        try:
            self._encoding = Encoding(codec, info, size, quality)
            for line in self._encoding.losses:
                tell(line)
            self._open_stream()
            self.container.metadata.update(copied_metadata(info.metadata))
            self._copies: dict[int, Any] = {}
            self._converted: dict[int, ConvertedAudio] = {}
            if source is not None:
                for stream in source.other_streams:
                    if audio is not None and stream.type == "audio":
                        replaced = ReplacedAudio(self.container, stream, audio, float(source.clock.shift))
                        self._converted[stream.index] = replaced
                        audio = None  # further audio streams are copied
                    else:
                        self._add_stream(stream, tell)
                copy_chapters(source.container, self.container)
                if line := left_out(source.container, source.stream):
                    tell(line)
            self.container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            self.abort()
            raise OutputError(
                f"cannot write {codec} of {size[1]}x{size[0]} to '{self.suffix}': {error}"
            ) from error

    def write(self, frame: VideoFrame) -> None:
        """Encode a frame that has pixels."""
        assert frame.pixels is not None
        if self._encoder is None:
            self._encoder = self._encoding.another(self.stream.codec_context)
        picture = self._encoding.converted(frame.pixels)
        picture.pts, picture.time_base = frame.pts, self.info.time_base
        self._durations[frame.pts] = frame.duration
        self._stamps.append(frame.pts)
        self.frames += 1
        self._mux(self._encoder.encode(picture))

    def end_segment(self) -> None:
        """Flush the encoder; later frames do not depend on earlier ones."""
        if self._encoder is None:
            return
        self._mux(self._encoder.encode(None))
        self._encoder = None
        self._first_segment = False

    def append(self, packets: Iterable[Any], stamps: Iterable[int]) -> None:
        """Append the packets of a segment of an earlier run; `stamps` are the `pts` of its frames, sorted."""
        self._stamps.extend(stamps)
        self.frames = len(self._stamps)
        for packet in packets:
            packet.stream, packet.time_base = self.stream, self.info.time_base
            self._delay += self._first_segment and packet.dts < self._stamps[0]
            self._put(packet)
        self._encoder, self._first_segment = None, False

    def copy(self, packet: Any) -> None:
        """Copy or convert a packet of another stream of the source."""
        index = packet.stream.index
        if index in self._converted:
            self._converted[index].add(packet)
        elif index in self._copies:
            if packet.dts is None:
                packet.dts = packet.pts
            packet.stream = self._copies[index]
            self.container.mux(packet)

    def close(self) -> None:
        """Flush the encoders and finish the file."""
        try:
            self.end_segment()
            if self._held is not None:
                # The file ends when its last frame does, counted from the first dts.
                self._held.duration = max(1, self._end - self._began - self._held.dts)
                self.container.mux(self._held)
            for each in self._converted.values():
                each.finish()
        finally:
            self.container.close()

    def abort(self) -> None:
        """Close a file that will be deleted."""
        import av

        with suppress(av.FFmpegError, OSError):
            self.container.close()

    def _open_stream(self) -> None:
        encoding, info = self._encoding, self.info
        self.stream: Any = self.container.add_stream(encoding.encoder.name, rate=encoding.rate)
        if info.turn != Turn():
            self.stream.set_display_rotation(90 * info.turn.quarters, hflip=info.turn.mirrored)
        self.stream.time_base = info.time_base
        self.stream.metadata.update(
            {key: value for key, value in info.stream_metadata.items() if key in ("language", "title")}
        )
        # Apple's players refuse H.265 without this tag.
        tag = "hvc1" if encoding.encoder.name == "libx265" and self._by_decoding else None
        self._encoder = self.stream.codec_context
        encoding.open(self._encoder, tag)

    def _add_stream(self, stream: Any, tell: Tell) -> None:
        name = None if stream.codec_context is None else stream.codec_context.name
        # FFmpeg writes PCM to MP4, but browsers and phones do not play it.
        plays = self.suffix != ".mp4" or name is None or not name.startswith("pcm")
        copied = copied_stream(self.container, stream) if plays else None
        if copied is not None:
            self._copies[stream.index] = copied
            return
        if stream.type == "audio" and name is not None and stream.codec_context.channels <= MOST_CHANNELS:
            codec = "libopus" if self.suffix == ".webm" else "aac"
            self._converted[stream.index] = ConvertedAudio(self.container, stream, codec, tell)
            tell(f"'{self.suffix}' cannot hold {name} audio; it is converted to {codec.removeprefix('lib')}")
        else:
            kind = {"audio": "audio", "subtitle": "subtitles"}[stream.type]
            tell(f"'{self.suffix}' cannot hold {name or 'unknown'} {kind}; left out")

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.stream = self.stream
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            if self._first_segment:
                self._delay += packet.dts < self._stamps[0]
            else:
                # The encoder of a later segment does not know the frames before it.
                packet.dts = self._stamps[self._sent - self._delay]
            self.keep(packet)
            self._put(packet)

    def _put(self, packet: Any) -> None:
        self._sent += 1
        if not self._by_decoding:
            self.container.mux(packet)
            return
        # These containers store durations in decoding order.
        self._end = max(self._end, packet.pts + packet.duration)
        if self._held is None:
            self._began = packet.pts - packet.dts
        else:
            self._held.duration = packet.dts - self._held.dts
            self.container.mux(self._held)
        self._held = packet


class Encoding:
    """The settings of an encoder for frames of one size; opens any number of encoders with them.

    The time base, colors and orientation of `info` are kept. `size` is the (height, width) of upright
    frames; odd sides are cut where the codec needs even ones. `losses` says what it cannot keep.
    """

    def __init__(self, codec: str, info: VideoInfo, size: tuple[int, int], quality: int | None) -> None:
        self.info, self.encoder = info, ENCODERS[codec]
        self.rate = (info.rate or Fraction(25)).limit_denominator(1001)
        self.settings = encoder_settings(self.encoder)
        if self.encoder.worst:
            share = (100 - (quality or DEFAULT_QUALITY)) / 100
            self.settings["crf"] = str(round(self.encoder.worst * share))
        self.form = pixel_format(self.encoder, info)
        if self.form == "yuva444p10le":
            self.settings["profile"] = "4444"
        (height, width), self.aspect = size, info.aspect
        if info.turn.quarters % 2:
            height, width, self.aspect = width, height, 1 / self.aspect
        halved = (self.encoder.even and "420" in self.form, "420" in self.form or "422" in self.form)
        self.losses: list[str] = []
        if info.chroma != "420" and "420" in self.form:
            self.losses.append(
                f"the color resolution of 4:{info.chroma[1]}:{info.chroma[2]} becomes 4:2:0, which plays"
                " everywhere (--codec h265 or vp9 keeps it)"
            )
        if self.encoder.even and ((height % 2 and halved[0]) or (width % 2 and halved[1])):
            before = f"{width}x{height}"
            height, width = height - height % 2 * halved[0], width - width % 2 * halved[1]
            self.losses.append(
                f"{self.encoder.name} needs even sides: {before} is cut to {width}x{height}"
                " (--codec vp9 or ffv1 keeps odd ones)"
            )
        if height < 1 or width < 1:
            raise ValueError("too small")
        self.size = (height, width)
        self.colors = _written_colors(info.colors, self.form, height)

    def open(self, context: Any, tag: str | None = None) -> None:
        """Apply the settings to an encoder and open it."""
        height, width = self.size
        context.options = dict(self.settings)
        context.width, context.height, context.pix_fmt = width, height, self.form
        context.framerate, context.time_base = self.rate, self.info.time_base
        context.sample_aspect_ratio = self.aspect
        self._tag(context)
        if tag is not None:
            context.codec_tag = tag
        with _quiet_svt():
            context.open(strict=False)

    def another(self, like: Any) -> Any:
        """Open another encoder, whose packets follow those of `like`."""
        import av

        context: Any = av.CodecContext.create(self.encoder.name, "w")
        context.flags = like.flags
        # PyAV sets these for streams and not for encoders.
        context.bit_rate, context.bit_rate_tolerance = like.bit_rate or 0, like.bit_rate_tolerance or 0
        self.open(context)
        return context

    def converted(self, pixels: Pixels) -> Any:
        """Convert an upright frame [H, W, 3] to the pixel format of the encoder."""
        import av

        height, width = self.size
        cut: Any = np.ascontiguousarray(self.info.turn.stored(pixels)[:height, :width])
        forms = ("rgba", "rgba64le") if self.info.alpha else ("rgb24", "rgb48le")
        picture = av.VideoFrame.from_ndarray(cut, forms[pixels.dtype != np.uint8])
        if self.form.startswith(_RGB):
            return picture.reformat(format=self.form)
        converted = picture.reformat(
            format=self.form,
            src_color_range=FULL,
            dst_color_range=self.colors.range or LIMITED,
            dst_colorspace=self.colors.working_matrix(height),
            interpolation=scaling(),
        )
        self._tag(converted)
        return converted

    def _tag(self, target: Any) -> None:
        target.color_range, target.colorspace = self.colors.range, self.colors.matrix
        target.color_trc, target.color_primaries = self.colors.transfer, self.colors.primaries


def _written_colors(colors: ColorTags, form: str, height: int) -> ColorTags:
    if form.startswith(_RGB):
        return ColorTags(FULL, RGB, colors.transfer, colors.primaries)
    if colors.matrix == RGB:
        return ColorTags(LIMITED, BT709, colors.transfer, colors.primaries)
    if colors.matrix not in (UNSPECIFIED, colors.working_matrix(height)):
        return ColorTags(colors.range, UNSPECIFIED, colors.transfer, colors.primaries)
    return colors


@contextmanager
def _quiet_svt() -> Iterator[None]:
    """Keep SVT-AV1 from logging to standard error; it reads SVT_LOG when it opens and has no option."""
    if "SVT_LOG" in os.environ:
        yield
        return
    os.environ["SVT_LOG"] = "1"
    try:
        yield
    finally:
        os.environ.pop("SVT_LOG", None)
