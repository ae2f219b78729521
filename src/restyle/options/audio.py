"""Options of sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from restyle.options.base import OptionSet, opt

AudioMethod = Literal["mosaic", "texture"]


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
class DubOptions(OptionSet):
    """How the sound of a video is stylized; see `AudioOptions`."""

    audio_method: AudioMethod = opt(
        AudioOptions.method, "Transfer method of the sound, as --method of restyle audio.", panel="Sound"
    )
    audio_strength: float = opt(AudioOptions.strength, "How much of the sound style.", (0, 1), panel="Sound")
    audio_keep_pitch: float | None = opt(
        AudioOptions.keep_pitch,
        "How closely the result follows the sound's pitches. Default: 0.6 to 1, chosen for the pair.",
        (0, 1),
        panel="Sound",
    )
    audio_keep_speech: float = opt(
        AudioOptions.keep_speech,
        "How closely each frequency band follows the sound's; from about 0.5, words can be understood.",
        (0, 1),
        panel="Sound",
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
