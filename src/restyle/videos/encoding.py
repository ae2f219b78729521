"""How videos are encoded: codecs and containers in one table, pixel formats, colors, encoder settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import OptionError, OutputError
from restyle.types import PathLike
from restyle.videos.info import BT709, FULL, LIMITED, RGB, UNSPECIFIED, ColorTags, Pixels, VideoInfo, scaling


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
    # Half the work of `fast` for about a decibel less at the same size: it runs beside the network.
    "h264": Encoder("libx264", (*_MP4, ".mkv"), 51, (("preset", "veryfast"),)),
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


def pixel_format(encoder: Encoder, info: VideoInfo) -> str:
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


class Encoding:
    """The settings of one encoder for frames of one size; any number of encoders may be opened with them.

    Parameters
    ----------
    codec : str
        One of `ENCODERS`.
    info : VideoInfo
        Of the source; time base, colours and orientation are kept.
    size : (height, width)
        Of the frames, upright. Where the codec needs even sides, they are cut: see `cut`.
    quality : int or None
        1 to 100.
    """

    def __init__(self, codec: str, info: VideoInfo, size: tuple[int, int], quality: int | None) -> None:
        from av.video.stream import VideoStream

        self.info, self.encoder = info, ENCODERS[codec]
        self.rate = (info.rate or Fraction(25)).limit_denominator(1001)
        self.settings = dict(self.encoder.options)
        if self.encoder.worst:
            share = (100 - (quality or USUAL_QUALITY)) / 100
            self.settings["crf"] = str(round(self.encoder.worst * share))
        self.form = pixel_format(self.encoder, info)
        turn = info.turn
        self.turns = hasattr(VideoStream, "set_display_rotation") and (turn.quarters > 0 or turn.mirrored)
        (height, width), self.aspect = size, info.aspect
        if self.turns and turn.quarters % 2:
            height, width, self.aspect = width, height, 1 / self.aspect
        halved = (self.encoder.even and "420" in self.form, "420" in self.form or "422" in self.form)
        self.cut = ""
        if self.encoder.even and ((height % 2 and halved[0]) or (width % 2 and halved[1])):
            whole = (height, width)
            height, width = height - height % 2 * halved[0], width - width % 2 * halved[1]
            self.cut = (
                f"{self.encoder.name} needs even sides: {whole[1]}x{whole[0]} is cut to {width}x{height}"
                " (--codec vp9 or ffv1 keeps it)"
            )
        if height < 1 or width < 1:
            raise ValueError("too small")
        self.size = (height, width)
        self.colors = _written_colors(info.colors, self.form, height)

    def open(self, context: Any, tag: str | None = None) -> None:
        """Give an encoder these settings, and open it."""
        height, width = self.size
        context.options = dict(self.settings)
        context.width, context.height, context.pix_fmt = width, height, self.form
        context.framerate, context.time_base = self.rate, self.info.time_base
        context.sample_aspect_ratio = self.aspect
        context.color_range = self.colors.range
        context.colorspace = self.colors.matrix
        context.color_trc = self.colors.transfer
        context.color_primaries = self.colors.primaries
        if tag is not None:
            context.codec_tag = tag
        with _quiet_svt():
            context.open(strict=False)

    def another(self, like: Any) -> Any:
        """Open one more encoder, for packets that follow those of `like`."""
        import av

        context: Any = av.CodecContext.create(self.encoder.name, "w")
        context.flags = like.flags
        # PyAV's usual values of a stream are not those of an encoder by itself.
        context.bit_rate, context.bit_rate_tolerance = like.bit_rate or 0, like.bit_rate_tolerance or 0
        self.open(context)
        return context

    def converted(self, pixels: Pixels) -> Any:
        """Turn an upright frame [H, W, 3] into what the encoder takes."""
        import av

        height, width = self.size
        stored = self.info.turn.stored(pixels) if self.turns else pixels
        shown: Any = np.ascontiguousarray(stored[:height, :width])
        picture = av.VideoFrame.from_ndarray(shown, "rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        if self.form.startswith(("bgr", "gbr", "rgb")):
            return picture.reformat(format=self.form)
        converted = picture.reformat(
            format=self.form,
            src_color_range=FULL,
            dst_color_range=self.colors.range or LIMITED,
            dst_colorspace=self.colors.working_matrix(height),
            interpolation=scaling(),
        )
        converted.color_range = self.colors.range
        converted.colorspace = self.colors.matrix
        converted.color_trc = self.colors.transfer
        converted.color_primaries = self.colors.primaries
        return converted


def _written_colors(colors: ColorTags, form: str, height: int) -> ColorTags:
    if form.startswith(("bgr", "gbr", "rgb")):
        return ColorTags(FULL, RGB, colors.transfer, colors.primaries)
    if colors.matrix == RGB:
        return ColorTags(LIMITED, BT709, colors.transfer, colors.primaries)
    if colors.matrix not in (UNSPECIFIED, colors.working_matrix(height)):
        return ColorTags(colors.range, UNSPECIFIED, colors.transfer, colors.primaries)
    return colors


@contextmanager
def _quiet_svt() -> Iterator[None]:
    """Keep SVT-AV1 from logging to standard error: it reads SVT_LOG as it opens, and has no option."""
    if "SVT_LOG" in os.environ:
        yield
        return
    os.environ["SVT_LOG"] = "1"
    try:
        yield
    finally:
        os.environ.pop("SVT_LOG", None)
