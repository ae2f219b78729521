"""Fetch a published file: resumed where it broke off, hashed, and moved into place whole or not at all.

What has come lies beside the target as `NAME.part` until it is complete and its SHA-256 is the recorded one.
A broken connection leaves that part, so that the next run goes on from it; a wrong file or a full disk leaves
nothing. The recorded hash stands for the file, not the server: any mirror serves.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from restyle.errors import ModelError, OutputError
from restyle.files import reason
from restyle.models.connections import (
    BrokenError,
    GiveUpError,
    Report,
    append_missing,
    check_address,
    published_name,
)

TRIES = 4  # in a row that bring nothing new, before another server is asked
MAX_TRIES = 200  # of one server

_log = logging.getLogger("restyle")


def quiet(done: int, total: int | None) -> None:
    """Report no progress."""


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str,
    size: int | None = None,
    offline: bool = False,
    report: Report = quiet,
    pause: float = 1.0,
) -> Path:
    """Bring a file to `target`, from the first server that gives the right one.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the same file, http or https, in the order in which they are tried.
    target : Path
        Its folder is made.
    sha256 : str [8 to 64 hexadecimal digits]
        Of the whole file; fewer than 64 digits are its beginning, as some publishers put it in the name.
    size : int or None [bytes]
        As recorded.
    offline : bool
        Refuse to connect; so does the environment variable `RESTYLE_OFFLINE`.
    report : function of (bytes that are here, bytes in all or None)
    pause : float
        Seconds before the second try of a server; doubled for every further one.

    Returns
    -------
    Path
        `target`. If the right file was there already, nothing is fetched.

    Raises
    ------
    ModelError
        Offline; no server gives the file; what they give is another.
    OutputError
        The disk is full, or the folder cannot be written.
    """
    if target.is_file() and is_recorded(digest(target), sha256):
        return target
    if offline or is_offline():
        why = "--offline was given" if offline else "RESTYLE_OFFLINE is set"
        raise ModelError(f"cannot download {target.name}: {why}; {_by_hand(urls)}")
    for url in urls:
        check_address(url)
    part = target.with_name(f"{target.name}.part")
    failures = _receive_from_any(urls, part, sha256, size, report, pause)
    if len(failures) < len(urls):
        try:
            os.replace(part, target)
        except OSError as error:
            raise OutputError(f"cannot write {target}: {reason(error)}") from error
        return target
    kept = part.stat().st_size
    if not kept:
        part.unlink(missing_ok=True)
    left = f"; {kept / 1e6:.1f} MB are kept, the next run goes on from there" if kept else ""
    raise ModelError(f"cannot download {target.name}: {'; '.join(failures)}{left}; {_by_hand(urls)}")


def is_offline() -> bool:
    """Tell whether the environment variable `RESTYLE_OFFLINE` forbids to connect: set, and not to 0."""
    return os.environ.get("RESTYLE_OFFLINE", "") not in ("", "0")


def with_mirrors(urls: Sequence[str], mirror: str | None = None) -> list[str]:
    """Put the user's own mirror before the published addresses.

    Parameters
    ----------
    urls : sequence of str
    mirror : str or None
        A folder on a server, which has the file under its published name; None takes the environment
        variable `RESTYLE_MIRROR`, if there is one.

    Examples
    --------
    >>> with_mirrors(["https://example.org/models/net.pth"], "http://localhost:8000/weights/")
    ['http://localhost:8000/weights/net.pth', 'https://example.org/models/net.pth']
    """
    own = mirror or os.environ.get("RESTYLE_MIRROR")
    if not own:
        return list(urls)
    check_address(own)
    return [f"{own.rstrip('/')}/{urllib.parse.quote(published_name(urls[0]))}", *urls]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_recorded(found: str, sha256: str) -> bool:
    """Tell whether a full hash is the recorded one, or begins with it."""
    return len(sha256) >= 8 and found.startswith(sha256.lower())


def _receive_from_any(
    urls: Sequence[str], part: Path, sha256: str, size: int | None, report: Report, pause: float
) -> list[str]:
    """Fill `part` from the first server that has the right file; tell why the ones before it do not."""
    failures = []
    with _opened(part) as file:
        for url in urls:
            try:
                _receive(url, file, part, sha256, size, report, pause)
                break
            except GiveUpError as error:
                _log.info("%s: %s", url, error)
                failures.append(f"{_host(url)}: {error}")
    return failures


def _receive(
    url: str, file: IO[bytes], part: Path, sha256: str, size: int | None, report: Report, pause: float
) -> None:
    """Fill `file` from one server until it is complete and the right one."""
    began = file.seek(0, os.SEEK_END)
    fruitless = 0
    for _ in range(MAX_TRIES):
        before = file.seek(0, os.SEEK_END)
        try:
            append_missing(url, file, part, size, report)
        except BrokenError as error:
            fruitless = 0 if file.tell() > before else fruitless + 1
            if fruitless >= TRIES:
                raise GiveUpError(str(error)) from error
            time.sleep(pause * 2 ** max(0, fruitless - 1))
            continue
        file.flush()
        os.fsync(file.fileno())
        found = digest(part)
        if is_recorded(found, sha256):
            return
        file.truncate(0)
        if (
            began
        ):  # what was kept from an earlier run may have been of another file: once more, from the start
            began = 0
            continue
        raise GiveUpError(f"gives another file: SHA-256 {found[:12]}..., recorded is {sha256[:12]}...")
    raise GiveUpError(f"breaks the connection again and again ({MAX_TRIES} times)")


@contextlib.contextmanager
def _opened(part: Path) -> Iterator[IO[bytes]]:
    """Open the part for one process at a time; remove it when the disk is to blame."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("a+b", buffering=0)
    except OSError as error:
        raise OutputError(f"cannot write {part.with_suffix('')}: {reason(error)}") from error
    try:
        with file:
            _lock(file, part)
            yield file
    except OutputError:
        part.unlink(missing_ok=True)
        raise


def _lock(file: IO[bytes], part: Path) -> None:
    if os.name == "nt":
        return  # two at once would spoil each other's part there; the hash finds it out
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelError(f"another restyle is downloading {part.stem} just now; wait for it") from None
    except OSError as error:
        _log.info("%s: cannot be locked (%s)", part, reason(error))  # some network file systems


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]


def _by_hand(urls: Sequence[str]) -> str:
    return f"or get {urls[-1]} another way and give it with --from FILE"
