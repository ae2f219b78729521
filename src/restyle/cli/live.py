"""`restyle live`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions, ImageOptions
from restyle.options.video import LiveOptions

Camera: TypeAlias = Annotated[
    str,
    typer.Argument(help="Number or device of a camera, or a video that is played as one.", metavar="CAMERA"),
]
StyleFlag: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--style",
        "-s",
        metavar="STYLE[:WEIGHT]",
        help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight.",
    ),
]
OutputFlag: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DEVICE",
        help="A video file, or a virtual camera such as /dev/video9. Default: a window.",
    ),
]


@with_flags
def live(
    content: Camera = "0",
    *,
    style: StyleFlag,
    options: ImageOptions,
    live_options: LiveOptions,
    engine: EngineOptions,
    output: OutputFlag = None,
) -> None:
    """Stylize a camera in real time, in a window, to a file or to a virtual camera.

    Keys in the window: left and right change the style, w shows a wall of styles (1 to 9 choose), s saves a
    snapshot, r starts and stops a recording, q ends.

    restyle live --style great-wave

    restyle live 1 --style starry-night --mirror -o /dev/video9

    restyle live clip.mp4 --style my-painting.jpg --size 480 --seconds 30 -o art.mp4
    """
    from restyle.cli.terminal import Bar
    from restyle.models import arbitrary
    from restyle.models.session import set_spinning
    from restyle.style import resolve_all, styles
    from restyle.videos.live import show

    set_spinning(False)  # the camera, the window and the encoder need the processor, too
    method = arbitrary.load(engine.model, engine.device, engine.threads)
    chosen = resolve_all(style, model=method)
    others = styles(method) if output is None else []  # a window lets the user choose
    with Bar(label=f"camera {content}" if content.isdigit() else content) as bar:
        summary = show(
            content,
            chosen,
            method,
            options,
            live_options,
            output,
            others=others,
            watch=lambda shown, delay, size: bar.frames(shown, None),
            tell=lambda line: typer.echo(f"restyle: {line}", err=True),
        )
    typer.echo(str(output) if output is not None else str(summary))
    if output is not None:
        typer.echo(f"restyle: {summary}", err=True)
