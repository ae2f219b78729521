"""Options of every command: what computes, and how results are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from restyle.options.base import OptionSet, about

DeviceName = Literal["cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionSet):
    """What runs, and where.

    Parameters
    ----------
    model, device, threads
        As their help below says.
    """

    model: str = field(
        default="arbitrary-5",
        metadata=about(
            "A model of `restyle models`, a network of `restyle train style`, or a folder that `restyle"
            " export` wrote.",
            metavar="NAME|FILE|FOLDER",
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
            "Quality of JPEG, WebP and AVIF, 1 to 100; 95, 98 and 92 if not given.",
            low=1,
            high=100,
            metavar="N",
            panel="Writing",
        ),
    )
    overwrite: bool = field(
        default=False,
        metadata=about("Replace results that exist. An input is never replaced.", panel="Writing"),
    )
