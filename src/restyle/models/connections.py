"""One request to one server: append what a file lacks, and tell a broken connection from a refusal."""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from restyle import __version__
from restyle.errors import OptionError, OutputError
from restyle.files import reason

Report = Callable[[int, int | None], None]

CHUNK = 1 << 18  # bytes
TIMEOUT = 30.0  # seconds that a server may be silent
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # HTTP answers that may be others a moment later


class GiveUpError(Exception):
    """This server will not give the file."""


class BrokenError(Exception):
    """The connection failed; another try may do better."""


def append_missing(url: str, file: IO[bytes], part: Path, size: int | None, report: Report) -> None:
    """Ask a server for what a part lacks, and append it until the server says that this was all.

    Parameters
    ----------
    url : str
        http or https.
    file : open file
        The part, unbuffered, open to read and append.
    part : Path
        Of the file, for messages: the target's name with `.part` added.
    size : int or None [bytes]
        Of the whole file; more is refused.
    report : function of (bytes that are here, bytes in all or None)

    Raises
    ------
    BrokenError, GiveUpError
        The server failed; another try is worth it, or not.
    OutputError
        The disk is full.
    """
    here = file.seek(0, os.SEEK_END)
    if size is not None and here > size:
        here = file.truncate(0)
    if here == size:
        return
    headers = {"User-Agent": f"restyle/{__version__}", "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    try:
        with _opener().open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            if here and not _continues(answer, here):
                here = file.truncate(0)  # a server without ranges begins anew
            file.seek(here)
            length = answer.headers.get("Content-Length")
            total = here + int(length) if length is not None and length.isdigit() else size
            if size is not None and total is not None and total > size:
                file.truncate(0)
                raise GiveUpError(f"gives another file: {total:,} bytes, recorded are {size:,}")
            _check_space(part, total, here)
            while chunk := answer.read(CHUNK):
                here += len(chunk)
                if size is not None and here > size:
                    file.truncate(0)
                    raise GiveUpError(f"gives another file: more than the recorded {size:,} bytes")
                _write(file, part, chunk)
                report(here, total)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and here:  # nothing beyond what is here; without a recorded size it may be all
            if size is None:
                return
            file.truncate(0)
            raise BrokenError("has less of the file than is here") from error
        failure = BrokenError if error.code in _TEMPORARY else GiveUpError
        raise failure(f"answers {error.code} {error.reason}".rstrip()) from error
    except urllib.error.URLError as error:
        failure = GiveUpError if isinstance(error.reason, ssl.SSLCertVerificationError) else BrokenError
        raise failure(_plain(error.reason)) from error
    except (http.client.HTTPException, OSError) as error:
        raise BrokenError(_plain(error)) from error
    if total is not None and here < total:
        raise BrokenError(f"broke off after {here:,} of {total:,} bytes")


def _opener() -> urllib.request.OpenerDirector:
    """Open http and https, through the environment's proxies; a redirect leads nowhere else either."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _continues(answer: http.client.HTTPResponse, here: int) -> bool:
    return answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {here}-")


def published_name(url: str) -> str:
    """Name of the file at an address: `https://a.org/b/net.pth?raw=1` -> `net.pth`."""
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])


def check_address(url: str) -> None:
    """Raise OptionError for anything but http and https."""
    try:
        parts = urllib.parse.urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
        sound = sound and " " not in url
    except ValueError:
        sound = False
    if not sound:
        raise OptionError(f"'{url}' is not an address to download from; give one with http:// or https://")


def _check_space(part: Path, total: int | None, here: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and free < total - here:
        raise OutputError(
            f"cannot write {part.with_suffix('')}: it needs {(total - here) / 1e6:,.0f} MB more, and "
            f"{free / 1e6:,.0f} MB are free; RESTYLE_HOME may name a folder on another disk"
        )


def _write(file: IO[bytes], part: Path, chunk: bytes) -> None:
    try:
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise OutputError(f"cannot write {part.with_suffix('')}: {reason(error)}") from error


def _plain(error: object) -> str:
    """What went wrong with a connection, in words."""
    if isinstance(error, TimeoutError):
        return f"is silent for {TIMEOUT:g} seconds"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__
