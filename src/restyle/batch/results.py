"""Results of a batch as files: their checksums, and how they get into place.

A Deep Zoom result is a file and a folder of tiles. Its checksum is that of the file, followed by that of the
tiles.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from restyle.errors import OutputError
from restyle.files import move
from restyle.images import formats
from restyle.images.encode import tiles_folder

_DIGITS = 64  # of a SHA-256


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tiles_of(result: Path) -> Path | None:
    """Folder of the tiles of a Deep Zoom result; None for other formats."""
    return tiles_folder(result) if formats.from_suffix(result) is formats.DEEP_ZOOM else None


def checksum(result: Path) -> str:
    """SHA-256 of a result; of Deep Zoom also that of its tiles."""
    tiles = tiles_of(result)
    return sha256(result) if tiles is None else sha256(result) + _checksum_of_tiles(tiles)


def size(result: Path) -> int:
    """Bytes of a result, with its tiles."""
    tiles = tiles_of(result)
    inner = () if tiles is None else _files(tiles)
    return os.lstat(result).st_size + sum(path.lstat().st_size for path in inner)


def is_intact(result: Path, expected: str, expected_size: int) -> bool:
    """Whether a result is there, is no link, and has this checksum."""
    try:
        regular = stat.S_ISREG(os.lstat(result).st_mode)
        return regular and size(result) == expected_size and checksum(result) == expected
    except OSError:
        return False


def put_in_place(staged: Path, target: Path, *, overwrite: bool) -> None:
    """Move a finished result to its name: the tiles first, so that a file in place has its tiles.

    Raises
    ------
    OSError
        Another file is there and may not be replaced, or the move fails.
    """
    new, place = tiles_of(staged), tiles_of(target)
    if new is not None and place is not None:
        if overwrite and os.path.lexists(place):
            os.rename(place, new.with_suffix(".old"))  # removed with the work folder
        os.rename(new, place)
    move(staged, target, overwrite=overwrite)
    with suppress(FileNotFoundError):
        os.unlink(staged)


def left_tiles(target: Path, expected: str | None) -> Path | None:
    """Return the tiles of a run that was killed between the two moves, if there are any; others are refused.

    Parameters
    ----------
    target : Path
        A result that is to be made.
    expected : str or None
        Its checksum in the journal.

    Raises
    ------
    OutputError
        There are other tiles.
    """
    tiles = tiles_of(target)
    if tiles is None or not os.path.lexists(tiles):
        return None
    if expected is None or tiles.is_symlink() or _checksum_of_tiles(tiles) != expected[_DIGITS:]:
        raise OutputError(f"cannot write {tiles}: it exists; choose another name or pass overwrite=True")
    return tiles


def _checksum_of_tiles(folder: Path) -> str:
    lines = [f"{path.relative_to(folder).as_posix()} {sha256(path)}\n" for path in _files(folder)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder in a fixed order; OSError for what is neither file nor folder."""
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(str(folder))
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            yield path
        elif not stat.S_ISDIR(mode):
            raise OSError(f"{path} is neither a file nor a folder")
