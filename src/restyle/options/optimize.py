"""The method of pictures, and its options."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from restyle.errors import OptionError
from restyle.methods import table
from restyle.methods.optimize.table import LOSSES, Kind, names
from restyle.options.base import OptionSet, check_method, opt

if TYPE_CHECKING:
    from restyle.methods.protocol import Step
    from restyle.types import PathLike

Optimizer = Literal["adam", "lbfgs"]
Effort = Literal["draft", "fine", "finest"]

EFFORTS: dict[Effort, float] = {"draft": 0.5, "fine": 1.0, "finest": 2.0}  # times the steps
STARTS = ("fast", "content", "noise")
OPTIMIZE: dict[str, Any] = {"panel": "Optimizing (--method optimize)", "method": "optimize"}
_STEPS: dict[str, Any] = {"panel": "Painting and optimizing", "method": "paint|optimize"}
_PHOTO: dict[str, Any] = {"panel": "Photos (--method photo)", "method": "photo"}
_PAINT: dict[str, Any] = {"panel": "Painting (--method paint)", "method": "paint"}


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions(OptionSet):
    """Which method stylizes a picture, and its options."""

    method: str | None = opt(
        None,
        f"How to stylize. {table.describe()} Default: paint; fast for a style without its image, for --model,"
        " and for --colors-only. In 26 of 32 blind votes, viewers preferred paint to optimize at its"
        " defaults; paint takes a quarter of the time.",
        choices=table.names,
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
        **OPTIMIZE,
    )
    style_loss: str = opt(
        "gram,grain",
        f"Style losses, one or more of {', '.join(names('style'))}, with optional weights:"
        " gram,grain,strokes:0.1.",
        metavar="NAME[:W],...",
        **OPTIMIZE,
    )
    content_loss: str = opt(
        "features",
        f"Content losses, one or more of {', '.join(names('content'))}, with optional weights.",
        metavar="NAME[:W],...",
        **OPTIMIZE,
    )
    content_weight: float = opt(
        0.4, "Weight of the photo's content relative to the style.", (0, 1000), **OPTIMIZE
    )
    large_forms: float = opt(
        1.0,
        "How freely large forms may change at small sizes, 0..1; 0 keeps the photo's composition.",
        (0, 1),
        **OPTIMIZE,
    )
    smoothness: float = opt(0.0, "Weight of total variation.", (0, 1000), **OPTIMIZE)
    style_rotation: float = opt(
        0.0, "Rotate the style pictures by this many degrees, counterclockwise.", (-360, 360), **OPTIMIZE
    )
    init: str = opt(
        "fast",
        "Start from the result of fast, from content, from noise, or from a picture file.",
        metavar="fast|content|noise|FILE",
        **OPTIMIZE,
    )
    optimizer: Optimizer | None = opt(
        None,
        "Default: lbfgs, or adam when a loss is stochastic (sliced, patches, strokes, structure).",
        **OPTIMIZE,
    )
    steps: int = opt(200, "Total steps, distributed over the sizes.", (1, 1_000_000), metavar="N", **OPTIMIZE)
    seed: int = opt(
        0, "Random seed; the same seed gives the same picture.", (0, 2**32), metavar="N", **OPTIMIZE
    )
    memory: float = opt(
        4.0,
        "Memory limit in GB; larger pictures are processed in tiles.",
        (0, 100_000),
        metavar="GB",
        **OPTIMIZE,
    )
    preview: str | None = opt(
        None, "Update this file with the current result while running.", metavar="FILE", **_STEPS
    )
    save_every: int | None = opt(
        None,
        "Save the picture of every Nth step to a numbered file.",
        (1, 1_000_000),
        metavar="N",
        **_STEPS,
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
        return "adam" if any(LOSSES[name].random for name in losses) else "lbfgs"


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
    known, weights = names(kind), dict[str, float]()
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
