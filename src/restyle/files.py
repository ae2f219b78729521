"""Atomic output files.

A result is written under a temporary name in its own folder, flushed to the disk, and moved into place. A
reader never sees half a file, and a crash, a full disk or Ctrl-C leaves the previous file intact.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import secrets
import shutil
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from restyle.errors import InputError, OutputError, RestyleError

if TYPE_CHECKING:  # NumPy is slow to import, and --help needs none
    from restyle.types import PathLike

STANDARD_STREAM = "-"  # as a path: standard input or output
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this system allows",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EIO: "the disk reports an error",
    errno.ENAMETOOLONG: "the name is too long",
}
# Errors of a disk. Reading an input cannot raise them, so wherever they occur they concern the output.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

LONGEST_NAME = 240  # bytes of a generated name; file systems allow 255
_RESERVED = frozenset('/\\:*?"<>|')  # in names, by Linux or Windows
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_is_path(path: object, what: str, error: type[RestyleError] = InputError) -> None:
    """Raise an error where a caller passes something else than a path, such as bytes or an open file."""
    if not isinstance(path, (str, os.PathLike)):
        raise error(f"{what} is of type {type(path).__name__}; give the path of a file")


def check_readable(path: PathLike) -> None:
    """Raise InputError where the file is missing, empty, a folder, or not readable."""
    check_is_path(path, "content")
    shown = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"{shown}: there is no such file")
    if not os.path.isfile(path):
        raise InputError(f"{shown}: is not a file")
    if os.path.getsize(path) == 0:
        raise InputError(f"{shown}: is empty")
    if not os.access(path, os.R_OK):
        raise InputError(f"{shown}: permission denied")


def check_output(path: PathLike, *, overwrite: bool = False, inputs: Iterable[PathLike] = ()) -> Path:
    """Check that a result may be written to ``path``, before any work is done.

    Parameters
    ----------
    path : path
    overwrite : bool
        Whether an existing file may be replaced.
    inputs : iterable of path
        Source files, which are never replaced, also not through links or another spelling of their paths.

    Returns
    -------
    Path
        ``path`` with links resolved.

    Raises
    ------
    OutputError
        The file exists, is an input, is a folder or a device, or its folder does not exist.
    """
    check_is_path(path, "output", OutputError)
    shown = os.fspath(path)
    if shown == STANDARD_STREAM:
        return Path(shown)
    target = Path(os.path.realpath(path))
    try:
        status = os.stat(target)
    except FileNotFoundError:
        if os.path.islink(path):
            raise OutputError(f"cannot write {shown}: it is a link to a file that does not exist") from None
        if not target.parent.is_dir():
            raise OutputError(f"cannot write {shown}: there is no folder '{Path(shown).parent}'") from None
        return target
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {reason(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        raise OutputError(f"cannot write {shown}: it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(f"cannot write {shown}: it is not a regular file")
    for source in inputs:
        # samefile sees through hard links, symbolic links and file systems that ignore case.
        with contextlib.suppress(OSError):
            if os.path.samefile(target, source):
                raise OutputError(
                    f"cannot write {shown}: it is the input {os.fspath(source)}; choose another name"
                )
    if not overwrite:
        raise OutputError(f"cannot write {shown}: it exists; choose another name or pass overwrite=True")
    return target


@contextlib.contextmanager
def writing(path: PathLike, overwrite: bool = False, inputs: Iterable[PathLike] = ()) -> Iterator[Path]:
    """Yield a temporary path to write to; move it to ``path`` when the block succeeds.

    The temporary file is in the same folder and has the same suffix. If the block raises, also by Ctrl-C, it
    is removed and ``path`` stays as it was.

    Parameters
    ----------
    path, overwrite, inputs
        As for :func:`check_output`, which runs first.

    Yields
    ------
    Path
        An empty file. The result keeps the permission bits of a file that it replaces.

    Raises
    ------
    OutputError
        The file may not be written, the disk is full, or the folder is not writable.

    Examples
    --------
    >>> from restyle.files import writing
    >>> with writing("notes.txt", overwrite=True) as temporary:
    ...     _ = temporary.write_text("all or nothing")
    """
    inputs = list(inputs)
    target = check_output(path, overwrite=overwrite, inputs=inputs)
    shown = os.fspath(path)
    _sweep(target.parent)
    temporary = target.with_name(f".restyle-{secrets.token_hex(6)}.part{target.suffix}")
    try:
        # Mode 0o666 less the umask, as for any new file; tempfile would make it private.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {reason(error)}") from error
    try:
        try:
            yield temporary
        except OSError as error:
            if error.errno in DISK_ERRORS or error.filename in (str(temporary), temporary):
                raise OutputError(f"cannot write {shown}: {reason(error)}") from error
            raise
        try:
            flush(temporary)
            move(temporary, target, overwrite=overwrite)
            flush(target.parent)
        except FileExistsError:
            raise OutputError(f"cannot write {shown}: another program has just created it") from None
        except OSError as error:
            raise OutputError(f"cannot write {shown}: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def unused(path: Path) -> Path:
    """Return the path, or the first of `name-2.png`, `name-3.png` ... that does not exist."""
    endings = ("", *(f"-{number}" for number in range(2, 1000)))
    names = (path.with_name(f"{path.stem}{ending}{path.suffix}") for ending in endings)
    return next(name for name in names if not name.exists())


def is_control(letter: str) -> bool:
    """Tell whether a character controls a terminal or the direction of text, or cannot be encoded."""
    unpaired = "\ud800" <= letter <= "\udfff" and not "\udc80" <= letter <= "\udcff"  # surrogates
    return unpaired or unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in _DIRECTION


def name_part(text: str) -> str:
    """Return a text from a file as part of a name: separators, control and reserved characters become `_`.

    Examples
    --------
    >>> name_part("../etc: x")
    '.._etc_ x'
    """
    return "".join("_" if letter in _RESERVED or is_control(letter) else letter for letter in text)


def csv_text(text: str) -> str:
    """Return a text as a cell of a CSV file: a spreadsheet takes it for text, and one line shows it.

    Examples
    --------
    >>> csv_text("=SUM(A1).jpg")
    "'=SUM(A1).jpg"
    """
    plain = "".join(each.encode("unicode_escape").decode() if is_control(each) else each for each in text)
    return f"'{plain}" if plain[:1] in ("=", "+", "-", "@") else plain


def result_name(content: PathLike, style: str, suffix: str) -> str:
    """Name a result after its content and style, cut to what file systems allow.

    Examples
    --------
    >>> result_name("photos/cat.jpeg", "scream", ".png")
    'cat-scream.png'
    """
    path = Path(content)
    stem = (path.stem or path.name).lstrip(".") or "result"
    stem = "".join("_" if letter in "/\\" or is_control(letter) else letter for letter in stem)
    style = name_part(style)
    while len(style) > 1 and len(os.fsencode(f"{style}{suffix}")) > LONGEST_NAME // 2:
        style = style[:-1]
    while len(stem) > 1 and len(os.fsencode(f"{stem}-{style}{suffix}")) > LONGEST_NAME:
        stem = stem[:-1]
    return f"{stem}-{style}{suffix}"


def make_folder(folder: PathLike) -> None:
    """Create a folder and its parents if they do not exist; OutputError if that fails."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder '{os.fspath(folder)}': {reason(error)}") from error


def reason(error: OSError) -> str:
    """Describe a system error in a few words."""
    known = _REASONS.get(error.errno or 0)
    return known or (error.strerror or str(error) or "unknown error").lower()


def plain_text(text: str) -> str:
    r"""Return a text in which bytes of names that are no text are escapes such as `\udce9`, as in JSON."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_text(path: Path, text: str) -> None:
    """Write `plain_text` as UTF-8."""
    path.write_text(plain_text(text), encoding="utf-8")


def parse_json(content: str | bytes) -> Any:
    """Parse JSON that is not trusted; ValueError for anything that is wrong with it."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle for folders
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(handle)


_STALE_SECONDS = 86_400  # no encoder pauses for a day


@functools.cache
def _sweep(folder: Path) -> None:
    """Delete the temporary files of killed runs, once a process for each folder."""
    for left in folder.glob(".restyle-*.part*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Move a finished file into place; FileExistsError if another file is there and may not be replaced."""
    if overwrite:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)  # unlike a rename, fails if another process was faster
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError from None
        os.replace(temporary, target)


def lock(path: Path) -> BinaryIO:
    """Open a file that one process at a time can lock; the lock ends with the process.

    Raises
    ------
    BlockingIOError
        Another process has the lock.
    OSError
        The file cannot be created, or is a link.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    file = os.fdopen(handle, "r+b")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise BlockingIOError from error
    return file


def first_few(names: Sequence[str], separator: str = ", ") -> str:
    """Join the first three names, for a message: `a, b, c and 4 more`."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return separator.join(names[:3]) + more


class FileBytes(io.FileIO):
    """A file that is read by slices, as its bytes would be, without holding it in memory."""

    def __len__(self) -> int:
        return os.fstat(self.fileno()).st_size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(len(self))
        self.seek(start)
        return self.read(max(0, stop - start))


class Closing:
    """Base class of readers that a `with` block closes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError
