"""Options of films."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from restyle.options.base import about
from restyle.options.image import ImageKeywords
from restyle.options.video_method import FilmMethodOptions

Steady = Literal["none", "statistics", "flow"]
VideoCodec = Literal["h264", "h265", "vp9", "av1", "prores", "ffv1"]


@dataclass(frozen=True, kw_only=True)
class VideoOptions(FilmMethodOptions):
    """How a film is painted, kept steady, and written.

    Parameters
    ----------
    method, steps, encoder, temporal_weight, steady, steady_seconds, codec, quality, fps, resume, overwrite
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    steady: Steady = field(
        default="statistics",
        metadata=about(
            "Against flicker: statistics averages what frames are normalized by over time, anew after each"
            " cut; flow carries strokes along with what moves (needs the extra flow); none paints every"
            " frame by itself.",
            panel="Steadiness",
        ),
    )
    steady_seconds: float = field(
        default=1.0,
        metadata=about(
            "Time over which `--steady statistics` averages.", low=0.0, high=60.0, panel="Steadiness"
        ),
    )
    codec: VideoCodec | None = field(
        default=None,
        metadata=about(
            "Codec of the result: h264 if not given, vp9 in .webm; ffv1 is lossless.", panel="Writing"
        ),
    )
    quality: int | None = field(
        default=None,
        metadata=about(
            "Quality of the result, 1 to 100; 64 if not given, which is CRF 18 of H.264.",
            low=1,
            high=100,
            metavar="N",
            panel="Writing",
        ),
    )
    fps: float | None = field(
        default=None,
        metadata=about(
            "Frames a second where CONTENT is a folder of pictures; 25 if not given.",
            low=0.01,
            high=1000.0,
            panel="Preparing the film",
        ),
    )
    resume: bool = field(
        default=False,
        metadata=about(
            "Go on where an earlier run of the same film with the same options was stopped or killed.",
            panel="Writing",
        ),
    )
    overwrite: bool = field(
        default=False,
        metadata=about("Replace results that exist. An input is never replaced.", panel="Writing"),
    )


class VideoKeywords(ImageKeywords, total=False):
    """The fields of `ImageOptions` and `VideoOptions` as keywords, for type checkers."""

    method: str
    steps: int
    encoder: str
    temporal_weight: float
    steady: Steady
    steady_seconds: float
    codec: VideoCodec | None
    quality: int | None
    fps: float | None
    resume: bool
    overwrite: bool
