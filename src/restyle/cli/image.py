"""`restyle image`."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from restyle.cli.batches import Batch
from restyle.cli.flags import with_flags
from restyle.options import EngineOptions, OptimizeOptions, PhotoOptions, SaveOptions


@with_flags
def image(
    content: Annotated[
        list[str], typer.Argument(help="Pictures, and folders of pictures.", metavar="CONTENT...")
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="STYLE[:WEIGHT]",
            help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight."
            " A network of `restyle train style` has its own, by name.",
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            "-r",
            metavar="MASK=STYLE[:WEIGHT]",
            help="Apply another style where a mask is white: a grayscale image of the whole photo, at"
            " any size, or `alpha`, the photo's own alpha channel. STYLE `keep` leaves that part unchanged."
            " May be repeated. --style applies to the rest, which stays unchanged without it.",
        ),
    ] = None,
    options: PhotoOptions,
    saving: SaveOptions,
    engine: EngineOptions,
    finest: OptimizeOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            help="Output path. Default: CONTENT-STYLE in the current folder.",
        ),
    ] = None,
) -> None:
    """Give pictures the style of others.

    restyle image photo.jpg --style starry-night

    restyle image photo.jpg --style my-painting.jpg --style great-wave:0.4 --strength 0.8 --keep-colors

    restyle image photos/ --style scream -o out/

    restyle image photo.jpg --style my-painting.jpg --method optimize --preview so-far.jpg

    restyle image photo.jpg --style great-wave --region person.png=keep --region sky.png=starry-night
    """
    from restyle.cli.jobs import make_folders, plan
    from restyle.cli.progress import Bar
    from restyle.methods.regions import region_paths
    from restyle.methods.table import find
    from restyle.pipeline import encoding_scale
    from restyle.stylizer import Stylizer

    scale = encoding_scale(options, finest.method)
    stylizer = Stylizer(engine.model, device=engine.device, threads=engine.threads)
    with Bar(1, "starting") as bar:
        made = (
            stylizer.regions(region, style, scale=scale, max_pixels=options.max_pixels)
            if region
            else stylizer.style(style, scale=scale)
        )
    jobs = plan(content, made.name, output)
    new_folders = make_folders(jobs)
    try:
        with Batch(len(jobs), "pictures") as batch, Bar(len(jobs)) as bar:
            for index, job in enumerate(jobs):
                bar.at(index, job.source.name)
                with batch.each(job.source):
                    stylizer.write(
                        job.source,
                        made,
                        job.target,
                        options,
                        saving,
                        finest,
                        inputs=[*(style or []), *region_paths(region or [])],
                        report=lambda part, index=index: bar.at(index + part),  # type: ignore[misc]
                        callback=(
                            (lambda step, name=job.source.name: bar.label_as(f"{name} {step}"))  # type: ignore[misc]
                            if find(finest.method).steps
                            else None
                        ),
                    )
                    typer.echo(str(job.target))
    finally:
        for folder in new_folders:
            with contextlib.suppress(OSError):  # not empty: results are in it
                folder.rmdir()
