"""Options of the method `optimize`, and which method paints."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from restyle.errors import OptionError
from restyle.methods import table
from restyle.options.base import OptionSet, check_method, opt

if TYPE_CHECKING:
    from restyle.methods.protocol import Step

Optimizer = Literal["adam", "lbfgs"]
Effort = Literal["draft", "fine", "finest"]

STYLE_LOSSES = ("gram", "gaussian", "sliced", "patches", "strokes", "grain")
CONTENT_LOSSES = ("features", "relu4_1", "structure")
DRAWING = {"sliced", "patches", "strokes", "structure"}  # losses of vectors that are drawn anew at every step
STARTS = ("fast", "content", "noise")
OPTIMIZE: dict[str, Any] = {"panel": "Optimizing (--method optimize)", "method": "optimize"}
_PAINT: dict[str, Any] = {"panel": "Painting (--method paint)", "method": "paint"}


@dataclass(frozen=True, kw_only=True)
class OptimizeOptions(OptionSet):
    """Which method paints, and how the picture is optimised if that is the one."""

    method: str = opt(table.DEFAULT, f"How to stylize. {table.describe()}", choices=table.names)
    likeness: float = opt(
        0.5,
        "How closely the painting follows the photo: 0 is free, 1 keeps faces and lettering.",
        (0, 1),
        **_PAINT,
    )
    effort: Effort = opt(
        "fine", "How many steps: draft takes half the time of fine, finest twice as much.", **_PAINT
    )
    encoder: str = opt(
        "encoder-4",
        "What looks at the pictures: encoder-4, one of those before it (encoder-1, encoder-2), or vgg19"
        " once it is pulled.",
        **OPTIMIZE,
    )
    style_loss: str = opt(
        "gram,grain",
        f"What style is, one or more of {', '.join(STYLE_LOSSES)}, each with a weight if wanted:"
        " gram,grain,strokes:0.1.",
        metavar="NAME[:W],...",
        **OPTIMIZE,
    )
    content_loss: str = opt(
        "features",
        f"What of the photo stays, one or more of {', '.join(CONTENT_LOSSES)}, as above.",
        metavar="NAME[:W],...",
        **OPTIMIZE,
    )
    content_weight: float = opt(
        0.4, "Weight of the photo's content relative to the style.", (0, 1000), **OPTIMIZE
    )
    large_forms: float = opt(
        1.0,
        "How freely large forms move while the picture is small, 0..1; 0 keeps the photo's composition.",
        (0, 1),
        **OPTIMIZE,
    )
    smoothness: float = opt(0.0, "Weight of total variation.", (0, 1000), **OPTIMIZE)
    style_rotation: float = opt(
        0.0, "Turn the style pictures by so many degrees, anticlockwise.", (-360, 360), **OPTIMIZE
    )
    init: str = opt(
        "fast",
        "Where to start: the fast method's picture, content, noise, or a picture file.",
        metavar="fast|content|noise|FILE",
        **OPTIMIZE,
    )
    optimizer: Optimizer | None = opt(
        None,
        "Default: lbfgs, or adam when a loss is stochastic (sliced, patches, strokes, structure).",
        **OPTIMIZE,
    )
    steps: int = opt(200, "Steps in all, shared out over the sizes.", (1, 1_000_000), metavar="N", **OPTIMIZE)
    seed: int = opt(
        0, "Random seed; the same seed gives the same picture.", (0, 2**32), metavar="N", **OPTIMIZE
    )
    memory: float = opt(
        4.0,
        "GB that may be used; a picture that needs more is gone over in tiles.",
        (0, 100_000),
        metavar="GB",
        **OPTIMIZE,
    )
    preview: str | None = opt(
        None, "Update this file with the current result while running.", metavar="FILE", **OPTIMIZE
    )
    save_every: int | None = opt(
        None, "Also keep the picture of every Nth step, numbered.", (1, 1_000_000), metavar="N", **OPTIMIZE
    )
    resume: bool = opt(False, "Continue an interrupted run.", **OPTIMIZE)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_losses("style-loss", self.style_loss, STYLE_LOSSES)
        parse_losses("content-loss", self.content_loss, CONTENT_LOSSES)
        check_method(self, self.method)

    @property
    def descent(self) -> Optimizer:
        """The optimiser that is used."""
        if self.optimizer is not None:
            return self.optimizer
        losses = {
            **parse_losses("style-loss", self.style_loss, STYLE_LOSSES),
            **parse_losses("content-loss", self.content_loss, CONTENT_LOSSES),
        }
        return "adam" if DRAWING & losses.keys() else "lbfgs"


class OptimizeKeywords(TypedDict, total=False):
    """The fields of `OptimizeOptions` as keywords, for type checkers, and `callback`."""

    method: str
    likeness: float
    effort: Effort
    encoder: str
    style_loss: str
    content_loss: str
    content_weight: float
    large_forms: float
    smoothness: float
    style_rotation: float
    init: str | PathLike[str]
    optimizer: Optimizer | None
    steps: int
    seed: int
    memory: float
    preview: str | PathLike[str] | None
    save_every: int | None
    resume: bool
    callback: Callable[[Step], object] | None


def parse_losses(option: str, text: str, known: tuple[str, ...]) -> dict[str, float]:
    """Read `--style-loss` or `--content-loss`: the weight of each loss that is named.

    Raises
    ------
    OptionError
        No such loss, a bad weight, a loss named twice, or none at all.

    Examples
    --------
    >>> parse_losses("style-loss", "gram,patches:0.5", STYLE_LOSSES)
    {'gram': 1.0, 'patches': 0.5}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = (each.strip() for each in part.partition(":"))
        if name not in known:
            raise OptionError(f"{option} '{name}' is none of {', '.join(known)}")
        if name in found:
            raise OptionError(f"{option} names '{name}' twice")
        if colon and not re.fullmatch(r"\d*\.?\d+|\d+\.", weight):
            raise OptionError(f"{option} '{part.strip()}': '{weight}' is not a weight from 0 up")
        found[name] = float(weight) if colon else 1.0
    if not any(found.values()):
        raise OptionError(f"{option} '{text}' leaves nothing: all weights are 0")
    return found
