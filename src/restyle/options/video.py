"""Options of videos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from restyle.methods import table
from restyle.options.base import OptionSet, SaveOptions, again, check_method, opt
from restyle.options.image import ImageKeywords, PhotoOptions
from restyle.options.optimize import OPTIMIZE, Effort, OptimizeOptions

if TYPE_CHECKING:
    from restyle.types import PathLike

Steady = Literal["none", "flow"]
VideoCodec = Literal["h264", "h265", "vp9", "av1", "prores", "ffv1"]


@dataclass(frozen=True, kw_only=True)
class VideoMethodOptions(OptionSet):
    """How the frames of a video are stylized: the method and its options."""

    method: str = opt(
        table.DEFAULTS[-1],
        f"How to stylize the frames. {table.describe(video=True)} Videos by paint and"
        " optimize need the extra flow; optimize takes minutes a frame.",
        choices=partial(table.names, video=True),
    )
    steps: int = opt(
        150,
        "Steps for the first frame of a scene. The others start from the previous result, warped by optical"
        " flow, and take a third as many.",
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
    likeness: float = again(OptimizeOptions, "likeness", OptimizeOptions.likeness)
    effort: Effort = again(OptimizeOptions, "effort", OptimizeOptions.effort)
    protect_skin: bool = again(OptimizeOptions, "protect_skin", OptimizeOptions.protect_skin)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_method(self, self.method)


@dataclass(frozen=True, kw_only=True)
class VideoOptions(VideoMethodOptions):
    """How a video is stylized, stabilized and written."""

    look: str | None = again(PhotoOptions, "look", PhotoOptions.look)
    steady: Steady | None = opt(
        None,
        "How to reduce flicker: flow moves strokes with the motion (needs the extra flow); none treats every"
        " frame by itself. Default: flow if it is installed.",
        panel="Steadiness",
        method="fast",
    )
    codec: VideoCodec | None = opt(
        None, "Video codec. Default: h264, or vp9 in .webm. ffv1 is lossless.", panel="Writing"
    )
    quality: int | None = opt(
        None,
        "Quality, 1 to 100. Default: 64, which is CRF 18 of H.264.",
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
    preview: str | None = opt(
        None, "Update this picture with the newest frame while running.", metavar="FILE", panel="Writing"
    )
    resume: bool = opt(
        False,
        "Continue an interrupted run of the same video with the same options.",
        panel="Writing",
    )
    overwrite: bool = again(SaveOptions, "overwrite", SaveOptions.overwrite)


class VideoKeywords(ImageKeywords, total=False):
    """The fields of `ImageOptions` and `VideoOptions` as keywords, for type checkers."""

    method: str
    steps: int
    encoder: str
    temporal_weight: float
    likeness: float
    effort: Effort
    protect_skin: bool
    look: str | None
    steady: Steady | None
    codec: VideoCodec | None
    quality: int | None
    fps: float | None
    preview: PathLike | None
    resume: bool
    overwrite: bool


@dataclass(frozen=True, kw_only=True)
class LiveOptions(OptionSet):
    """How a camera is stylized in real time."""

    delay: int = opt(
        200,
        "Maximum milliseconds from camera to result. To keep it, frames are painted smaller, down to a"
        " quarter of the pixels shown, and then dropped. --paint-size sets a fixed size.",
        (20, 5000),
        metavar="MS",
        panel="Pace",
    )
    seconds: float | None = opt(None, "Stop after this many seconds.", (0.1, 1e6), panel="Pace")
    mirror: bool = opt(False, "Mirror the picture.", panel="Preparing the video")
    overwrite: bool = again(SaveOptions, "overwrite", SaveOptions.overwrite)
