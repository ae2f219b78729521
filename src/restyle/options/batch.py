"""Options of `restyle batch`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from restyle.errors import OptionError
from restyle.options.base import OptionSet, opt

EngineName = Literal["processes", "ray"]


@dataclass(frozen=True, kw_only=True)
class BatchOptions(OptionSet, panel="Running"):
    """How the rows of a batch are distributed and reported."""

    workers: int | None = opt(
        None,
        "Worker processes, or Ray actors. Default: as many as cores and free memory allow.",
        (1, 4096),
        metavar="N",
    )
    shard: str | None = opt(
        None,
        "Do only every Nth row, starting with row I: 1/4 to 4/4 on four machines with one shared folder.",
        metavar="I/N",
    )
    engine: EngineName = opt(
        "processes",
        "processes of this machine, or ray: a Ray cluster, for pictures only (extra cluster). Set RAY_ADDRESS"
        " to use a running cluster.",
    )
    dry_run: bool = opt(False, "Check the rows, and print their results and how many are done already.")
    json: bool = opt(False, "Print each event as a line of JSON on standard output.")

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_shard(self.shard)


def parse_shard(shard: str | None) -> tuple[int, int]:
    """Parse `--shard`: its number, from 1, and the number of shards.

    Examples
    --------
    >>> parse_shard("2/4")
    (2, 4)
    """
    if shard is None:
        return 1, 1
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", shard)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise OptionError(f"shard '{shard}' is not I/N with I from 1 to N, such as 2/4")
    return int(found[1]), int(found[2])
