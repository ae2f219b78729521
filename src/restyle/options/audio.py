"""Options of sounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypedDict

from restyle.options.base import OptionSet, about

AudioMethod = Literal["mosaic", "texture"]


@dataclass(frozen=True, kw_only=True)
class AudioOptions(OptionSet):
    """What happens to a sound.

    Parameters
    ----------
    method, strength, keep_pitch, keep_rhythm, keep_loudness, remix, steps, seed
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    method: AudioMethod = field(
        default="mosaic",
        metadata=about(
            "mosaic rebuilds the content from grains of the style; texture optimizes the waveform"
            " (slower; needs the extra torch)."
        ),
    )
    strength: float = field(
        default=1.0,
        metadata=about(
            "How much of the style: 0 gives the sound back, 1 the style in full.", low=0.0, high=1.0
        ),
    )
    keep_pitch: float | None = field(
        default=None,
        metadata=about(
            "How closely the result follows the content's pitches; by default as much as the pair needs, 0.6"
            " to 1.",
            low=0.0,
            high=1.0,
        ),
    )
    keep_rhythm: float | None = field(
        default=None,
        metadata=about(
            "How much of the content's own dynamics stays; 0 gives it the style's. By default as much as the"
            " pair needs, 0 to 0.15.",
            low=0.0,
            high=1.0,
        ),
    )
    keep_loudness: float = field(
        default=0.0,
        metadata=about(
            "How much of the content's slow swells stays, on top of keep-rhythm. The loudness of the whole is"
            " always the content's.",
            low=0.0,
            high=1.0,
        ),
    )
    remix: float = field(
        default=0.0,
        metadata=about("How much of the original sound to add back at the end.", low=0.0, high=1.0),
    )
    steps: int = field(
        default=100,
        metadata=about("Steps of the texture method.", low=1, high=100_000, metavar="N", panel="Running"),
    )
    seed: int = field(
        default=0,
        metadata=about("Seed of the texture method.", low=0, high=2**32, metavar="N", panel="Running"),
    )


class AudioKeywords(TypedDict, total=False):
    """The fields of `AudioOptions` as keywords, for type checkers."""

    method: AudioMethod
    strength: float
    keep_pitch: float | None
    keep_rhythm: float | None
    keep_loudness: float
    remix: float
    steps: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class DubOptions(OptionSet):
    """What happens to the sound of a video; see `AudioOptions`.

    Parameters
    ----------
    audio_method, audio_strength, audio_keep_pitch
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    audio_method: AudioMethod = field(
        default=AudioOptions.method,
        metadata=about("How the sound is restyled, as --method of restyle audio.", panel="Sound"),
    )
    audio_strength: float = field(
        default=AudioOptions.strength,
        metadata=about("How much of the style of the sound.", low=0.0, high=1.0, panel="Sound"),
    )
    audio_keep_pitch: float | None = field(
        default=AudioOptions.keep_pitch,
        metadata=about(
            "How closely the sound follows its own pitches; by default as much as it needs.",
            low=0.0,
            high=1.0,
            panel="Sound",
        ),
    )

    @property
    def of_sound(self) -> AudioOptions:
        """The same, as options of a sound."""
        return AudioOptions(
            method=self.audio_method, strength=self.audio_strength, keep_pitch=self.audio_keep_pitch
        )
