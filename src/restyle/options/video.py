"""Options of videos and of sounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypedDict

from restyle.methods import table
from restyle.options.base import OptionSet, SaveOptions, again, check_method, opt
from restyle.options.image import OPTIMIZING, Effort, ImageKeywords, OptimizeOptions, PhotoOptions

if TYPE_CHECKING:
    from restyle.types import PathLike

AudioMethod = Literal["mosaic", "texture"]
Steady = Literal["none", "flow"]
VideoCodec = Literal["h264", "h265", "vp9", "av1", "prores", "ffv1"]


@dataclass(frozen=True, kw_only=True)
class VideoMethodOptions(OptionSet, panel=OPTIMIZING, method="optimize"):
    """How the frames of a video are stylized: the method and its options."""

    method: str = opt(
        table.DEFAULTS[-1],
        f"How to stylize the frames. {table.describe(video=True)} Videos by paint and"
        " optimize need the extra flow; optimize takes minutes a frame.",
        choices=partial(table.names, video=True),
        panel=None,
        method=None,
    )
    steps: int = opt(
        150,
        "Steps for the first frame of a scene. The others start from the previous result, warped by optical"
        " flow, and take a third as many.",
        (1, 100_000),
        metavar="N",
    )
    encoder: str = opt(OptimizeOptions.encoder, "Network that computes the losses, as for `restyle image`.")
    temporal_weight: float = opt(
        20.0, "Weight of consistency with the previous frame, warped by optical flow.", (0, 10_000)
    )
    likeness: float = again(OptimizeOptions, "likeness")
    effort: Effort = again(OptimizeOptions, "effort")
    protect_skin: bool = again(OptimizeOptions, "protect_skin")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_method(self, self.method)


@dataclass(frozen=True, kw_only=True)
class VideoOptions(VideoMethodOptions, panel="Writing"):
    """How a video is stylized, stabilized and written."""

    look: str | None = again(PhotoOptions, "look", panel=None)
    steady: Steady | None = opt(
        None,
        "How to reduce flicker: flow moves strokes with the motion (needs the extra flow); none treats every"
        " frame by itself. Default: flow if it is installed.",
        panel="Steadiness",
        method="fast",
    )
    codec: VideoCodec | None = opt(None, "Video codec. Default: h264, or vp9 in .webm. ffv1 is lossless.")
    quality: int | None = opt(
        None, "Quality, 1 to 100. Default: 64, which is CRF 18 of H.264.", (1, 100), metavar="N"
    )
    fps: float | None = opt(
        None,
        "Frame rate when CONTENT is a folder of pictures. Default: 25.",
        (0.01, 1000),
        panel="Preparing the video",
    )
    preview: str | None = opt(
        None, "Update this picture with the newest frame while running.", metavar="FILE"
    )
    resume: bool = opt(False, "Continue an interrupted run of the same video with the same options.")
    overwrite: bool = again(SaveOptions, "overwrite")


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
class LiveOptions(OptionSet, panel="Pace"):
    """How a camera is stylized in real time."""

    delay: int = opt(
        200,
        "Maximum milliseconds from camera to result. To keep it, frames are painted smaller, down to a"
        " quarter of the pixels shown, and then dropped. --paint-size sets a fixed size.",
        (20, 5000),
        metavar="MS",
    )
    seconds: float | None = opt(None, "Stop after this many seconds.", (0.1, 1e6))
    mirror: bool = opt(False, "Mirror the picture.", panel="Preparing the video")
    overwrite: bool = again(SaveOptions, "overwrite")


@dataclass(frozen=True, kw_only=True)
class AudioOptions(OptionSet):
    """How a sound is stylized."""

    method: AudioMethod = opt(
        "mosaic",
        "mosaic rebuilds the content from grains of the style; texture optimizes the waveform (slower;"
        " needs the extra torch).",
    )
    strength: float = opt(
        1.0, "How much of the style: 0 returns the content, 1 gives the full style.", (0, 1)
    )
    keep_pitch: float | None = opt(
        None,
        "How closely the result follows the content's pitches. Default: 0.6 to 1, chosen for the pair.",
        (0, 1),
    )
    keep_rhythm: float | None = opt(
        None,
        "How much of the content's dynamics to keep; 0 uses the style's, except where the content is steady"
        " or silent. Default: 0 to 0.15, chosen for the pair.",
        (0, 1),
    )
    keep_loudness: float = opt(
        0.0,
        "How much of the content's slow swells to keep, in addition to keep-rhythm. The overall loudness is"
        " always the content's.",
        (0, 1),
    )
    keep_speech: float = opt(
        0.0,
        "How closely each frequency band follows the content's; from about 0.5, words can be understood.",
        (0, 1),
    )
    remix: float = opt(0.0, "How much of the original sound to mix in at the end.", (0, 1))
    steps: int = opt(100, "Steps of the texture method.", (1, 100_000), metavar="N", panel="Running")
    seed: int = opt(0, "Seed of the texture method.", (0, 2**32), metavar="N", panel="Running")


class AudioKeywords(TypedDict, total=False):
    """The fields of `AudioOptions` as keywords, for type checkers."""

    method: AudioMethod
    strength: float
    keep_pitch: float | None
    keep_rhythm: float | None
    keep_loudness: float
    keep_speech: float
    remix: float
    steps: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class DubOptions(OptionSet, panel="Sound"):
    """How the sound of a video is stylized; see `AudioOptions`."""

    audio_method: AudioMethod = opt(
        AudioOptions.method, "Transfer method of the sound, as --method of restyle audio."
    )
    audio_strength: float = opt(AudioOptions.strength, "How much of the sound style.", (0, 1))
    audio_keep_pitch: float | None = opt(
        AudioOptions.keep_pitch,
        "How closely the result follows the sound's pitches. Default: 0.6 to 1, chosen for the pair.",
        (0, 1),
    )
    audio_keep_speech: float = opt(
        AudioOptions.keep_speech,
        "How closely each frequency band follows the sound's; from about 0.5, words can be understood.",
        (0, 1),
    )

    @property
    def of_sound(self) -> AudioOptions:
        """These options for a sound alone."""
        return AudioOptions(
            method=self.audio_method,
            strength=self.audio_strength,
            keep_pitch=self.audio_keep_pitch,
            keep_speech=self.audio_keep_speech,
        )
