"""Options of pictures, and keywords of the calls that stylize them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from restyle.errors import OptionError
from restyle.options.base import DeviceName, OptionSet, opt
from restyle.options.optimize import OptimizeKeywords

if TYPE_CHECKING:
    from restyle.types import PathLike, RegionsLike, Report

PHOTO_SIZE = 1024  # px, longest side of a photo that is painted at its own size
FRAME_SIZE = 640  # the same of a video frame

KeepColors = Literal["luminance", "statistics"]


@dataclass(frozen=True, kw_only=True)
class ImageOptions(OptionSet):
    """How an image is stylized."""

    strength: float = opt(
        1.0,
        "How much of the style: 0 returns the photo, 1 gives the full style. `--method photo` takes up to"
        " 1.5.",
        (0, 1.5),
    )
    style_scale: float = opt(1.0, "Stroke size: 2 doubles it, 0.5 halves it.", (0.25, 4))
    keep_colors: KeepColors | None = opt(
        None,
        "Keep the photo's colors: luminance (default) keeps them in place, with light and dark strokes of the"
        " style; statistics keeps only their overall distribution.",
        bare="luminance",
    )
    colors_only: bool = opt(False, "Transfer only the palette; keep the photo's structure and texture.")
    paint_size: int | None = opt(
        None,
        "Longest side in pixels at which a picture is painted. The painting of a larger picture is enlarged,"
        " and the picture's own fine detail added, so that strokes can be seen at any size. Default:"
        f" {PHOTO_SIZE}, for videos {FRAME_SIZE}.",
        (64, 100_000),
        metavar="PX",
    )
    feather: float = opt(
        1.0,
        "Width of the transition between regions, in percent of the longer side; 0 uses masks as they are.",
        (0, 50),
    )
    crop: str | None = opt(
        None,
        "Crop the center of the photo: an aspect ratio (16:9), pixels (800x600), or a part (50%); or crop any"
        " box: width x height + left + top, in percent of the photo (40%x60%+25%+0%).",
        metavar="W:H|WxH|N%|W%xH%+X%+Y%",
        panel="Preparing the photo",
    )
    size: int | str | None = opt(
        None,
        "Then resize it: the longest side in pixels (2048), or exactly WxH, after a crop to that aspect.",
        metavar="N|WxH",
        panel="Preparing the photo",
    )
    brightness: float = opt(
        1.0, "Then multiply the values of the photo by this.", (0, 10), panel="Preparing the photo"
    )
    contrast: float = opt(
        1.0, "Then multiply their distance from mid-gray by this.", (0, 10), panel="Preparing the photo"
    )
    max_pixels: int = opt(
        200_000_000, "Reject pictures with more pixels.", (1, 2**40), metavar="N", panel="Preparing the photo"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.paint_size is not None and self.colors_only:
            raise OptionError("paint-size and colors-only contradict each other; give one of them")
        if self.keep_colors and self.colors_only:
            raise OptionError("keep-colors and colors-only contradict each other; give one of them")
        parse_crop(self.crop)
        parse_size(self.size)

    def painted_side(self, size: tuple[int, int]) -> int:
        """Return the longest side at which a frame of (height, width) is painted, in px."""
        return min(max(size), self.paint_size or FRAME_SIZE)


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(ImageOptions):
    """How a single picture is stylized, as opposed to the frames of a video."""

    look: str | None = opt(
        None,
        "Apply a photographic look at the end: one of `restyle styles`, or a .cube file. Without --style it"
        " is the only change.",
        metavar="NAME|FILE.cube",
    )

    def painted_side(self, size: tuple[int, int]) -> int:
        """Return the longest side at which a photo of (height, width) is painted, in px."""
        return min(max(size), self.paint_size or PHOTO_SIZE)


class ImageKeywords(TypedDict, total=False):
    """The fields of `ImageOptions` as keywords, for type checkers."""

    strength: float
    style_scale: float
    keep_colors: KeepColors | None
    colors_only: bool
    paint_size: int | None
    feather: float
    crop: str | None
    size: int | str | None
    brightness: float
    contrast: float
    max_pixels: int


class PaintKeywords(ImageKeywords, OptimizeKeywords, total=False):
    """Keywords that decide how a picture is stylized."""

    look: str | None


class CallKeywords(PaintKeywords, total=False):
    """Keywords of a call of `Stylizer`, without `output`."""

    regions: RegionsLike | None
    quality: int | None
    overwrite: bool
    report: Report


class EngineKeywords(CallKeywords, total=False):
    """Keywords of `restyle.image`, without `output`."""

    model: PathLike
    device: DeviceName
    threads: int | None


Crop = (
    tuple[Literal["aspect", "pixels", "part"], float, float]
    | tuple[Literal["box"], float, float, float, float]
)


def parse_crop(crop: str | None) -> Crop | None:
    """Parse `--crop`: its kind, then width and height, or the part twice, or a box as parts of the sides.

    Examples
    --------
    >>> parse_crop("16:9")
    ('aspect', 16.0, 9.0)
    >>> parse_crop("40%x60%+25%+0%")
    ('box', 0.4, 0.6, 0.25, 0.0)
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
    elif found := re.fullmatch(rf"{number}%x{number}%\+{number}%\+{number}%", crop):
        width, height, left, top = (float(side) / 100 for side in found.groups())
        if width > 0 and height > 0 and left + width <= 1.00001 and top + height <= 1.00001:
            return "box", width, height, left, top
        raise OptionError(
            f"crop '{crop}' is empty or reaches beyond the photo; W + X and H + Y are at most 100"
        )
    raise OptionError(
        f"crop '{crop}' is none of W:H (16:9), WxH (800x600), a part (50%, 0.5), or a box (40%x60%+25%+0%)"
    )


def parse_size(size: int | str | None) -> tuple[int, int] | int | None:
    """Parse `--size`: the longest side, or (height, width).

    Examples
    --------
    >>> parse_size("640x480")
    (480, 640)
    """
    if size is None:
        return None
    found = re.fullmatch(r"(\d{1,9})(?:[xX×](\d{1,9}))?", str(size))
    sides = [int(side) for side in found.groups() if side is not None] if found else []
    if not sides or not all(1 <= side <= 100_000 for side in sides):
        raise OptionError(
            f"size '{size}' is neither a longest side (2048) nor WxH (800x600), of 1..100000 px"
        )
    return (sides[1], sides[0]) if len(sides) == 2 else sides[0]
