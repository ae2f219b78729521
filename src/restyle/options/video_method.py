"""Options of how the frames of a film are painted: by the network, or by optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from restyle.methods import table
from restyle.options.base import OptionSet, about, check_method
from restyle.options.optimize import OptimizeOptions

_OWN = {"panel": "Optimizing (--method optimize)", "method": "optimize"}


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

    method: str = field(
        default=table.DEFAULT,
        metadata=about(
            f"How to stylize the frames. {table.describe(video=True)} Videos by optimize take"
            " minutes a frame and also need the extra flow.",
            choices=partial(table.names, video=True),
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
            **_OWN,
        ),
    )
    encoder: str = field(
        default=OptimizeOptions.encoder,
        metadata=about("What looks at the pictures, as for restyle image --method optimize.", **_OWN),
    )
    temporal_weight: float = field(
        default=20.0,
        metadata=about(
            "How much a frame is held to the one before, moved along.", low=0.0, high=10_000.0, **_OWN
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_method(self, self.method)
