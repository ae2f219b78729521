"""Options of `restyle batch`, and of the page and the API that `restyle studio` serves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from restyle.errors import OptionError
from restyle.options.base import OptionSet, opt

EngineName = Literal["processes", "ray"]

LOCAL = ("127.0.0.1", "::1", "localhost")
TRUST = "Who may connect"


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


@dataclass(frozen=True, kw_only=True)
class StudioOptions(OptionSet, panel="Limits"):
    """Where the studio listens, whom it serves, and how much of the machine it takes."""

    host: str = opt(
        "127.0.0.1",
        "Address to listen on. One that other machines can reach needs --token or --no-token.",
        panel=TRUST,
    )
    port: int = opt(7860, "Port to listen on; 0 takes a free one.", (0, 65535), metavar="N", panel=TRUST)
    token: str | None = opt(
        None,
        "Word that clients must give; `auto` makes one and prints it. The environment variable is not visible"
        " in the list of processes.",
        metavar="WORD",
        variable="RESTYLE_TOKEN",
        panel=TRUST,
    )
    no_token: bool = opt(False, "Serve other machines without a token.", panel=TRUST)
    allow_host: str | None = opt(
        None,
        "Names by which clients reach this server, such as its name at a proxy, separated by commas. Its"
        " addresses and its own name are always allowed.",
        metavar="NAME,...",
        panel=TRUST,
    )
    cors: str | None = opt(
        None,
        "Other sites whose pages may use the API, such as https://example.com, separated by commas.",
        metavar="ORIGIN,...",
        panel=TRUST,
    )
    trust_proxy: str | None = opt(
        None,
        "Addresses of proxies whose X-Forwarded-For is trusted, separated by commas.",
        metavar="ADDRESS,...",
        panel=TRUST,
    )
    workers: int = opt(1, "Processes for pictures; jobs have one more.", (1, 64), metavar="N")
    max_upload: int = opt(200, "Largest upload in MB.", (1, 100_000), metavar="MB")
    max_pixels: int = opt(50_000_000, "Pictures with more pixels are refused.", (1, 2**40), metavar="N")
    max_media_seconds: int = opt(600, "Longer videos and sounds are refused.", (1, 10**6), metavar="S")
    picture_seconds: int = opt(
        60, "Stop a picture that takes longer than this, in seconds.", (1, 10**5), metavar="S"
    )
    job_seconds: int = opt(
        3600, "Stop a job that takes longer than this, in seconds.", (1, 10**6), metavar="S"
    )
    worker_memory: int = opt(
        4096, "Memory that one worker process may take, in MB.", (512, 10**6), metavar="MB"
    )
    queue: int = opt(
        32,
        "Requests that may wait for each kind of worker; a client may have half.",
        (2, 10_000),
        metavar="N",
    )
    disk: int = opt(4096, "Disk space for uploads and results, in MB.", (16, 10**8), metavar="MB")

    folder: str | None = opt(
        None,
        "Folder for uploads and results, which are deleted after an hour. Default: a new one in the system's"
        " folder for temporary files.",
        metavar="FOLDER",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.token is not None and self.no_token:
            raise OptionError("token and no-token contradict each other; give one of them")
        if self.token is not None and not self.token.strip():
            raise OptionError(f"token '{self.token}' is empty; give a word, or `auto`")
        if self.host not in LOCAL and self.token is None and not self.no_token:
            raise OptionError(
                f"host '{self.host}' lets other machines in; add token WORD (or no-token to serve everyone)"
            )
