"""The journal of a batch: which results are finished, so that a run continues after any kill.

The folder `.restyle-batch` in the output folder holds a journal for each shard, and results that are not
finished. A result is written there, flushed, entered in the journal with its checksum, and only then moved
into place. So after a kill at any moment a result is complete and in the journal, or it is made again.

Nothing here is believed: a row is skipped only if its key (content, style, model and options) is in the
journal and the result has the checksum of the entry. No path is read from the journal.

A Deep Zoom result is a file and a folder of tiles. Its checksum is that of the file, followed by that of the
tiles.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from restyle.batch.rows import Failure
from restyle.errors import OutputError
from restyle.files import Closing, flush, lock, make_folder, move, reason
from restyle.images import formats
from restyle.images.encode import tiles_folder
from restyle.models.catalog import file_sha256

FOLDER = ".restyle-batch"
MOST_LINE = 1 << 16  # bytes
_DIGITS = 64  # of a SHA-256
_FAILURE = b'{"row": '


@dataclass(frozen=True)
class Finished:
    """A finished result."""

    output: str  # path below the output folder
    key: str  # SHA-256 of everything that determines the result: `painter.row_key`
    sha256: str  # of the result: `checksum`
    size: int  # bytes of the result
    seconds: float  # that it took

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
    """The state of one shard of a batch in an output folder, which is created.

    `shard` is the number of the shard, from 1, and how many there are; `finished` are the latest entries by
    output, from all shards; `notes` say what was wrong with the journals. OutputError: the folder cannot be
    written, contains links, or another process does the same shard.
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
            with writing_to(f"to {output}"):
                self._open(label)
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
        """Add entries, and wait until they are on the disk; OutputError if it is full."""
        assert self._file is not None
        if lines := b"".join(entry.line() for entry in entries):
            with writing_to(f"to {self.folder}"):
                self._file.write(lines)
                self._file.flush()
                os.fsync(self._file.fileno())

    def fail(self, failures: Iterable[Failure]) -> None:
        """Add rows to `failures.jsonl`."""
        if lines := failure_lines(failures):
            with writing_to(str(self.failures_file)):
                if self._failures is None:
                    self._failures = _append(self.failures_file)
                self._failures.write(lines)
                self._failures.flush()

    def publish(self, staged: str, output: str, overwrite: bool) -> None:
        """Move a finished result from the work folder into place; OutputError if that fails."""
        target = self.output / output
        with writing_to(str(target)):
            try:
                _put_in_place(Path(staged), target, overwrite=overwrite)
            except FileExistsError:
                raise OutputError(f"cannot write {target}: another program has just created it") from None

    def close(self) -> None:
        """Remove unfinished results, and release the shard."""
        for file in (self._file, self._failures):
            if file is not None:
                file.close()
        shutil.rmtree(self.work, ignore_errors=True)
        self._lock.close()


@contextmanager
def writing_to(place: str, why: Callable[[OSError], str] = reason) -> Iterator[None]:
    """Turn an OSError into an OutputError that names the place."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {place}: {why(error)}") from error


def failure_lines(failures: Iterable[Failure]) -> bytes:
    """Return rows as lines of `failures.jsonl`."""
    values = ({"row": each.number, "content": each.content, "reason": each.reason} for each in failures)
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


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
    with suppress(OSError), open(path, "rb") as file:
        while line := file.readline(MOST_LINE):
            if line.strip() and line.endswith(b"\n"):
                yield line


def tiles_of(result: Path) -> Path | None:
    """Folder of the tiles of a Deep Zoom result; None for other formats."""
    return tiles_folder(result) if formats.from_suffix(result) is formats.DEEP_ZOOM else None


def checksum(result: Path) -> str:
    """SHA-256 of a result; of Deep Zoom also that of its tiles."""
    tiles = tiles_of(result)
    return file_sha256(result) if tiles is None else file_sha256(result) + _checksum_of_tiles(tiles)


def size(result: Path) -> int:
    """Bytes of a result, with its tiles."""
    tiles = tiles_of(result)
    inner = () if tiles is None else _tiles_below(tiles)
    return os.lstat(result).st_size + sum(path.lstat().st_size for path in inner)


def is_intact(result: Path, expected: str, expected_size: int) -> bool:
    """Whether a result is there, is no link, and has this checksum."""
    try:
        regular = stat.S_ISREG(os.lstat(result).st_mode)
        return regular and size(result) == expected_size and checksum(result) == expected
    except OSError:
        return False


def _put_in_place(staged: Path, target: Path, *, overwrite: bool) -> None:
    """Move a finished result to its name: the tiles first, so that a file in place has its tiles."""
    new, place = tiles_of(staged), tiles_of(target)
    if new is not None and place is not None:
        if overwrite and os.path.lexists(place):
            os.rename(place, new.with_suffix(".old"))  # removed with the work folder
        os.rename(new, place)
    move(staged, target, overwrite=overwrite)
    with suppress(FileNotFoundError):
        os.unlink(staged)


def left_tiles(target: Path, expected: str | None) -> Path | None:
    """Return the tiles of a run that was killed between the two moves, if there are any.

    `expected` is the checksum in the journal; OutputError: there are other tiles.
    """
    tiles = tiles_of(target)
    if tiles is None or not os.path.lexists(tiles):
        return None
    if expected is None or tiles.is_symlink() or _checksum_of_tiles(tiles) != expected[_DIGITS:]:
        raise OutputError(f"cannot write {tiles}: it exists; choose another name or pass overwrite=True")
    return tiles


def _checksum_of_tiles(folder: Path) -> str:
    lines = [f"{path.relative_to(folder).as_posix()} {file_sha256(path)}\n" for path in _tiles_below(folder)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _tiles_below(folder: Path) -> Iterator[Path]:
    """Files below a folder in a fixed order; OSError for what is neither file nor folder."""
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(str(folder))
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            yield path
        elif not stat.S_ISDIR(mode):
            raise OSError(f"{path} is neither a file nor a folder")
