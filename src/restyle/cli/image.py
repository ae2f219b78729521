"""`restyle image`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EFFORTS, EngineOptions, OptimizeOptions, PhotoOptions, SaveOptions, parse_size

if TYPE_CHECKING:
    from restyle.methods.protocol import Step
    from restyle.methods.regions import Regions
    from restyle.style import Style

LONG = 60.0  # seconds; a folder that takes less is not announced

Contents = Annotated[
    list[str],
    typer.Argument(help="Pictures, folders of pictures, or `-`: standard input.", metavar="CONTENT..."),
]
Styles = Annotated[
    list[str] | None,
    typer.Option(
        "--style",
        "-s",
        metavar="STYLE[:WEIGHT]",
        help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight."
        " A network of `restyle train style` has its own, by name.",
    ),
]
RegionStyles = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        "-r",
        metavar="MASK=STYLE[:WEIGHT]",
        help="Give a part of the photo another style, or `keep` it unchanged. MASK is a grayscale image of"
        " the whole photo at any size, white where STYLE applies; `alpha`, the photo's alpha channel;"
        " `sky`; or `box:LEFT,TOP,WIDTH,HEIGHT`, in pixels or percent, for what stands out in that"
        " rectangle (extra flow). Repeatable. --style applies to the rest; without it, the rest stays"
        " unchanged.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER/",
        help="Output path, or `-`: PNG to standard output. Default: CONTENT-STYLE in the current folder.",
    ),
]


@with_flags
def image(
    content: Contents,
    *,
    style: Styles = None,
    region: RegionStyles = None,
    options: PhotoOptions,
    saving: SaveOptions,
    engine: EngineOptions,
    method: OptimizeOptions,
    output: Output = None,
) -> None:
    """Give pictures the style of others.

    restyle image photo.jpg --style starry-night

    restyle image photo.jpg --style my-painting.jpg --style great-wave:0.4 --strength 0.8 --keep-colors

    restyle image photos/ --style scream --method fast -o out/

    restyle image photo.jpg --style evening.jpg --method photo

    restyle image photo.jpg --style great-wave --region person.png=keep --region sky.png=starry-night
    """
    from restyle.cli.several_files import SeveralFiles, output_folders, plan
    from restyle.cli.terminal import Bar, print_path
    from restyle.files import STANDARD_STREAM
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
        for index, job in enumerate(jobs):
            name, began = job.source.name, time.monotonic()
            bar.at(index, name)

            def report(fraction: float, index: int = index) -> None:
                if not in_steps:
                    bar.at(index + fraction)

            def show(step: Step, index: int = index, name: str = name, began: float = began) -> None:
                # The last steps are the slowest, so time counts where it is known.
                spent, left = time.monotonic() - began, step.seconds_left
                part = step.number / step.total if left is None else spent / max(spent + left, 1e-6)
                bar.at(index + part, f"{name} {replace(step, seconds_left=None)}")

            with files.each(job.source):
                stylizer.write(
                    job.source,
                    encoded,
                    job.target,
                    options,
                    saving,
                    method,
                    inputs=inputs,
                    report=report,
                    callback=show if in_steps else None,
                    table_for=table_for,
                )
                print_path(job.target, err=job.target == Path(STANDARD_STREAM))


def estimate(count: int, options: PhotoOptions, method: OptimizeOptions, threads: int | None) -> str:
    """Say how long a folder takes, and how long by the fastest method; empty if that is not long.

    Photos are taken to have 12 megapixels.
    """
    from restyle.cli.terminal import time_left
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
