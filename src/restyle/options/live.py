"""Options of live painting."""

from __future__ import annotations

from dataclasses import dataclass

from restyle.options.base import OptionSet, opt


@dataclass(frozen=True, kw_only=True)
class LiveOptions(OptionSet):
    """How a camera is painted while it runs."""

    delay: int = opt(
        200,
        "Milliseconds from camera to result, at most. Frames are dropped for it, and without --size the"
        " resolution is chosen by it.",
        (20, 5000),
        metavar="MS",
        panel="Pace",
    )
    seconds: float | None = opt(None, "Stop after so many seconds.", (0.1, 1e6), panel="Pace")
    mirror: bool = opt(False, "Swap left and right, as a mirror does.", panel="Preparing the video")
    overwrite: bool = opt(False, "Replace results that exist. An input is never replaced.", panel="Writing")
