"""Options of live painting."""

from __future__ import annotations

from dataclasses import dataclass, field

from restyle.options.base import OptionSet, about


@dataclass(frozen=True, kw_only=True)
class LiveOptions(OptionSet):
    """How a camera is painted while it runs.

    Parameters
    ----------
    delay, seconds, mirror, overwrite
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    delay: int = field(
        default=200,
        metadata=about(
            "Milliseconds from camera to result, at most. Frames are dropped for it, and without --size the"
            " resolution is chosen by it.",
            low=20,
            high=5000,
            metavar="MS",
            panel="Pace",
        ),
    )
    seconds: float | None = field(
        default=None,
        metadata=about("Stop after so many seconds.", low=0.1, high=1e6, panel="Pace"),
    )
    mirror: bool = field(
        default=False,
        metadata=about("Swap left and right, as a mirror does.", panel="Preparing the film"),
    )
    overwrite: bool = field(
        default=False,
        metadata=about("Replace results that exist. An input is never replaced.", panel="Writing"),
    )
