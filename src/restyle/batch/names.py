"""Names of results in the output folder: safe, and no two alike."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

from restyle.errors import OutputError
from restyle.files import is_control
from restyle.images import formats
from restyle.types import PathLike


def check_name(name: str) -> str:
    """Check a name from a list: a path below the output folder, with forward slashes.

    Raises
    ------
    OutputError
        It is empty or absolute, leaves the folder, is hidden, or has characters that are not for names.
    """
    why = ""
    if not name or name.endswith("/"):
        why = "names no file"
    elif PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        why = "is not relative to the output folder"
    elif "\\" in name:
        why = "contains a backslash; write '/'"
    elif any(map(is_control, name)):
        why = "contains a control character"
    elif any(part in ("", ".", "..") for part in name.split("/")):
        why = "leaves the output folder, or has empty parts"
    elif any(part.startswith(".") for part in name.split("/")):
        why = "has a part that starts with a dot"
    if why:
        raise OutputError(f"output {name!r} {why}; give a name such as sub/picture.jpg")
    return name


def check_inside(folder: Path, target: Path) -> None:
    """Refuse a result that a link would take out of the output folder."""
    root, place = os.path.realpath(folder), os.path.realpath(target.parent)
    if place != root and not place.startswith(root.rstrip(os.sep) + os.sep):
        raise OutputError(f"cannot write {target}: a link in its path leaves the output folder")


def writable_suffixes() -> list[str]:
    """Suffixes of the pictures that restyle writes."""
    return [suffix for kind in formats.FORMATS if kind.writable for suffix in kind.suffixes]


class FreeNames:
    """The paths of results so far, none of which is given twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, target: Path) -> bool:
        """Take a path; False if it is taken already."""
        key = name_key(target)
        free = key not in self._taken
        self._taken.add(key)
        return free

    def near(self, target: Path, source: PathLike) -> Path:
        """Take the path, or a similar one that is free: `a.png`, `a-gif.png`, `a-gif-2.png`."""
        if self.take(target):
            return target
        other = target.with_stem(f"{target.stem}-{Path(source).suffix.lstrip('.').lower()}")
        key = name_key(other)
        while True:
            count = self._next[key] = self._next.get(key, 0) + 1
            free = other if count == 1 else other.with_stem(f"{other.stem}-{count}")
            if self.take(free):
                return free


def name_key(path: PathLike) -> str:
    """What is equal for two names that some file system takes for one."""
    return unicodedata.normalize("NFC", os.path.abspath(path)).casefold()
