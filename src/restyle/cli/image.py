"""`restyle image`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import Bar, SeveralFiles, print_path, time_left
from restyle.errors import InputError, OutputError
from restyle.files import STANDARD_STREAM, make_folder, name_part
from restyle.options import EFFORTS, EngineOptions, OptimizeOptions, PhotoOptions, SaveOptions, parse_size

if TYPE_CHECKING:
    from restyle.methods.protocol import Step
    from restyle.methods.regions import Regions
    from restyle.style import Style

LONG = 60.0  # seconds; a folder that takes less is not announced

STYLE = flag(
    None,
    "--style -s",
    "STYLE[:WEIGHT]",
    "A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight."
    " A network of `restyle train style` has its own, by name.",
)
REGION = flag(
    None,
    "--region -r",
    "MASK=STYLE[:WEIGHT]",
    "Give a part of the photo another style, or `keep` it unchanged. MASK is a grayscale image of"
    " the whole photo at any size, white where STYLE applies; `alpha`, the photo's alpha channel;"
    " `sky`; or `box:LEFT,TOP,WIDTH,HEIGHT`, in pixels or percent, for what stands out in that"
    " rectangle (extra flow). Repeatable. --style applies to the rest; without it, the rest stays"
    " unchanged.",
)
CONTENT = typer.Argument(help="Pictures, folders of pictures, or `-`: standard input.", metavar="CONTENT...")


@with_flags
def image(
    *,
    content: list[str] = CONTENT,
    style: list[str] | None = STYLE,
    region: list[str] | None = REGION,
    options: PhotoOptions,
    saving: SaveOptions,
    engine: EngineOptions,
    method: OptimizeOptions,
    output: str | None = flag(
        None,
        "--output -o",
        "FILE|FOLDER/",
        "Output path, or `-`: PNG to standard output. Default: CONTENT-STYLE in the current folder.",
    ),
) -> None:
    """Give pictures the style of others.

    restyle image photo.jpg --style starry-night

    restyle image photo.jpg --style my-painting.jpg --style great-wave:0.4 --strength 0.8 --keep-colors

    restyle image photos/ --style scream --method fast -o out/

    restyle image photo.jpg --style evening.jpg --method photo

    restyle image photo.jpg --style great-wave --region person.png=keep --region sky.png=starry-night
    """
    from restyle.methods.regions import region_paths
    from restyle.methods.table import find
    from restyle.pipeline import fit_tables, prepare, style_name
    from restyle.style import Style
    from restyle.stylizer import Stylizer

    stylizer = Stylizer(engine.model, device=engine.device, threads=engine.threads)
    encoded: Style | Regions | None = None
    with Bar(label="starting"):
        if region:
            encoded = stylizer.regions(region, style, max_pixels=options.max_pixels)
        elif style or options.look is None:
            encoded = stylizer.style(style)
        encoded, method, note = prepare(encoded, stylizer.method, options, method)
    jobs = plan(content, style_name(encoded, options), output)
    inputs = [*(style or []), *region_paths(region or []), *filter(None, [options.look])]
    in_steps = find(method.chosen).steps
    paces = estimate(len(jobs), options, method, engine.threads) if encoded else ""
    for line in filter(None, (note, paces)):
        typer.echo(f"restyle: {line}", err=True)
    table_for = None
    if method.consistent and isinstance(encoded, Style):
        with Bar(label="one look for all photos"):
            table_for = fit_tables((job.source for job in jobs), encoded, options, method)
    with output_folders(jobs), SeveralFiles(len(jobs), "pictures") as files, Bar(len(jobs)) as bar:
        for index, (source, target) in enumerate(jobs):
            bar.at(index, source.name)
            report, show = _observers(bar, index, source.name, in_steps)
            with files.each(source):
                stylizer.write(
                    source,
                    encoded,
                    target,
                    options,
                    saving,
                    method,
                    inputs=inputs,
                    report=report,
                    callback=show,
                    table_for=table_for,
                )
                print_path(target, err=target == Path(STANDARD_STREAM))


def _observers(
    bar: Bar, index: int, name: str, in_steps: bool
) -> tuple[Callable[[float], None], Callable[[Step], object] | None]:
    """Return what shows the progress of a picture: one of the two, by fraction or by step."""
    began = time.monotonic()

    def show(step: Step) -> None:
        # The last steps are the slowest, so time counts where it is known.
        spent, left = time.monotonic() - began, step.seconds_left
        part = step.number / step.total if left is None else spent / max(spent + left, 1e-6)
        bar.at(index + part, f"{name} {replace(step, seconds_left=None)}")

    if in_steps:
        return lambda fraction: None, show
    return lambda fraction: bar.at(index + fraction), None


def estimate(count: int, options: PhotoOptions, method: OptimizeOptions, threads: int | None) -> str:
    """Say how long that many photos, taken to have 12 megapixels, take here and by the fastest method."""
    from restyle.methods import table
    from restyle.models.session import cores

    size = parse_size(options.size)
    height, width = size if isinstance(size, tuple) else (3000, 4000)
    side = min(options.painted_side((height, width)), size if isinstance(size, int) else max(height, width))
    megapixels = side**2 * min(height, width) / max(height, width) / 1e6
    share = count * megapixels * 2 / (threads or cores())
    chosen, fastest = table.find(method.chosen), table.find(table.DEFAULTS[-1])
    if count == 1 or chosen.pace is None or fastest.pace is None or chosen is fastest:
        return ""
    seconds = share * chosen.pace * EFFORTS[method.effort]
    if seconds < LONG:
        return ""
    return (
        f"{count} pictures, about {time_left(seconds)};"
        f" --method {fastest.name} takes about {time_left(share * fastest.pace)}"
    )


class Job(NamedTuple):
    """A picture and the path of its result."""

    source: Path
    target: Path


def plan(contents: Sequence[str], style_name: str, output: str | None) -> list[Job]:
    """Decide the path of every result before the first picture is stylized.

    A picture gives `NAME-STYLE.SUFFIX` in the output folder (default: the current folder). A folder gives the
    same tree under the output folder (default: `FOLDER-STYLE`); with several contents, each folder gets a
    folder of its own there. Results never share a name, also on file systems that ignore case.

    Raises
    ------
    InputError
        A folder contains no picture, or a name is empty.
    OutputError
        The output is a file and there are several pictures, or its suffix is unknown.
    """
    from restyle.batch.lists import FreeNames
    from restyle.images import formats

    if "" in contents:
        raise InputError("the name '' is empty; give a picture or a folder")
    into_folder = output is None or os.path.isdir(output) or output.endswith(("/", os.sep))
    if output is not None and not into_folder and len(contents) == 1 and not os.path.isdir(contents[0]):
        if output != STANDARD_STREAM and not Path(output).suffix:
            raise OutputError(
                f"cannot tell what '{output}' is: give a file a suffix such as .jpg, and end a folder with /"
            )
        formats.output_format(output)
        return [Job(Path(contents[0]), Path(output))]
    if output is not None and not into_folder:
        if os.path.exists(output):
            raise OutputError(f"cannot write several pictures to '{output}': it is a file; give a folder")
        if formats.from_suffix(output) is not formats.UNKNOWN:
            raise OutputError(f"cannot write several pictures to '{output}'; give a folder, or end it with /")
    found: dict[str, tuple[Path, Path]] = {}
    for content in contents:
        for source, target in _targets(content, style_name, output, alone=len(contents) == 1):
            found.setdefault(os.path.abspath(source), (source, target))
    names = FreeNames()
    return [Job(source, names.near(target, source)) for source, target in found.values()]


@contextlib.contextmanager
def output_folders(jobs: Sequence[Job]) -> Iterator[None]:
    """Create the folders of the results; at the end remove new ones that are empty."""
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
    from restyle.images import formats

    if not os.path.isdir(content):
        yield Path(content), Path(output or "") / formats.result_name(content, style_name)
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
