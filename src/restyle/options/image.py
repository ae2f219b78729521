"""Options of pictures: how they are stylized, by which method, and keywords of the calls that do it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from restyle.errors import OptionError
from restyle.methods import table
from restyle.methods.table import Kind
from restyle.options.base import DeviceName, OptionSet, check_method, opt

if TYPE_CHECKING:
    from restyle.methods.protocol import Step
    from restyle.types import PathLike, RegionsLike, Report

PHOTO_SIZE = 1024  # px, longest side of a photo that is painted at its own size
FRAME_SIZE = 640  # the same of a video frame

KeepColors = Literal["luminance", "statistics"]
Optimizer = Literal["adam", "lbfgs"]
Effort = Literal["draft", "fine", "finest"]

EFFORTS: dict[Effort, float] = {"draft": 0.5, "fine": 1.0, "finest": 2.0}  # times the steps
PREPARE = "Preparing the photo"
STARTS = ("fast", "content", "noise")
OPTIMIZING = "Optimizing (--method optimize)"
_STEPS: dict[str, Any] = {"panel": "Painting and optimizing", "method": "paint|optimize"}
_PHOTO: dict[str, Any] = {"panel": "Photos (--method photo)", "method": "photo"}
_PAINT: dict[str, Any] = {"panel": "Painting (--method paint)", "method": "paint"}


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
        panel=PREPARE,
    )
    size: int | str | None = opt(
        None,
        "Then resize it: the longest side in pixels (2048), or exactly WxH, after a crop to that aspect.",
        metavar="N|WxH",
        panel=PREPARE,
    )
    brightness: float = opt(1.0, "Then multiply the values of the photo by this.", (0, 10), panel=PREPARE)
    contrast: float = opt(
        1.0, "Then multiply their distance from the mean brightness by this.", (0, 10), panel=PREPARE
    )
    max_pixels: int = opt(
        200_000_000, "Reject pictures with more pixels.", (1, 2**40), metavar="N", panel=PREPARE
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


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions(OptionSet, panel=OPTIMIZING, method="optimize"):
    """Which method stylizes a picture, and its options."""

    method: str | None = opt(
        None,
        f"How to stylize. {table.describe()} Default: paint; fast for a style without its image, for --model,"
        " and for --colors-only. In 26 of 32 blind votes, viewers preferred paint to optimize at its"
        " defaults; paint takes a quarter of the time.",
        choices=table.names,
        panel=None,
        method=None,
    )
    likeness: float = opt(
        0.5,
        "How closely the painting follows the photo: 0 is free, 1 keeps faces and lettering.",
        (0, 1),
        **_PAINT,
    )
    effort: Effort = opt(
        "fine", "Number of steps: draft takes half as long as fine, finest twice as long.", **_PAINT
    )
    protect_skin: bool = opt(True, "Keep the hue of skin.", **_PHOTO)
    consistent: bool = opt(
        False,
        "Give all photos one look, after evening their exposure and white balance. A single photo gets one"
        " color map for all its parts, as in a .cube file.",
        **_PHOTO,
    )
    encoder: str = opt(
        "encoder-4",
        "Network used to compute the losses: encoder-4, encoder-1, encoder-2, or vgg19 (after `restyle"
        " models pull vgg19`).",
    )
    style_loss: str = opt(
        "gram,grain",
        f"Style losses, one or more of {', '.join(table.losses('style'))}, with optional weights:"
        " gram,grain,strokes:0.1.",
        metavar="NAME[:W],...",
    )
    content_loss: str = opt(
        "features",
        f"Content losses, one or more of {', '.join(table.losses('content'))}, with optional weights.",
        metavar="NAME[:W],...",
    )
    content_weight: float = opt(0.4, "Weight of the photo's content relative to the style.", (0, 1000))
    large_forms: float = opt(
        1.0,
        "How freely large forms may change at small sizes, 0..1; 0 keeps the photo's composition.",
        (0, 1),
    )
    smoothness: float = opt(0.0, "Weight of total variation.", (0, 1000))
    style_rotation: float = opt(
        0.0, "Rotate the style pictures by this many degrees, counterclockwise.", (-360, 360)
    )
    init: str = opt(
        "fast",
        "Start from the result of fast, from content, from noise, or from a picture file.",
        metavar="fast|content|noise|FILE",
    )
    optimizer: Optimizer | None = opt(
        None, "Default: lbfgs, or adam when a loss is stochastic (sliced, patches, strokes, structure)."
    )
    steps: int = opt(200, "Total steps, distributed over the sizes.", (1, 1_000_000), metavar="N")
    seed: int = opt(0, "Random seed; the same seed gives the same picture.", (0, 2**32), metavar="N")
    memory: float = opt(
        4.0, "Memory limit in GB; larger pictures are processed in tiles.", (0, 100_000), metavar="GB"
    )
    preview: str | None = opt(
        None, "Update this file with the current result while running.", metavar="FILE", **_STEPS
    )
    save_every: int | None = opt(
        None, "Save the picture of every Nth step to a numbered file.", (1, 1_000_000), metavar="N", **_STEPS
    )
    resume: bool = opt(
        False,
        "Continue an interrupted run: of optimize, or of a picture so large that it is painted in strips.",
        panel="Painting and optimizing",
        method="fast|paint|optimize",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.style_weights, self.content_weights
        check_method(self, *([self.method] if self.method else table.DEFAULTS))

    @property
    def chosen(self) -> str:
        """The method, which `pipeline.choose_method` chooses where None is given."""
        assert self.method is not None
        return self.method

    def suits(self, method: str) -> bool:
        """Tell whether a method takes all options that are given."""
        try:
            check_method(self, method)
        except OptionError:
            return False
        return True

    @property
    def style_weights(self) -> dict[str, float]:
        """Weights of the style losses, by name."""
        return parse_losses("style-loss", self.style_loss, "style")

    @property
    def content_weights(self) -> dict[str, float]:
        """Weights of the content losses, by name."""
        return parse_losses("content-loss", self.content_loss, "content")

    @property
    def used_optimizer(self) -> Optimizer:
        """The optimizer given, or the default for these losses."""
        if self.optimizer is not None:
            return self.optimizer
        losses = (*self.style_weights, *self.content_weights)
        return "adam" if any(table.LOSSES[name].random for name in losses) else "lbfgs"


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


class OptimizeKeywords(TypedDict, total=False):
    """The fields of `OptimizeOptions` as keywords, for type checkers, and `callback`."""

    method: str | None
    likeness: float
    effort: Effort
    protect_skin: bool
    consistent: bool
    encoder: str
    style_loss: str
    content_loss: str
    content_weight: float
    large_forms: float
    smoothness: float
    style_rotation: float
    init: PathLike
    optimizer: Optimizer | None
    steps: int
    seed: int
    memory: float
    preview: PathLike | None
    save_every: int | None
    resume: bool
    callback: Callable[[Step], object] | None


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


def parse_losses(option: str, text: str, kind: Kind) -> dict[str, float]:
    """Parse `--style-loss` or `--content-loss` into weights by name.

    Raises
    ------
    OptionError
        No such loss, a bad weight, a loss named twice, or none at all.

    Examples
    --------
    >>> parse_losses("style-loss", "gram,patches:0.5", "style")
    {'gram': 1.0, 'patches': 0.5}
    """
    known, weights = table.losses(kind), dict[str, float]()
    for part in text.split(","):
        name, colon, weight = (each.strip() for each in part.partition(":"))
        if name not in known:
            raise OptionError(f"{option} '{name}' is none of {', '.join(known)}")
        if name in weights:
            raise OptionError(f"{option} names '{name}' twice")
        if colon and not re.fullmatch(r"\d*\.?\d+|\d+\.", weight):
            raise OptionError(f"{option} '{part.strip()}': '{weight}' is not a weight from 0 up")
        weights[name] = float(weight) if colon else 1.0
    if not any(weights.values()):
        raise OptionError(f"{option} '{text}' has no weight above 0")
    return weights
