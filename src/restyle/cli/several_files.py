"""Commands over several files: which result goes to which file, and what happens when one fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import typer

from restyle.batch.names import FreeNames
from restyle.cli.terminal import as_flags, printable
from restyle.errors import InputError, OutputError, RestyleError
from restyle.files import STANDARD_STREAM, make_folder, name_part
from restyle.images import formats
from restyle.images.formats import result_name


class SeveralFiles:
    """Work on several files: failures are listed at the end and make the exit code 1, the rest goes on.

    With only one file, its error is that of the command. Ctrl-C reports how many files are done.

    Parameters
    ----------
    total : int
        Number of files.
    what : str
        The plural noun for them: "videos".

    Examples
    --------
    >>> with SeveralFiles(1, "videos") as files, files.each("clip.mp4"):
    ...     print("clip.mp4 is done")
    clip.mp4 is done
    """

    def __init__(self, total: int, what: str) -> None:
        self.total = total
        self.what = what
        self.done = 0
        self.failures: list[str] = []

    def __enter__(self) -> SeveralFiles:
        return self

    @contextlib.contextmanager
    def each(self, source: object) -> Iterator[None]:
        """Wrap the work on one file; its error is recorded, with the name of the file in front."""
        try:
            yield
        except RestyleError as error:
            if self.total == 1:
                raise
            reason = as_flags(str(error))
            self.failures.append(reason if reason.startswith(str(source)) else f"{source}: {reason}")
        else:
            self.done += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self.total > 1:
            parts = [f"{self.done} of {self.total} {self.what} are done", str(error)]
            raise KeyboardInterrupt("; ".join(filter(None, parts))) from None
        if error is None and self.failures:
            typer.echo(f"restyle: {len(self.failures)} of {self.total} {self.what} failed:", err=True)
            for reason in self.failures:
                typer.echo(f"  {printable(reason)}", err=True)
            raise typer.Exit(1)


@dataclass(frozen=True)
class Job:
    """A picture and the path of its result."""

    source: Path
    target: Path


def plan(contents: Sequence[str], style_name: str, output: str | None) -> list[Job]:
    """Decide the path of every result before the first picture is stylized.

    A picture gives `NAME-STYLE.SUFFIX` in the output folder (default: the current folder). A folder gives the
    same tree under the output folder (default: `FOLDER-STYLE`); with several contents, each folder gets a
    folder of its own there. Results never share a name, also on file systems that ignore case.

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
        A folder contains no picture, or a name is empty.
    OutputError
        The output is a file and there are several pictures, or its suffix is unknown.
    """
    if "" in contents:
        raise InputError("the name '' is empty; give a picture or a folder")
    if (
        len(contents) == 1
        and not os.path.isdir(contents[0])
        and output is not None
        and not _is_folder(output)
    ):
        if output != STANDARD_STREAM and not Path(output).suffix:
            raise OutputError(
                f"cannot tell what '{output}' is: give a file a suffix such as .jpg, and end a folder with /"
            )
        formats.output_format(output)
        return [Job(Path(contents[0]), Path(output))]
    if output is not None:
        _check_folder(output)
    jobs: list[Job] = []
    seen: set[str] = set()
    names = FreeNames()
    for content in contents:
        for source, target in _targets(content, style_name, output, alone=len(contents) == 1):
            place = os.path.abspath(source)
            if place in seen:
                continue
            seen.add(place)
            jobs.append(Job(source, names.near(target, source)))
    return jobs


@contextlib.contextmanager
def output_folders(jobs: Sequence[Job]) -> Iterator[None]:
    """Create the folders of the results; at the end remove new ones that are empty.

    Raises
    ------
    OutputError
        A folder cannot be created.
    """
    new: list[Path] = []
    try:
        for folder in sorted({job.target.parent for job in jobs}):
            missing = [each for each in (folder, *folder.parents) if not each.exists()]
            make_folder(folder)
            new += missing
        yield
    finally:
        for folder in sorted(new, key=lambda each: len(each.parts), reverse=True):
            with contextlib.suppress(OSError):  # it holds results
                folder.rmdir()


def _targets(content: str, style_name: str, output: str | None, alone: bool) -> Iterator[tuple[Path, Path]]:
    if not os.path.isdir(content):
        yield Path(content), Path(output or "") / result_name(content, style_name)
        return
    folder = Path(content)
    own_name = Path(os.path.abspath(content)).name
    if output is None:
        root = Path(f"{own_name}-{name_part(style_name)}")
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
        raise InputError(f"{content}: contains no pictures ({known})")


def _is_folder(output: str) -> bool:
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def _check_folder(output: str) -> None:
    if _is_folder(output):
        return
    if os.path.exists(output):
        raise OutputError(f"cannot write several pictures to '{output}': it is a file; give a folder")
    if formats.from_suffix(output) is not formats.UNKNOWN:
        raise OutputError(f"cannot write several pictures to '{output}'; give a folder, or end it with /")
