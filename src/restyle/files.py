"""Atomic output files, their names, and what an unfinished run keeps beside its result for `--resume`.

A result is written under a temporary name in its own folder, flushed to the disk, and moved into place. A
reader never sees half a file, and a crash, a full disk or Ctrl-C leaves the previous file intact.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import secrets
import shutil
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from restyle.errors import InputError, OptionError, OutputError, RestyleError

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

_STALE_SECONDS = 86_400  # no encoder pauses for a day
_MOST_PLAN = 1 << 20  # bytes
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
    """Check that a result may be written to ``path``, before any work is done; return it with links resolved.

    Parameters
    ----------
    overwrite : bool
        Whether an existing file may be replaced.
    inputs : iterable of path
        Source files, which are never replaced, also not through links or another spelling of their paths.

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

    The parameters are those of :func:`check_output`, which runs first. The result keeps the permission bits
    of a file that it replaces.

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
    """Return a text from a file as part of a name; separators, control and reserved characters become `_`."""
    return "".join("_" if letter in _RESERVED or is_control(letter) else letter for letter in text)


def csv_text(text: str) -> str:
    """Make a text safe for a cell of a CSV file: no control characters, and never run as a formula."""
    plain = "".join(each.encode("unicode_escape").decode() if is_control(each) else each for each in text)
    return f"'{plain}" if plain[:1] in ("=", "+", "-", "@") else plain


def result_name(content: PathLike, style: str, suffix: str) -> str:
    """Name a result after its content and style, cut to what file systems allow.

    Examples
    --------
    >>> result_name("photos/cat.jpeg", "scream", ".png")
    'cat-scream.png'
    """
    stem = Path(content).stem.lstrip(".") or "result"
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
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error) or "unknown error").lower()


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
    except OSError as error:
        if isinstance(error, FileExistsError) or target.exists():
            raise FileExistsError from None
        os.replace(temporary, target)  # a file system without hard links


def lock(path: Path) -> BinaryIO:
    """Open a file and lock it until this process ends; BlockingIOError if another process holds the lock.

    OSError if the file cannot be created, or is a link.
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


class Closing:
    """Base class of readers that a `with` block closes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError


class Parts:
    """The folder `.NAME.parts` beside a result, in which a run keeps what is finished; one process at a time.

    Files whose names match `own`, in it and in its folders `inner`, may be deleted; others are not ours.
    OutputError if it is in use by another process, cannot be created, or holds a link or a pipe.
    """

    def __init__(self, output: PathLike, own: re.Pattern[str], inner: tuple[str, ...] = ()) -> None:
        target = Path(os.path.realpath(output))
        self._own, self._inner = own, inner
        self.folder = target.with_name(f".{target.name[:200]}.parts")
        shown = os.fspath(output)
        if self.folder.is_symlink():
            raise OutputError(f"cannot write {shown}: '{self.folder}' is a link; remove it")
        try:
            self.folder.mkdir(exist_ok=True)
            for each in (self.folder, *(self.folder / name for name in inner)):
                _check_entries(each, shown)
            self._lock = lock(self.folder / "lock")
        except BlockingIOError as error:
            raise OutputError(f"cannot write {shown}: another restyle process is writing it") from error
        except OSError as error:
            raise OutputError(f"cannot write {shown}: {(error.strerror or '').lower()}") from error

    def clear(self) -> None:
        """Delete our files in the folder."""
        for folder in (*(self.folder / name for name in self._inner), self.folder):
            for path in list(folder.iterdir()) if folder.is_dir() else ():
                if self._own.fullmatch(path.name):
                    with contextlib.suppress(OSError):
                        path.unlink()
            if folder != self.folder:
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def leave(self, *, keep: bool) -> None:
        """Unlock the folder; delete it, unless it is to be kept or holds files that are not ours."""
        self._lock.close()
        with contextlib.suppress(OSError):
            (self.folder / "lock").unlink()
        if not keep:
            self.clear()
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def _check_entries(folder: Path, shown: str) -> None:
    """Refuse a folder that holds links or pipes, which no earlier run made: writing would follow a link."""
    for each in folder.iterdir() if folder.is_dir() else ():
        if not stat.S_ISREG(mode := each.lstat().st_mode) and not stat.S_ISDIR(mode):
            what = "a link" if stat.S_ISLNK(mode) else "a device or pipe"
            raise OutputError(f"cannot write {shown}: '{each}' is {what}; remove it")


def read_plan(path: Path) -> dict[str, Any]:
    """Read what an earlier run was to do, from a JSON file that is not trusted; empty if there is none."""
    try:
        with open(path, "rb") as file:
            found = parse_json(file.read(_MOST_PLAN))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def check_same_plan(earlier: dict[str, Any], plan: dict[str, Any], shown: str, hashed: Sequence[str]) -> None:
    """Raise OptionError if an earlier run, which is to be resumed, had another plan, as values of JSON.

    The message shows the output as `shown`, without the values of the names in `hashed`, such as checksums.
    """
    for name, value in plan.items():
        if earlier.get(name) == value:
            continue
        what = f"{name.replace('_', '-')} {str(earlier.get(name))[:40]}, not {value}"
        if name in hashed:
            what = f"another {name}"
        raise OptionError(
            f"cannot resume {shown}: the earlier run had {what};"
            " give the same, or start again without resume=True"
        )
