"""Options of what is fetched from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from restyle.options.base import OptionSet, about


@dataclass(frozen=True, kw_only=True)
class DownloadOptions(OptionSet):
    """How a file gets here.

    Parameters
    ----------
    mirror, offline
        As their help below says.
    """

    mirror: str | None = field(
        default=None,
        metadata=about(
            "Ask this server first: the address of a folder that has the file under its published name."
            " RESTYLE_MIRROR sets it for good. Any server will do, the file is checked by its hash.",
            metavar="URL",
        ),
    )
    offline: bool = field(
        default=False,
        metadata=about("Connect to nothing; RESTYLE_OFFLINE=1 sets it for good."),
    )
