"""Every option once: type, default, range and help. Command-line flags and keywords derive from here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from numbers import Real
from os import PathLike
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

from restyle.errors import OptionError

KeepColors = Literal["luminance", "statistics"]
DeviceName = Literal["cpu", "cuda"]
AudioMethod = Literal["mosaic", "texture"]
Steady = Literal["none", "statistics"]
VideoCodec = Literal["h264", "h265", "vp9", "av1", "prores", "ffv1"]


def about(help: str, **facts: Any) -> dict[str, Any]:
    """Describe one field of an option set.

    Parameters
    ----------
    help : str
        One sentence, for people at a command line.
    **facts
        `low`, `high`: inclusive range. `metavar`: placeholder in `--help`. `bare`: value of the flag when
        it is given without one. `panel`: heading in `--help`.
    """
    return {"help": help, **facts}


class OptionSet:
    """Base of the option sets: checks types and ranges when one is made."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for each in fields(self):  # type: ignore[arg-type]
            _check(each.name, getattr(self, each.name), hints[each.name], each.metadata)


@dataclass(frozen=True, kw_only=True)
class ImageOptions(OptionSet):
    """What happens to a picture.

    Parameters
    ----------
    strength, style_scale, keep_colors, colors_only, crop, size, brightness, contrast, max_pixels
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range, or two options that contradict each other.
    """

    strength: float = field(
        default=1.0,
        metadata=about(
            "How much of the style: 0 gives the photo back, 1 the style in full.", low=0.0, high=1.0
        ),
    )
    style_scale: float = field(
        default=1.0, metadata=about("Size of the strokes: 2 doubles, 0.5 halves them.", low=0.25, high=4.0)
    )
    keep_colors: KeepColors | None = field(
        default=None,
        metadata=about(
            "Keep the photo's colors: its chroma under the new luminance (luminance; so if no word follows)"
            " or its mean and covariance (statistics).",
            bare="luminance",
        ),
    )
    colors_only: bool = field(
        default=False, metadata=about("Move only the palette; structure and texture stay the photo's.")
    )
    crop: str | None = field(
        default=None,
        metadata=about(
            "First cut the middle out of the photo: an aspect (16:9), pixels (800x600), or a part (50%).",
            metavar="W:H|WxH|N%",
            panel="Preparing the photo",
        ),
    )
    size: int | str | None = field(
        default=None,
        metadata=about(
            "Then resize it: the longest side in pixels (2048), or exactly WxH, cut to that aspect first.",
            metavar="N|WxH",
            panel="Preparing the photo",
        ),
    )
    brightness: float = field(
        default=1.0,
        metadata=about("Then multiply its values by this.", low=0.0, high=10.0, panel="Preparing the photo"),
    )
    contrast: float = field(
        default=1.0,
        metadata=about(
            "Then multiply its distance from mid-tone by this.",
            low=0.0,
            high=10.0,
            panel="Preparing the photo",
        ),
    )
    max_pixels: int = field(
        default=200_000_000,
        metadata=about(
            "Refuse to decode larger pictures.",
            low=1,
            high=2**40,
            metavar="N",
            panel="Preparing the photo",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep_colors and self.colors_only:
            raise OptionError("keep-colors and colors-only contradict each other; give one of them")
        parse_crop(self.crop)
        parse_size(self.size)


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
    keep_pitch: float = field(
        default=0.6,
        metadata=about("How closely the result follows the content's pitches.", low=0.0, high=1.0),
    )
    keep_rhythm: float = field(
        default=0.15,
        metadata=about(
            "How much of the content's own dynamics stays; 0 gives it the style's.", low=0.0, high=1.0
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


@dataclass(frozen=True, kw_only=True)
class VideoOptions(OptionSet):
    """How a film is kept steady, and how it is written.

    Parameters
    ----------
    steady, steady_seconds, codec, quality, fps, overwrite
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
            " cut; none paints every frame by itself.",
            panel="Steadiness",
        ),
    )
    steady_seconds: float = field(
        default=1.0,
        metadata=about("Time over which statistics are averaged.", low=0.0, high=60.0, panel="Steadiness"),
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
    overwrite: bool = field(
        default=False,
        metadata=about("Replace results that exist. An input is never replaced.", panel="Writing"),
    )


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionSet):
    """What runs, and where.

    Parameters
    ----------
    model, device, threads
        As their help below says.
    """

    model: str = field(
        default="arbitrary-1",
        metadata=about(
            "A model of `restyle models`, or a folder that `restyle export` wrote.",
            metavar="NAME|FOLDER",
            panel="Running",
        ),
    )
    device: DeviceName = field(
        default="cpu",
        metadata=about("Where to compute. A device that is not there is an error.", panel="Running"),
    )
    threads: int | None = field(
        default=None,
        metadata=about(
            "CPU threads; all cores if not given.", low=1, high=1024, metavar="N", panel="Running"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SaveOptions(OptionSet):
    """How a result is written.

    Parameters
    ----------
    quality, overwrite
        As their help below says.
    """

    quality: int | None = field(
        default=None,
        metadata=about(
            "Quality of JPEG, WebP and AVIF, 1 to 100.", low=1, high=100, metavar="N", panel="Writing"
        ),
    )
    overwrite: bool = field(
        default=False,
        metadata=about("Replace results that exist. An input is never replaced.", panel="Writing"),
    )


class ImageKeywords(TypedDict, total=False):
    """The fields of `ImageOptions` as keywords, for type checkers."""

    strength: float
    style_scale: float
    keep_colors: KeepColors | None
    colors_only: bool
    crop: str | None
    size: int | str | None
    brightness: float
    contrast: float
    max_pixels: int


class AudioKeywords(TypedDict, total=False):
    """The fields of `AudioOptions` as keywords, for type checkers."""

    method: AudioMethod
    strength: float
    keep_pitch: float
    keep_rhythm: float
    keep_loudness: float
    remix: float
    steps: int
    seed: int


class VideoKeywords(ImageKeywords, total=False):
    """The fields of `ImageOptions` and `VideoOptions` as keywords, for type checkers."""

    steady: Steady
    steady_seconds: float
    codec: VideoCodec | None
    quality: int | None
    fps: float | None
    overwrite: bool


class CallKeywords(ImageKeywords, total=False):
    """Keywords of a call of `Stylizer` beside `output`."""

    quality: int | None
    overwrite: bool
    report: Callable[[float], None]


class EngineKeywords(CallKeywords, total=False):
    """Keywords of `restyle.image` beside `output`."""

    model: str | PathLike[str]
    device: DeviceName
    threads: int | None


def parse_crop(crop: str | None) -> tuple[Literal["aspect", "pixels", "part"], float, float] | None:
    """Read `--crop`: what kind, then width and height, or the part twice.

    Examples
    --------
    >>> parse_crop("16:9")
    ('aspect', 16.0, 9.0)
    """
    if crop is None:
        return None
    number = r"(\d+(?:\.\d+)?)"
    if found := re.fullmatch(rf"{number}:{number}", crop):
        width, height = float(found[1]), float(found[2])
        if width > 0 and height > 0:
            return "aspect", width, height
    elif found := re.fullmatch(r"(\d+)[xX×](\d+)", crop):
        if int(found[1]) > 0 and int(found[2]) > 0:
            return "pixels", float(found[1]), float(found[2])
    elif found := re.fullmatch(rf"{number}(%?)", crop):
        part = float(found[1]) / (100 if found[2] else 1)
        if 0 < part <= 1:
            return "part", part, part
    raise OptionError(f"crop '{crop}' is none of W:H (16:9), WxH (800x600), or a part (50%, 0.5)")


def parse_size(size: int | str | None) -> tuple[int, int] | int | None:
    """Read `--size`: the longest side, or (height, width).

    Examples
    --------
    >>> parse_size("640x480")
    (480, 640)
    """
    if size is None:
        return None
    found = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", str(size))
    sides = [int(side) for side in found.groups() if side is not None] if found else []
    if not sides or not all(1 <= side <= 100_000 for side in sides):
        raise OptionError(
            f"size '{size}' is neither a longest side (2048) nor WxH (800x600), of 1..100000 px"
        )
    return (sides[1], sides[0]) if len(sides) == 2 else sides[0]


def _check(name: str, value: Any, hint: Any, facts: Any) -> None:
    shown = name.replace("_", "-")
    choices = [choice for arm in (hint, *get_args(hint)) for choice in _choices(arm)]
    if value is None and type(None) in get_args(hint):
        return
    if choices:
        if value not in choices:
            raise OptionError(f"{shown} '{value}' is none of {', '.join(choices)}")
        return
    arms = {arm for arm in (get_args(hint) or (hint,)) if arm is not type(None)}
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not ((float in arms and number) or isinstance(value, tuple(arms))) or (
        isinstance(value, bool) and bool not in arms
    ):
        kinds = " or ".join(sorted(arm.__name__ for arm in arms))
        raise OptionError(f"{shown} {value!r} is not of type {kinds}")
    low, high = facts.get("low"), facts.get("high")
    if low is not None and not low <= value <= high:
        raise OptionError(f"{shown} {value:g} is outside {low:g}..{high:g}")


def _choices(hint: Any) -> tuple[str, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()
