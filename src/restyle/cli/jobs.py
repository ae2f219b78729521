"""Which picture goes to which file: plans a whole run before the first picture is painted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import InputError, OutputError
from restyle.files import make_folder
from restyle.images import formats
from restyle.pipeline import result_name


@dataclass(frozen=True)
class Job:
    """One picture and the file that becomes of it."""

    source: Path
    target: Path


def plan(contents: Sequence[str], style_name: str, output: str | None) -> list[Job]:
    """Plan a run.

    A picture gives `NAME-STYLE.SUFFIX` in the output folder, by default the current one. A folder gives
    the same tree under the output folder, by default `FOLDER-STYLE`; of several contents each folder has
    a folder of its own there. No two results have the same name, whatever the suffixes of their sources
    and the letter case of the file system.

    Parameters
    ----------
    contents : sequence of str
        Pictures and folders.
    style_name : str
    output : str or None
        A file for one picture; otherwise a folder.

    Raises
    ------
    InputError
        A folder holds no picture, or a name is empty.
    OutputError
        The output names a file and there are several pictures, or no format is known by its suffix.
    """
    if "" in contents:
        raise InputError("no file is called ''")
    if (
        len(contents) == 1
        and not os.path.isdir(contents[0])
        and output is not None
        and not _is_folder(output)
    ):
        if not Path(output).suffix:
            raise OutputError(
                f"cannot tell what '{output}' shall be: give it a suffix such as .jpg, or end a folder with /"
            )
        formats.output_format(output)
        return [Job(Path(contents[0]), Path(output))]
    if output is not None:
        _check_folder(output)
    jobs: list[Job] = []
    seen: set[str] = set()
    taken: set[str] = set()
    for content in contents:
        for source, target in _targets(content, style_name, output, alone=len(contents) == 1):
            place = os.path.abspath(source)
            if place in seen:
                continue
            seen.add(place)
            jobs.append(Job(source, _free(target, source, taken)))
    return jobs


def make_folders(jobs: Sequence[Job]) -> list[Path]:
    """Make the folders that the results need; return those that are new, inner ones first.

    Raises
    ------
    OutputError
        A folder cannot be made.
    """
    new: list[Path] = []
    for folder in sorted({job.target.parent for job in jobs}):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        make_folder(folder)
        new += missing
    return sorted(new, key=lambda folder: len(folder.parts), reverse=True)


def _targets(content: str, style_name: str, output: str | None, alone: bool) -> Iterator[tuple[Path, Path]]:
    if not os.path.isdir(content):
        yield Path(content), Path(output or "") / result_name(content, style_name)
        return
    folder = Path(content)
    own_name = Path(os.path.abspath(content)).name
    if output is None:
        root = Path(f"{own_name}-{style_name}")
    else:
        root = Path(output) if alone else Path(output, own_name)
    inside = os.path.realpath(root)
    found = False
    for source in formats.find_images(folder):
        if os.path.realpath(source).startswith(inside + os.sep) and inside != os.path.realpath(folder):
            continue  # results of an earlier run
        found = True
        target = root / source.relative_to(folder)
        yield source, target if formats.from_suffix(target).writable else target.with_suffix(".png")
    if not found:
        known = ", ".join(kind.suffixes[0] for kind in formats.FORMATS)
        raise InputError(f"{content}: holds no pictures ({known})")


def _free(target: Path, source: Path, taken: set[str]) -> Path:
    """Return the target, or a free name beside it: `a.png`, `a-gif.png`, `a-gif-2.png`."""
    other = target.with_stem(f"{target.stem}-{source.suffix.lstrip('.').lower()}")
    names = [target, other, *(other.with_stem(f"{other.stem}-{count}") for count in range(2, 2 + len(taken)))]
    free = next(name for name in names if os.path.abspath(name).casefold() not in taken)
    taken.add(os.path.abspath(free).casefold())
    return free


def _is_folder(output: str) -> bool:
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def _check_folder(output: str) -> None:
    if _is_folder(output):
        return
    if os.path.exists(output):
        raise OutputError(f"cannot write several pictures to '{output}': it is a file; give a folder")
    if formats.from_suffix(output) is not formats.UNKNOWN:
        raise OutputError(f"cannot write several pictures to '{output}'; give a folder, or end it with /")
