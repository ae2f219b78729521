"""The folder of a server: bounded, private to its user, and deleted at the end, or by the next server."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO

from restyle.errors import OutputError
from restyle.files import reason
from restyle.studio.answers import ApiError

PREFIX = "restyle-studio-"
LOCK = "lock"
MB = 1 << 20


class Folder:
    """A folder for one request, job or style; its bytes count against the storage.

    It is made when its path is first asked for: most requests that are broken or refused leave no trace.
    """

    def __init__(self, storage: Storage, path: Path, client: str) -> None:
        self.storage, self.client, self.bytes = storage, client, 0
        self._path, self._made = path, False

    @property
    def path(self) -> Path:
        """The folder, which exists until `remove`."""
        if not self._made:
            self._path.mkdir(mode=0o700)
            self._made = True
        return self._path

    def add(self, count: int) -> None:
        """Count bytes before they are written; ApiError 503 if there is no space."""
        self.storage.reserve(count, self.client)
        self.bytes += count

    def measure(self) -> None:
        """Count the bytes of the files that are there now."""
        size = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
        self.storage.count(size - self.bytes, self.client)
        self.bytes = size

    def remove(self) -> None:
        """Delete the folder."""
        self.storage.count(-self.bytes, self.client)
        self.bytes = 0
        if self._made:
            shutil.rmtree(self._path, ignore_errors=True)


class Storage:
    """All folders of one server, in a folder of its own below `parent` that only this user can open.

    Parameters
    ----------
    parent : path or None
        None: the system's folder for temporary files.
    most : int
        Bytes; one client may have half, so that it does not make the server delete the others' results.
    """

    def __init__(self, parent: str | None, most: int) -> None:
        self.most, self.used = most, 0
        self.make_room: Callable[[int, str | None], None] = lambda count, client: None
        self._of: Counter[str] = Counter()
        above = Path(parent or tempfile.gettempdir())
        try:
            above.mkdir(parents=True, exist_ok=True)
            sweep(above)
            self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))
            self._lock = _locked(self.root / LOCK)
        except OSError as error:
            raise OutputError(f"cannot use the folder '{above}': {reason(error)}") from error

    def folder(self, client: str) -> Folder:
        """Return a new folder, which counts as a client's."""
        return Folder(self, self.root / secrets.token_hex(8), client)

    def reserve(self, count: int, client: str) -> None:
        """Count bytes before they are written; ApiError 503 if there is no space, for all or for a client.

        Before that, results that nobody has used for long are deleted: the client's own if it has its half.
        """

        def over() -> tuple[int, int]:
            return self._of[client] + count - self.most // 2, self.used + count - self.most

        if (own := over()[0]) > 0:
            self.make_room(own, client)
        if (all_of_it := over()[1]) > 0:
            self.make_room(all_of_it, None)
        if max(over()) > 0:
            raise ApiError(
                503, "disk_full", "the server has no space for this now; try again later",
                headers={"Retry-After": "60"},
            )  # fmt: skip
        self.count(count, client)

    def count(self, count: int, client: str) -> None:
        """Count bytes of a client that are there, or gone if negative."""
        self.used += count
        self._of[client] += count
        if not self._of[client]:
            del self._of[client]

    def close(self) -> None:
        """Delete everything."""
        if self._lock is not None:
            self._lock.close()
        shutil.rmtree(self.root, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Delete what killed servers of this user have left below `parent`; return the folders."""
    removed = []
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.is_symlink() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            if (lock := _locked(path / LOCK)) is None:
                continue  # that server runs
            lock.close()
            shutil.rmtree(path)
            removed.append(path)
    return removed


def _locked(path: Path) -> IO[bytes] | None:
    """Open and lock a file for as long as this process lives; None if another process has locked it."""
    file = path.open("ab")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            file.close()
            return None
    except OSError:
        file.close()
        return None
    return file
