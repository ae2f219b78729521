"""Options of the studio: the page and the API that `restyle studio` serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from restyle.errors import OptionError
from restyle.options.base import OptionSet, opt

LOCAL = ("127.0.0.1", "::1", "localhost")
_TRUST: dict[str, Any] = {"panel": "Who may connect"}
_LIMITS: dict[str, Any] = {"panel": "Limits"}


@dataclass(frozen=True, kw_only=True)
class StudioOptions(OptionSet):
    """Where the studio listens, whom it serves, and how much of the machine it takes."""

    host: str = opt(
        "127.0.0.1",
        "Address to listen on. One that other machines can reach needs --token or --no-token.",
        **_TRUST,
    )
    port: int = opt(7860, "Port to listen on; 0 takes a free one.", (0, 65535), metavar="N", **_TRUST)
    token: str | None = opt(
        None,
        "Word that clients must give; `auto` makes one and prints it. The environment variable is not visible"
        " in the list of processes.",
        metavar="WORD",
        variable="RESTYLE_TOKEN",
        **_TRUST,
    )
    no_token: bool = opt(False, "Serve other machines without a token.", **_TRUST)
    allow_host: str | None = opt(
        None,
        "Names by which clients reach this server, such as its name at a proxy, separated by commas. Its"
        " addresses and its own name are always allowed.",
        metavar="NAME,...",
        **_TRUST,
    )
    cors: str | None = opt(
        None,
        "Other sites whose pages may use the API, such as https://example.com, separated by commas.",
        metavar="ORIGIN,...",
        **_TRUST,
    )
    trust_proxy: str | None = opt(
        None,
        "Addresses of proxies whose X-Forwarded-For is trusted, separated by commas.",
        metavar="ADDRESS,...",
        **_TRUST,
    )
    workers: int = opt(1, "Processes for pictures; jobs have one more.", (1, 64), metavar="N", **_LIMITS)
    max_upload: int = opt(200, "Largest upload in MB.", (1, 100_000), metavar="MB", **_LIMITS)
    max_pixels: int = opt(
        50_000_000, "Pictures with more pixels are refused.", (1, 2**40), metavar="N", **_LIMITS
    )
    max_media_seconds: int = opt(
        600, "Longer videos and sounds are refused.", (1, 10**6), metavar="S", **_LIMITS
    )
    picture_seconds: int = opt(
        60, "Stop a picture that takes longer than this, in seconds.", (1, 10**5), metavar="S", **_LIMITS
    )
    job_seconds: int = opt(
        3600, "Stop a job that takes longer than this, in seconds.", (1, 10**6), metavar="S", **_LIMITS
    )
    worker_memory: int = opt(
        4096, "Memory that one worker process may take, in MB.", (512, 10**6), metavar="MB", **_LIMITS
    )
    queue: int = opt(
        32,
        "Requests that may wait for each kind of worker; a client may have half.",
        (2, 10_000),
        metavar="N",
        **_LIMITS,
    )
    disk: int = opt(4096, "Disk space for uploads and results, in MB.", (16, 10**8), metavar="MB", **_LIMITS)

    folder: str | None = opt(
        None,
        "Folder for uploads and results, which are deleted after an hour. Default: a new one in the system's"
        " folder for temporary files.",
        metavar="FOLDER",
        **_LIMITS,
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
