"""`restyle audio`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from restyle.cli.batches import Batch
from restyle.cli.flags import with_flags
from restyle.options import AudioOptions


@with_flags
def audio(
    content: Annotated[
        list[str], typer.Argument(help="Sound files, or videos whose sound is used.", metavar="CONTENT...")
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
            help="Output path. Default: CONTENT-STYLE in the current folder.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing results. An input is never replaced.")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot",
            metavar="PNG",
            help="Also write the spectrograms of content, style and result (needs the extra plots).",
        ),
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            "--preview",
            metavar="FILE",
            help="Sound file with the texture method's best result so far of the current window, updated"
            " every two seconds.",
        ),
    ] = None,
) -> None:
    """Give sounds the style of others. Rate, channels, length and loudness stay those of the content.

    restyle audio speech.wav --style rain -o out.wav

    restyle audio song.flac --style choir --style bells:0.3 --keep-pitch 1 --remix 0.2

    restyle audio talk.mp3 --style brass.ogg --method texture --plot talk.png --preview now.wav
    """
    from contextlib import ExitStack
    from dataclasses import asdict

    from restyle.cli.previews import SoundPreview
    from restyle.cli.progress import Bar
    from restyle.files import make_folder
    from restyle.sounds import api
    from restyle.sounds.plot import plot_spectrograms
    from restyle.sounds.styles import parse_styles, style_paths

    _check_paths(content, output, overwrite, plot, preview)
    styles = parse_styles(style)
    with Batch(len(content), "sounds") as batch, Bar(len(content)) as bar, ExitStack() as stack:
        watch: SoundPreview | None = None
        if preview is not None:
            inputs = [*content, *map(str, style_paths(styles))]
            watch = stack.enter_context(SoundPreview(preview, overwrite=overwrite, inputs=inputs))
        targets: dict[Path, str] = {}
        for number, name in enumerate(content):
            bar.at(number, Path(name).name)
            with batch.each(name):
                target = _target(name, styles, output, targets)
                if _is_folder(output):
                    make_folder(target.parent)
                written = api.audio(
                    name,
                    styles,
                    output=target,
                    overwrite=overwrite,
                    report=lambda part, number=number: bar.at(number + part),  # type: ignore[misc]
                    preview=watch,
                    **asdict(options),
                )
                if plot is not None:
                    plot_spectrograms(name, styles, written, plot, overwrite=overwrite)
                typer.echo(str(written))


def _check_paths(
    content: list[str], output: str | None, overwrite: bool, plot: str | None, preview: str | None
) -> None:
    """Refuse paths that cannot be used before any work is done."""
    from restyle.errors import OptionError, require
    from restyle.files import check_output

    if len(content) > 1 and output is not None and not _is_folder(output):
        raise OptionError(f"cannot write {len(content)} sounds to '{output}'; give a folder/")
    for flag, value in (("--plot", plot), ("--preview", preview)):
        if len(content) > 1 and value is not None:
            raise OptionError(f"{flag} '{value}' works with one sound; give one CONTENT")
    if plot is not None:
        require("--plot", "plots", "matplotlib")
        if Path(plot).suffix.lower() != ".png":
            raise OptionError(f"plot '{plot}' is not a .png")
        check_output(plot, overwrite=overwrite, inputs=content)
    if preview is not None and preview in (plot, output):
        raise OptionError(f"'{preview}' cannot be both the preview and a result; choose another name")


def _target(
    name: str, styles: Sequence[tuple[Any, float]], output: str | None, targets: dict[Path, str]
) -> Path:
    """Return the path of a result; two results never share one."""
    from restyle.errors import OutputError
    from restyle.sounds.styles import default_output

    if output is None or _is_folder(output):
        target = Path(output or "") / default_output(name, styles)
    else:
        target = Path(output)
    if target in targets:
        raise OutputError(f"{name}: would be written to {target}, as is {targets[target]}")
    targets[target] = name
    return target


def _is_folder(output: str | None) -> bool:
    return output is not None and (output.endswith(("/", os.sep)) or Path(output).is_dir())
