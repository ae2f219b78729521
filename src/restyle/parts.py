"""What an unfinished run keeps beside its result for `--resume`: a locked folder, and the plan of the run."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from restyle.errors import OptionError, OutputError
from restyle.files import lock, parse_json
from restyle.types import PathLike

_MOST_PLAN = 1 << 20  # bytes


class Parts:
    """The folder `.NAME.parts` beside a result, in which a run keeps what is finished; one process at a time.

    Parameters
    ----------
    output : path
        The result.
    own : re.Pattern
        Names of the files that may be deleted; anything else in the folder is not ours.
    inner : tuple of str
        Folders in it that hold such files as well.

    Raises
    ------
    OutputError
        Another process writes the same result, the folder cannot be created, or it holds a link or
        a pipe.
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
    """Raise OptionError if an earlier run, which is to be resumed, was to do something else.

    Parameters
    ----------
    earlier, plan : dict
        Values of JSON.
    shown : str
        The output, in the message.
    hashed : sequence of str
        Names of values that say nothing to a reader, such as checksums.
    """
    for name, value in plan.items():
        if earlier.get(name) == value:
            continue
        if name in hashed:
            what = f"another {name}"
        else:
            what = f"{name.replace('_', '-')} {str(earlier.get(name))[:40]}, not {value}"
        raise OptionError(
            f"cannot resume {shown}: the earlier run had {what};"
            " give the same, or start again without resume=True"
        )
