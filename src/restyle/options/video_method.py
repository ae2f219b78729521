"""Options of how the frames of a film are painted: by the network, or by optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from restyle.errors import OptionError
from restyle.options.base import OptionSet, about
from restyle.options.optimize import ImageMethod, OptimizeOptions

_PANEL = "Optimizing (--method optimize)"


@dataclass(frozen=True, kw_only=True)
class FilmMethodOptions(OptionSet):
    """Which method paints a film, and how it is optimised if that is the one.

    Parameters
    ----------
    method, steps, encoder, temporal_weight
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    method: ImageMethod = field(
        default="fast",
        metadata=about(
            "fast paints with the network; optimize is finest, takes minutes a frame, and needs the extras"
            " torch and flow."
        ),
    )
    steps: int = field(
        default=150,
        metadata=about(
            "Steps for the first frame of a scene; the others begin with the one before, moved along, and"
            " take a third.",
            low=1,
            high=100_000,
            metavar="N",
            panel=_PANEL,
        ),
    )
    encoder: str = field(
        default=OptimizeOptions.encoder,
        metadata=about("What looks at the pictures, as for restyle image --method optimize.", panel=_PANEL),
    )
    temporal_weight: float = field(
        default=20.0,
        metadata=about(
            "How much a frame is held to the one before, moved along.", low=0.0, high=10_000.0, panel=_PANEL
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method == "fast":
            for each in fields(FilmMethodOptions):
                if getattr(self, each.name) != each.default:
                    name = each.name.replace("_", "-")
                    raise OptionError(f"{name} is for --method optimize; give that as well, or leave it out")
