"""`restyle compare`: how alike styles are, as a table, files and pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions


@with_flags
def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...", help="Pictures, presets, saved styles, folders of them; or sounds."
        ),
    ],
    engine: EngineOptions,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="style, cosine, euclidean, gram, moments, wasserstein, palette, histogram; of one layer as"
            " gram:relu3_1; for sounds mfcc, mcdermott. By default all of two styles; of more, style"
            " (pictures), cosine (if a preset or saved style takes part) or mfcc (sounds).",
        ),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Every layer of the encoder by itself.")] = False,
    nearest: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The N styles that are nearest to the one given.")
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="STYLE|FOLDER", help="Where to look for them; by default the presets."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="A .csv or .json file; or a folder for these, heat map, tree and map."
            " By default FOLDER-compared when a folder is compared.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
) -> None:
    """Tell how alike styles are: 0 for the same, larger the less alike.

    restyle compare a.jpg b.jpg

    restyle compare paintings/ -o compared/

    restyle compare photo.jpg --nearest 5 --in styles/
    """
    from restyle.cli import comparison_run
    from restyle.models import arbitrary

    model = arbitrary.load(engine.model, engine.device, engine.threads)
    comparison_run.run(
        comparison_run.Wish(sources, metric, layers, nearest, within, output, overwrite), model
    )
