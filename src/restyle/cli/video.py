"""`restyle video`."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.batches import Batch
from restyle.cli.flags import with_flags
from restyle.options import EngineOptions, ImageOptions, VideoOptions


@with_flags
def video(
    content: Annotated[
        list[str],
        typer.Argument(
            help="Videos, animated GIFs, and folders that hold the frames of one.", metavar="CONTENT"
        ),
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="[SECONDS:]STYLE[:WEIGHT]",
            help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight;"
            " those with a time hold at that time, with a blend in between. A network of `restyle train"
            " style` has its own, by name.",
        ),
    ] = None,
    options: ImageOptions,
    film: VideoOptions,
    engine: EngineOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            help="Where to write: .mp4, .m4v, .mov, .mkv, .webm, .gif, or a folder for frames as PNG; of"
            " several contents a folder for all. By default CONTENT-STYLE beside where you stand.",
        ),
    ] = None,
) -> None:
    """Give videos the style of pictures, steadily; sound, subtitles and time stamps are kept.

    restyle video clip.mp4 --style great-wave

    restyle video clip.mp4 --style 0:starry-night --style 4.5:great-wave -o art.mp4

    restyle video clip.mov --style my-painting.jpg --strength 0.7 --size 1280 --codec h265 -o art.mov
    """
    from pathlib import Path

    from restyle import film as films
    from restyle.cli.jobs import make_folder
    from restyle.cli.progress import Bar
    from restyle.cli.speed import Speed
    from restyle.errors import OutputError
    from restyle.moments import timed_styles

    several = len(content) > 1
    if several and output is not None and not films.is_folder(output):
        raise OutputError(f"cannot write several videos to '{output}'; give a folder, or end it with /")
    method = films.method_for(engine)
    with Bar(1, "starting"):
        styles = timed_styles(style, method, options.style_scale)
    targets: dict[Path, str] = {}
    with Batch(len(content), "videos") as batch:
        for name in content:
            with batch.each(name):
                target = Path(output or films.default_output(name, styles))
                place: str | Path = target
                if several and output is not None:
                    make_folder(Path(output))
                    place = target = Path(output) / films.default_output(name, styles)
                elif output is not None:
                    place = output  # as it was typed: a slash at its end says folder
                if target in targets:
                    raise OutputError(f"{name}: would be written to {target}, as is {targets[target]}")
                targets[target] = name
                with Speed(Path(name).name) as speed:
                    written = films.make(
                        name,
                        styles,
                        place,
                        method,
                        options,
                        film,
                        inputs=style or [],
                        watch=speed.at,
                        tell=speed.say,
                    )
                typer.echo(str(written))
