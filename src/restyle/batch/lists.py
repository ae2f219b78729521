"""Read the rows of a batch from files, folders, patterns and lists; names of results, safe and no two alike.

A list gives one row a line: a text file the content only, CSV and JSON also a style and options by the names
of the columns. Paths in a list are relative to its folder.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import sys
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from restyle.errors import InputError, OutputError
from restyle.files import STANDARD_STREAM, first_few, is_control
from restyle.images import formats
from restyle.types import PathLike

LISTS = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".json")
MOST_ROWS = 2_000_000
MOST_BYTES = 1 << 30

Cells = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One row as it was written."""

    where: str  # for messages: `jobs.csv, line 3`, or the content
    content: str
    cells: Cells = field(default_factory=dict)  # values of the other columns, without empty ones
    folder: str = ""  # paths in the row are relative to it; empty for the current folder
    tree: str = ""  # path of the result below the output folder; empty if it is named after content and style


def read_jobs(jobs: Sequence[str], columns: Collection[str], output: str) -> Iterator[Entry]:
    """Yield the rows of all JOBS in order.

    JOBS are pictures, videos and sounds, folders of them, patterns such as `scans/**/*.png`, lists, or `-`
    for a text list on standard input. A list may have the `columns`, and `content`. Results of earlier runs
    in the `output` folder are not contents. InputError: there is no such file, a list is damaged or has an
    unknown column, or a folder is empty.
    """
    for job in jobs:
        if os.path.isdir(job):
            yield from _folder(job, output, alone=len(jobs) == 1)
        elif job == STANDARD_STREAM:
            yield from _text_list(_decode(sys.stdin.buffer.read(), "standard input"), "standard input", "")
        elif Path(job).suffix.lower() in LISTS and not glob.has_magic(job):
            yield from _list(job, columns)
        elif glob.has_magic(job) and not os.path.lexists(job):
            found = sorted(glob.iglob(job, recursive=True), key=formats.natural_order)
            files = [path for path in found if os.path.isfile(path)]
            if not files:
                raise InputError(f"no file matches '{job}'")
            yield from (Entry(path, path) for path in files)
        else:
            yield Entry(job, job)


def _folder(job: str, output: str, alone: bool) -> Iterator[Entry]:
    """The pictures and videos below a folder; their results form the same tree."""
    folder = Path(job)
    inside = os.path.realpath(output)
    skip_results = inside != os.path.realpath(folder)
    left_out: list[str] = []

    def wanted(name: str) -> bool:
        kind = formats.from_suffix(name)
        if kind.readable or kind.medium == "video":
            return True
        if kind.medium in ("image", "audio"):
            left_out.append(name)
        return False

    found = False
    for path in formats.find_files(folder, wanted):
        if skip_results and os.path.realpath(path).startswith(inside + os.sep):
            continue
        found = True
        inner = path.relative_to(folder)
        own_name = Path(os.path.abspath(job)).name
        yield Entry(str(path), str(path), tree=str(inner if alone else Path(own_name, inner)))
    if left_out:
        formats.log.warning("%s: left out: %s; a list may contain sounds", job, first_few(left_out))
    if not found:
        raise InputError(f"{job}: contains no pictures or videos")


def _list(job: str, columns: Collection[str]) -> Iterator[Entry]:
    try:
        size = os.path.getsize(job)
        if size > MOST_BYTES:
            raise InputError(f"{job}: is larger than {MOST_BYTES >> 30} GB; split it")
        content = Path(job).read_bytes()
    except OSError as error:
        raise InputError(f"{job}: {(error.strerror or 'cannot be read').lower()}") from error
    text, folder, suffix = _decode(content, job), os.path.dirname(job), Path(job).suffix.lower()
    if suffix == ".txt":
        rows = _text_list(text, job, folder)
    elif suffix in (".csv", ".tsv"):
        rows = _csv_list(text, job, folder, columns)
    else:
        rows = _json_list(text, job, folder, columns, lines=suffix != ".json")
    count = 0
    for count, row in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise InputError(f"{job}: has more than {MOST_ROWS:,} rows; split it")
        yield row
    if not count:
        raise InputError(f"{job}: contains no rows")


def _decode(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if Path(shown).suffix.lower() in LISTS[1:]:
            raise InputError(f"{shown}: is not UTF-8 text; save it as UTF-8") from error
        return content.decode("utf-8", errors="surrogateescape")  # file names may be any bytes


def _text_list(text: str, shown: str, folder: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), 1):
        name = line.removesuffix("\r")
        if name.strip() and not name.startswith("#"):
            yield Entry(f"{shown}, line {number}", _placed(name, folder), folder=folder)


def _csv_list(text: str, shown: str, folder: str, columns: Collection[str]) -> Iterator[Entry]:
    first = text.split("\n", 1)[0]
    separator = next((each for each in ("\t", ";") if each in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            where = f"{shown}, line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [_column(cell, columns, shown) for cell in cells]
                _check_header(header, shown)
                continue
            if len(cells) > len(header) and any(cells[len(header) :]):
                raise InputError(f"{where}: has {len(cells)} cells for {len(header)} columns; quote commas")
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
            yield _entry(row, where, folder)
    except csv.Error as error:
        raise InputError(f"{shown}, line {reader.line_num}: is not CSV: {error}") from None


def _json_list(text: str, shown: str, folder: str, columns: Collection[str], lines: bool) -> Iterator[Entry]:
    for number, part in enumerate(text.split("\n") if lines else [text], 1):
        if lines and not part.strip():
            continue
        where = f"{shown}, line {number}" if lines else shown
        try:
            value = json.loads(part)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: is not JSON: {error}") from None
        if not lines and not isinstance(value, list):
            raise InputError(f"{shown}: is not a JSON list of rows")
        for index, row in enumerate([value] if lines else value, 1):
            place = where if lines else f"{shown}, row {index}"
            if not isinstance(row, dict):
                raise InputError(f'{place}: is not an object with a content, such as {{"content": "a.jpg"}}')
            named = [_column(name, columns, place) for name in row]
            _check_header(named, place)
            cells = {name: cell for name, cell in zip(named, row.values(), strict=True) if cell is not None}
            yield _entry(cells, place, folder)


def _column(name: str, columns: Collection[str], shown: str) -> str:
    wanted = name.strip().lower().replace("-", "_")
    if wanted == "content" or wanted in columns:
        return wanted
    near = get_close_matches(wanted, ("content", *columns), 1)
    hint = f"did you mean '{_shown(near[0])}'?" if near else "columns are content, style, output and options"
    raise InputError(f"{shown}: unknown column '{name}'; {hint}")


def _check_header(names: Sequence[str], shown: str) -> None:
    if "content" not in names:
        raise InputError(f"{shown}: has no column 'content'")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"{shown}: has two columns '{_shown(twice)}'")


def _entry(cells: Cells, where: str, folder: str) -> Entry:
    content = cells.pop("content", "")
    return Entry(where, _placed(content, folder) if isinstance(content, str) else "", cells, folder)


def _placed(name: str, folder: str) -> str:
    """A path of a list, relative to the folder of the list; addresses such as `s3://` stay as they are."""
    return name if not name or "://" in name else os.path.join(folder, name)


def _shown(column: str) -> str:
    return column.replace("_", "-")


def check_name(name: str) -> str:
    """Check a name from a list: a path below the output folder, with forward slashes; else OutputError."""
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
