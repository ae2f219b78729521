"""`restyle image`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions, OptimizeOptions, PhotoOptions, SaveOptions

if TYPE_CHECKING:
    from restyle.methods.protocol import Step

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
        help="Apply another style where a mask is white: a grayscale image of the whole photo, at"
        " any size, or `alpha`, the photo's own alpha channel. STYLE `keep` leaves that part unchanged."
        " May be repeated. --style applies to the rest, which stays unchanged without it.",
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

    restyle image photos/ --style scream -o out/

    restyle image photo.jpg --style my-painting.jpg --method optimize --preview so-far.jpg

    restyle image photo.jpg --style great-wave --region person.png=keep --region sky.png=starry-night
    """
    from restyle.cli.batch import Batch, output_folders, plan
    from restyle.cli.terminal import Bar
    from restyle.files import STANDARD_STREAM
    from restyle.methods.regions import region_paths
    from restyle.methods.table import find
    from restyle.pipeline import encoding_scale
    from restyle.stylizer import Stylizer

    scale = encoding_scale(options, method.method)
    stylizer = Stylizer(engine.model, device=engine.device, threads=engine.threads)
    with Bar(label="starting"):
        encoded = (
            stylizer.regions(region, style, scale=scale, max_pixels=options.max_pixels)
            if region
            else stylizer.style(style, scale=scale)
        )
    jobs = plan(content, encoded.name, output)
    inputs = [*(style or []), *region_paths(region or [])]
    in_steps = find(method.method).steps
    with output_folders(jobs), Batch(len(jobs), "pictures") as batch, Bar(len(jobs)) as bar:
        for index, job in enumerate(jobs):
            name = job.source.name
            bar.at(index, name)

            def report(fraction: float, index: int = index) -> None:
                if not in_steps:
                    bar.at(index + fraction)

            def show(step: Step, index: int = index, name: str = name) -> None:
                label = f"{name} {replace(step, seconds_left=None)}"
                bar.at(index + step.number / step.total, label, step.seconds_left)

            with batch.each(job.source):
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
                )
                typer.echo(str(job.target), err=job.target == Path(STANDARD_STREAM))
