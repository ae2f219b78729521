"""Options of videos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from restyle.methods import table
from restyle.options.base import OptionSet, check_method, opt
from restyle.options.image import ImageKeywords
from restyle.options.optimize import OPTIMIZE, OptimizeOptions

Steady = Literal["none", "statistics", "flow"]
VideoCodec = Literal["h264", "h265", "vp9", "av1", "prores", "ffv1"]


@dataclass(frozen=True, kw_only=True)
class VideoMethodOptions(OptionSet):
    """How the frames of a video are stylized: the method and its options."""

    method: str = opt(
        table.DEFAULT,
        f"How to stylize the frames. {table.describe(video=True)} Videos by optimize take"
        " minutes a frame and also need the extra flow.",
        choices=partial(table.names, video=True),
    )
    steps: int = opt(
        150,
        "Steps for the first frame of a scene; the others begin with the one before, moved along, and"
        " take a third.",
        (1, 100_000),
        metavar="N",
        **OPTIMIZE,
    )
    encoder: str = opt(
        OptimizeOptions.encoder, "Network that computes the losses, as for `restyle image`.", **OPTIMIZE
    )
    temporal_weight: float = opt(
        20.0,
        "Weight of consistency with the previous frame, warped by optical flow.",
        (0, 10_000),
        **OPTIMIZE,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_method(self, self.method)


@dataclass(frozen=True, kw_only=True)
class VideoOptions(VideoMethodOptions):
    """How a video is stylized, stabilized and written."""

    steady: Steady = opt(
        "statistics",
        "Against flicker: statistics averages what frames are normalized by over time, anew after each"
        " cut; flow carries strokes along with what moves (needs the extra flow); none paints every frame"
        " by itself.",
        panel="Steadiness",
    )
    steady_seconds: float = opt(
        1.0, "Averaging window of `--steady statistics`, in seconds.", (0, 60), panel="Steadiness"
    )
    codec: VideoCodec | None = opt(
        None, "Codec of the result: h264 if not given, vp9 in .webm; ffv1 is lossless.", panel="Writing"
    )
    quality: int | None = opt(
        None,
        "Quality of the result, 1 to 100; 64 if not given, which is CRF 18 of H.264.",
        (1, 100),
        metavar="N",
        panel="Writing",
    )
    fps: float | None = opt(
        None,
        "Frame rate when CONTENT is a folder of pictures. Default: 25.",
        (0.01, 1000),
        panel="Preparing the video",
    )
    resume: bool = opt(
        False,
        "Go on where an earlier run of the same film with the same options was stopped or killed.",
        panel="Writing",
    )
    overwrite: bool = opt(False, "Replace results that exist. An input is never replaced.", panel="Writing")


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
