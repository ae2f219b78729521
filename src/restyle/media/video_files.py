"""Write videos: frames with the time stamps they came with, and the other streams as they were.

Sound and subtitles are copied packet by packet. Where the new container cannot hold a sound, it is encoded
anew; where it cannot hold a subtitle, that is left out. Either is told.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import OptionError, OutputError
from restyle.media.transcoding import Transcoder, kept
from restyle.media.video_info import (
    BT709,
    FULL,
    LIMITED,
    RGB,
    UNSPECIFIED,
    ColorTags,
    Pixels,
    VideoFrame,
    VideoInfo,
    scaling,
)
from restyle.media.videos import Tell, VideoReader

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Encoder:
    """One way to write a video.

    Parameters
    ----------
    name : str
        FFmpeg's name of the encoder.
    suffixes : tuple of str
        Containers that hold it.
    worst : int
        Constant rate factor of quality 0; 0 where quality means nothing.
    options : dict
        More settings of the encoder.
    even : bool
        Whether frames whose chroma is halved must have even sides.
    """

    name: str
    suffixes: tuple[str, ...]
    worst: int = 0
    options: tuple[tuple[str, str], ...] = ()
    even: bool = True


_MP4 = (".mp4", ".m4v", ".mov")
ENCODERS = {
    "h264": Encoder("libx264", (*_MP4, ".mkv"), 51, (("preset", "fast"),)),
    "h265": Encoder("libx265", (*_MP4, ".mkv"), 51, (("preset", "fast"), ("x265-params", "log-level=error"))),
    "vp9": Encoder(
        "libvpx-vp9",
        (".webm", ".mkv", ".mp4"),
        63,
        (("b:v", "0"), ("deadline", "good"), ("cpu-used", "4"), ("row-mt", "1")),
        even=False,
    ),
    "av1": Encoder("libsvtav1", (".webm", ".mkv", ".mp4"), 63, (("preset", "8"),)),
    "prores": Encoder("prores_ks", (".mov", ".mkv"), 0, (("profile", "hq"),)),
    "ffv1": Encoder("ffv1", (".mkv",), 0, (("level", "3"),)),
}
USUAL_CODEC = {".webm": "vp9"}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = (*CONTAINERS, ".gif")

USUAL_QUALITY = 64  # constant rate factor 18 of H.264, which few can tell from the original
_REENCODED = {".webm": "libopus"}


def check_format(path: PathLike, codec: str | None, quality: int | None) -> str:
    """Return the codec for a path, the usual one of its suffix if none is named.

    Raises
    ------
    OutputError, OptionError
        No video is written under that suffix, or it cannot hold the codec.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        said = f"cannot write '{suffix}' videos" if suffix else "has no suffix that names a video format"
        raise OutputError(f"{os.fspath(path)}: {said}; use one of {', '.join(SUFFIXES)}, or a folder/")
    if suffix == ".gif":
        if codec is not None or quality is not None:
            raise OptionError("a GIF has neither codec nor quality; leave them out, or write .mp4")
        return "gif"
    chosen = codec or USUAL_CODEC.get(suffix, "h264")
    encoder = ENCODERS[chosen]
    if suffix not in encoder.suffixes:
        raise OptionError(
            f"'{suffix}' does not hold codec {chosen}; use one of {', '.join(encoder.suffixes)}"
        )
    if quality is not None and not encoder.worst:
        raise OptionError(f"codec {chosen} has no quality to choose; leave it out")
    import av

    try:
        av.Codec(encoder.name, "w")
    except av.FFmpegError as error:
        raise OptionError(
            f"codec {chosen} is missing from this PyAV ({encoder.name}); choose another"
        ) from error
    return chosen


class VideoWriter:
    """A video file written frame by frame. Give it the temporary path of `media.outputs.writing`.

    Parameters
    ----------
    path : path
    info : VideoInfo
        Of the source; time base, colours, orientation and metadata are kept.
    size : (height, width)
        Of the frames, upright.
    codec : str
        One of `ENCODERS`.
    quality : int or None
        1 to 100.
    source : VideoReader or None
        Whose other streams shall be copied.
    tell : function of a line
        Called with what the container cannot hold.
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
    ) -> None:
        import av

        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 talks on standard error otherwise
        self.frames = 0
        self.info, self.suffix = info, Path(path).suffix.lower()
        encoder = ENCODERS[codec]
        self._durations: dict[int, int] = {}
        self._held: Any = None
        self._began = self._end = 0
        # Sound begins before 0 where its codec needs a run-up; Matroska would shift the picture to make room.
        matroska = {"avoid_negative_ts": "disabled"}
        kind = CONTAINERS[self.suffix]
        self.container: Any = av.open(
            os.fspath(path),
            "w",
            format=kind,
            container_options={"movflags": "+faststart"} if kind in ("mp4", "mov") else matroska,
        )
        settings = dict(encoder.options)
        if encoder.worst:
            settings["crf"] = str(round(encoder.worst * (100 - (quality or USUAL_QUALITY)) / 100))
        rate = info.rate or Fraction(25)
        try:
            self._open_stream(encoder, rate.limit_denominator(1001), size, settings, tell)
            self.container.metadata.update(kept(info.metadata))
            self._copies: dict[int, Any] = {}
            self._transcoders: dict[int, Transcoder] = {}
            for each in source.others if source is not None else ():
                self._add_other(each, tell)
            self.container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            self.abort()
            raise OutputError(
                f"cannot write {codec} of {size[1]}x{size[0]} to '{self.suffix}': {error}"
            ) from error

    def write(self, frame: VideoFrame) -> None:
        """Append a frame; its pixels are there."""
        assert frame.pixels is not None
        picture = self._converted(self.info.turn.stored(frame.pixels) if self._turns else frame.pixels)
        picture.pts, picture.time_base = frame.pts, self.info.time_base
        self._durations[frame.pts] = frame.duration
        self.frames += 1
        self._mux(self.stream.encode(picture))

    def copy(self, packet: Any) -> None:
        """Append a packet of another stream of the source."""
        index = packet.stream.index
        if index in self._transcoders:
            self._transcoders[index].add(packet)
        elif index in self._copies:
            if packet.dts is None:
                packet.dts = packet.pts
            packet.stream = self._copies[index]
            self.container.mux(packet)

    def close(self) -> None:
        """Write what is held back, and finish the file."""
        try:
            self._mux(self.stream.encode(None))
            if self._held is not None:
                # Counted from the first stamp of decoding, the file ends when its last frame does.
                self._held.duration = max(1, self._end - self._began - self._held.dts)
                self.container.mux(self._held)
            for each in self._transcoders.values():
                each.finish()
        finally:
            self.container.close()

    def abort(self) -> None:
        """Let go of a file that nobody shall have."""
        import av

        try:
            self.container.close()
        except (av.FFmpegError, OSError):
            return

    def _open_stream(
        self, encoder: Encoder, rate: Fraction, size: tuple[int, int], settings: dict[str, str], tell: Tell
    ) -> None:
        info = self.info
        self.stream: Any = self.container.add_stream(encoder.name, rate=rate, options=settings)
        stream, context = self.stream, self.stream.codec_context
        self._form = _pixel_format(encoder, info)
        turn = info.turn
        self._turns = hasattr(stream, "set_display_rotation") and (turn.quarters > 0 or turn.mirrored)
        height, width = size
        aspect = info.aspect
        if self._turns:
            stream.set_display_rotation(90 * turn.quarters, hflip=turn.mirrored)
            if turn.quarters % 2:
                height, width, aspect = width, height, 1 / aspect
        halved = (encoder.even and "420" in self._form, "420" in self._form or "422" in self._form)
        if encoder.even and ((height % 2 and halved[0]) or (width % 2 and halved[1])):
            cut = (height - height % 2 if halved[0] else height, width - width % 2)
            tell(
                f"{encoder.name} needs even sides: {width}x{height} is cut to {cut[1]}x{cut[0]}"
                " (--codec vp9 or ffv1 keeps it)"
            )
            height, width = cut
        if height < 1 or width < 1:
            raise ValueError("too small")
        self._size = (height, width)
        context.width, context.height, context.pix_fmt = width, height, self._form
        context.time_base = stream.time_base = info.time_base
        context.sample_aspect_ratio = aspect
        self._colors = _written_colors(info.colors, self._form, height)
        context.color_range = self._colors.range
        context.colorspace = self._colors.matrix
        context.color_trc = self._colors.transfer
        context.color_primaries = self._colors.primaries
        if encoder.name == "libx265" and self.suffix in (".mp4", ".m4v", ".mov"):
            context.codec_tag = "hvc1"  # without it Apple's players refuse the file
        stream.metadata.update(
            {key: value for key, value in info.stream_metadata.items() if key in ("language", "title")}
        )
        context.open(strict=False)

    def _converted(self, pixels: Pixels) -> Any:
        import av

        height, width = self._size
        shown: Any = np.ascontiguousarray(pixels[:height, :width])
        picture = av.VideoFrame.from_ndarray(shown, "rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        if self._form.startswith(("bgr", "gbr", "rgb")):
            return picture.reformat(format=self._form)
        converted = picture.reformat(
            format=self._form,
            src_color_range=FULL,
            dst_color_range=self._colors.range or LIMITED,
            dst_colorspace=self._colors.working_matrix(height),
            interpolation=scaling(),
        )
        converted.color_range = self._colors.range
        converted.colorspace = self._colors.matrix
        converted.color_trc = self._colors.transfer
        converted.color_primaries = self._colors.primaries
        return converted

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            if CONTAINERS[self.suffix] not in ("mp4", "mov"):
                self.container.mux(packet)
                continue
            # These containers store how long a frame lasts in decoding order, so each waits for the next.
            if self._held is None:
                self._began = packet.pts - packet.dts
            else:
                self._held.duration = packet.dts - self._held.dts
                self.container.mux(self._held)
            self._held = packet
            self._end = max(self._end, packet.pts + packet.duration)

    def _add_other(self, stream: Any, tell: Tell) -> None:
        name = None if stream.codec_context is None else stream.codec_context.name
        what = "sound" if stream.type == "audio" else "subtitles"
        if name is not None and _holds(CONTAINERS[self.suffix], stream):
            copied = self.container.add_stream_from_template(stream)
            copied.metadata.update(kept(dict(stream.metadata)))
            copied.disposition = stream.disposition
            self._copies[stream.index] = copied
            return
        if stream.type == "audio" and name is not None:
            codec = _REENCODED.get(self.suffix, "aac")
            self._transcoders[stream.index] = Transcoder(self.container, stream, codec)
            tell(f"'{self.suffix}' cannot hold {name} sound; it is encoded anew as {codec}")
        else:
            tell(f"'{self.suffix}' cannot hold {name or 'unknown'} {what}; they are left out")


def _pixel_format(encoder: Encoder, info: VideoInfo) -> str:
    """The encoder's format that is nearest to the source's chroma and depth."""
    import av

    known = {each.name for each in av.Codec(encoder.name, "w").video_formats or ()}
    deep = "10le" if info.depth > 8 else ""
    if encoder.name == "ffv1":
        return "gbrp16le" if deep and "gbrp16le" in known else "bgr0"
    # Few players show 4:2:2 in H.264; a source in 4:4:4 is played by what plays 4:4:4.
    chroma = "420" if info.chroma == "422" and encoder.name == "libx264" else info.chroma
    wishes = [f"yuv{chroma}p{deep}", f"yuv420p{deep}", "yuv420p", "yuv422p10le"]
    return next(each for each in wishes if not known or each in known)


def _holds(container: str, stream: Any) -> bool:
    """Try whether a container takes the packets of a stream; what it claims to hold it may still refuse."""
    import av

    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _written_colors(colors: ColorTags, form: str, height: int) -> ColorTags:
    if form.startswith(("bgr", "gbr", "rgb")):
        return ColorTags(FULL, RGB, colors.transfer, colors.primaries)
    if colors.matrix == RGB:
        return ColorTags(LIMITED, BT709, colors.transfer, colors.primaries)
    if colors.matrix not in (UNSPECIFIED, colors.working_matrix(height)):
        return ColorTags(colors.range, UNSPECIFIED, colors.transfer, colors.primaries)
    return colors
