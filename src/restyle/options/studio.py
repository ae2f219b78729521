"""Options of the page and the API that `restyle studio` serves."""

from __future__ import annotations

from dataclasses import dataclass

from restyle.errors import OptionError
from restyle.options.base import OptionSet, opt

LOCAL = ("127.0.0.1", "::1", "localhost")
TRUST = "Who may connect"


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
        "Token that clients must send; `auto` makes one and prints it. The list of processes shows flags, but"
        " not the environment variable.",
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
    workers: int = opt(1, "Worker processes for pictures; one more runs jobs.", (1, 64), metavar="N")
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
