"""`restyle audio`."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.batches import Batch
from restyle.cli.flags import with_flags
from restyle.options import AudioOptions


@with_flags
def audio(
    content: Annotated[
        list[str], typer.Argument(help="Sounds, or videos whose sound is taken.", metavar="CONTENT...")
    ],
    style: Annotated[
        list[str],
        typer.Option(
            "--style",
            "-s",
            metavar="STYLE[:WEIGHT]",
            help="A preset (rain, bees, brass, choir, eight-bit, vinyl, bells, strings, wind, fire, organ,"
            " harp) or a sound file. Several are mixed by weight.",
        ),
    ],
    options: AudioOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            help="Where to write; by default CONTENT-STYLE beside where you stand.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that exist. An input is never replaced.")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot", metavar="PNG", help="Also draw spectrograms of content, style and result side by side."
        ),
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            "--preview",
            metavar="FILE",
            help="Sound file that shows the texture method at work: the best so far of the seconds in hand,"
            " every two seconds.",
        ),
    ] = None,
) -> None:
    """Give sounds the style of others. Rate, channels, length and loudness stay those of the content.

    restyle audio speech.wav --style rain -o out.wav

    restyle audio song.flac --style choir --style bells:0.3 --keep-pitch 1 --remix 0.2

    restyle audio talk.mp3 --style brass.ogg --method texture --plot talk.png --preview now.wav
    """
    import dataclasses
    import os
    from contextlib import ExitStack
    from pathlib import Path

    from restyle.cli.previews import SoundPreview
    from restyle.cli.progress import Bar
    from restyle.errors import OptionError, OutputError
    from restyle.files import check_output, make_folder
    from restyle.sounds import api
    from restyle.sounds import styles as sound_styles

    several = len(content) > 1
    folder = output is not None and (output.endswith(("/", os.sep)) or Path(output).is_dir())
    if several and output is not None and not folder:
        raise OptionError(f"{len(content)} sounds cannot all be written to '{output}'; give a folder/")
    for flag, value in (("--plot", plot), ("--preview", preview)):
        if several and value is not None:
            raise OptionError(f"{flag} shows one sound; give one CONTENT")
    if plot is not None and Path(plot).suffix.lower() != ".png":
        raise OptionError(f"plot '{plot}' is not a .png")
    if plot is not None:
        check_output(plot, overwrite=overwrite, inputs=content)
    if preview is not None and preview in (plot, output):
        raise OptionError(f"'{preview}' cannot be the preview and a result; give another name")
    keywords = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    styles = sound_styles.parse_styles(style)
    targets: dict[Path, str] = {}
    with Batch(len(content), "sounds") as batch, Bar(len(content)) as bar, ExitStack() as stack:
        watch: SoundPreview | None = None
        if preview is not None:
            inputs = [*content, *map(str, sound_styles.style_paths(styles))]
            watch = stack.enter_context(SoundPreview(preview, overwrite=overwrite, inputs=inputs))
        for number, name in enumerate(content):
            bar.at(number, Path(name).name)
            with batch.each(name):
                target = Path(output) if output is not None else None
                if folder or target is None:
                    target = (target or Path()) / sound_styles.default_output(name, styles).name
                if target in targets:
                    raise OutputError(f"{name}: would be written to {target}, as is {targets[target]}")
                targets[target] = name
                if folder:
                    make_folder(target.parent)
                written = api.audio(
                    name,
                    styles,
                    output=target,
                    overwrite=overwrite,
                    report=lambda part, number=number: bar.at(number + part),  # type: ignore[misc]
                    preview=watch,
                    **keywords,
                )
                if plot is not None:
                    api.draw(name, styles, written, plot, overwrite=overwrite)
                typer.echo(str(written))
