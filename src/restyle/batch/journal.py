"""The journal of a batch: which results are finished, so that a run continues after any kill.

The folder `.restyle-batch` in the output folder holds a journal for each shard, and results that are not
finished. A result is written there, flushed, entered in the journal with its checksum, and only then moved
into place. So after a kill at any moment a result is complete and in the journal, or it is made again.

Nothing here is believed: a row is skipped only if its key (content, style, model and options) is in the
journal and the result has the checksum of the entry. No path is read from the journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from restyle.batch.results import is_intact, put_in_place
from restyle.batch.rows import Failure
from restyle.errors import OutputError
from restyle.files import Closing, flush, lock, make_folder, reason

FOLDER = ".restyle-batch"
MOST_LINE = 1 << 16  # bytes
_FAILURE = b'{"row": '


@dataclass(frozen=True)
class Finished:
    """A finished result.

    Parameters
    ----------
    output : str
        Path below the output folder.
    key : str
        SHA-256 of everything that determines the result; see `painter.row_key`.
    sha256 : str
        Of the result; see `results.checksum`.
    size : int
        Bytes of the result.
    seconds : float
        Time it took.
    """

    output: str
    key: str
    sha256: str
    size: int
    seconds: float

    def line(self) -> bytes:
        """Return the entry of the journal: JSON with a checksum."""
        values = asdict(self)
        return json.dumps({**values, "check": _check(values)}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Finished | None:
        """Return the entry of a line; None if it is damaged or not from a journal."""
        try:
            values = json.loads(line)
            check = values.pop("check")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        kinds = {"output": str, "key": str, "sha256": str, "size": int, "seconds": float}
        if values.keys() != kinds.keys() or any(
            type(values[name]) is not kind for name, kind in kinds.items()
        ):
            return None
        return cls(**values) if check == _check(values) else None


def _check(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Journal(Closing):
    """The state of one shard of a batch in an output folder.

    Parameters
    ----------
    output : Path
        The output folder; it is created.
    shard : (int, int)
        Number of the shard, from 1, and how many there are.

    Attributes
    ----------
    finished : dict of str to Finished
        The latest entry for each output, from all shards.
    notes : list of str
        What was wrong with the journals.

    Raises
    ------
    OutputError
        The folder cannot be written, contains links, or another process does the same shard.
    """

    def __init__(self, output: Path, shard: tuple[int, int] = (1, 1)) -> None:
        self.output, self.folder = output, output / FOLDER
        label = "" if shard == (1, 1) else f"-{shard[0]}-of-{shard[1]}"
        self.failures_file = output / f"failures{label}.jsonl"
        self.work = self.folder / f"work{label}"
        self.finished: dict[str, Finished] = {}
        self.notes: list[str] = []
        self.failures_name = str(self.failures_file)
        self._file: BinaryIO | None = None
        self._failures: BinaryIO | None = None
        make_folder(output)
        try:
            _check_folder(self.folder)
            self.folder.mkdir(exist_ok=True)
            self._lock = lock(self.folder / f"lock{label}")
        except BlockingIOError as error:
            raise OutputError(
                f"cannot write to {output}: another restyle process is doing the same batch; give each"
                " process a --shard of its own"
            ) from error
        except OSError as error:
            raise OutputError(f"cannot write to {output}: {reason(error)}") from error
        try:
            self._open(label)
        except OSError as error:
            self.close()
            raise OutputError(f"cannot write to {output}: {reason(error)}") from error
        except BaseException:
            self.close()
            raise

    def _open(self, label: str) -> None:
        _check_folder(self.work)
        shutil.rmtree(self.work, ignore_errors=True)  # of a killed run
        self.work.mkdir()
        damaged = 0
        for path in sorted(self.folder.glob("journal*.jsonl")):
            for line in _lines(path):
                entry = Finished.parse(line)
                if entry is None:
                    damaged += 1
                else:
                    self.finished[entry.output] = entry
        if damaged:
            self.notes.append(
                f"lines of the journal in {self.folder} that are damaged and ignored: {damaged}; results of"
                " these rows are made again only with overwrite=True"
            )
        self._file = _append(self.folder / f"journal{label}.jsonl")
        if self._file.tell():  # the last line may be cut off
            self._file.write(b"\n")
        self._remove_failures()

    def _remove_failures(self) -> None:
        """Remove the failures of the last run, which are tried again."""
        path = self.failures_file
        if not os.path.lexists(path):
            return
        regular = stat.S_ISREG(path.lstat().st_mode)
        if not regular or not next(_lines(path), _FAILURE).startswith(_FAILURE):
            raise OutputError(f"cannot write {path}: it is not from restyle batch; rename it")
        path.unlink()

    def enter(self, entries: Iterable[Finished]) -> None:
        """Add entries, and wait until they are on the disk.

        Raises
        ------
        OutputError
            The disk is full.
        """
        assert self._file is not None
        lines = b"".join(entry.line() for entry in entries)
        if not lines:
            return
        try:
            self._file.write(lines)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write to {self.folder}: {reason(error)}") from error

    def fail(self, failures: Iterable[Failure]) -> None:
        """Add rows to `failures.jsonl`."""
        lines = b"".join(
            json.dumps({"row": each.number, "content": each.content, "reason": each.reason}).encode() + b"\n"
            for each in failures
        )
        if not lines:
            return
        try:
            if self._failures is None:
                self._failures = _append(self.failures_file)
            self._failures.write(lines)
            self._failures.flush()
        except OSError as error:
            raise OutputError(f"cannot write {self.failures_file}: {reason(error)}") from error

    def publish(self, staged: str, output: str, overwrite: bool) -> None:
        """Move a finished result from the work folder into place.

        Raises
        ------
        OutputError
            A file is there that may not be replaced, or the move fails.
        """
        target = self.output / output
        try:
            put_in_place(Path(staged), target, overwrite=overwrite)
        except FileExistsError:
            raise OutputError(f"cannot write {target}: another program has just created it") from None
        except OSError as error:
            raise OutputError(f"cannot write {target}: {reason(error)}") from error

    def close(self) -> None:
        """Remove unfinished results, and release the shard."""
        for file in (self._file, self._failures):
            if file is not None:
                file.close()
        shutil.rmtree(self.work, ignore_errors=True)
        self._lock.close()


def read_finished(output: Path) -> dict[str, Finished]:
    """Read the journals of an output folder without writing; for `--dry-run`."""
    entries: dict[str, Finished] = {}
    folder = output / FOLDER
    if folder.is_dir() and not folder.is_symlink():
        for path in sorted(folder.glob("journal*.jsonl")):
            entries.update({each.output: each for line in _lines(path) if (each := Finished.parse(line))})
    return entries


def is_finished(entry: Finished | None, key: str, target: Path) -> bool:
    """Whether a result is what its entry says: the same key, a file and no link, the same bytes."""
    return entry is not None and entry.key == key and is_intact(target, entry.sha256, entry.size)


def _check_folder(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"cannot use {folder}: it is not a folder of restyle batch; remove it")
    for each in folder.iterdir() if folder.is_dir() else ():
        if not stat.S_ISREG(mode := each.lstat().st_mode) and not stat.S_ISDIR(mode):
            raise OutputError(f"cannot use {folder}: '{each.name}' is a link or a device; remove it")


def _append(path: Path) -> BinaryIO:
    """Open a file for appending; never through a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, flags, 0o666), "ab")
    flush(path.parent)
    return file


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file, without empty ones and a last one that is cut off; longer ones in parts."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        while line := file.readline(MOST_LINE):
            if line.strip() and line.endswith(b"\n"):
                yield line
