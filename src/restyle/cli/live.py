"""`restyle live`."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions, ImageOptions
from restyle.options.video import LiveOptions


@with_flags
def live(
    content: Annotated[
        str,
        typer.Argument(
            help="Number or device of a camera, or a video that is played as one.", metavar="CAMERA"
        ),
    ] = "0",
    *,
    style: Annotated[
        list[str],
        typer.Option(
            "--style",
            "-s",
            metavar="STYLE[:WEIGHT]",
            help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight.",
        ),
    ],
    options: ImageOptions,
    pace: LiveOptions,
    engine: EngineOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DEVICE",
            help="A video file, or a virtual camera such as /dev/video9; by default a window.",
        ),
    ] = None,
) -> None:
    """Paint a camera while it runs, in a window, to a file or to a virtual camera.

    restyle live --style great-wave

    restyle live 1 --style starry-night --mirror -o /dev/video9

    restyle live clip.mp4 --style my-painting.jpg --size 480 --seconds 30 -o painted.mp4
    """
    from restyle.cli.terminal import Bar
    from restyle.models import arbitrary
    from restyle.style import resolve_all
    from restyle.videos.live import show

    method = arbitrary.load(engine.model, engine.device, engine.threads)
    made = resolve_all(style, model=method)
    with Bar(label=f"camera {content}" if content.isdigit() else content) as bar:
        summary = show(
            content,
            made,
            method,
            options,
            pace,
            output,
            watch=lambda shown, delay, size: bar.frames(shown, None),
        )
    typer.echo(str(output) if output is not None else str(summary))
    if output is not None:
        typer.echo(f"restyle: {summary}", err=True)
