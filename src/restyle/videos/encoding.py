"""How frames become packets: pixel format, colours, and the settings of an encoder."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import numpy as np

from restyle.videos.codecs import ENCODERS, USUAL_QUALITY, pixel_format
from restyle.videos.info import BT709, FULL, LIMITED, RGB, UNSPECIFIED, ColorTags, Pixels, VideoInfo, scaling


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

        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 talks on standard error otherwise
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
