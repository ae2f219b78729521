"""`restyle compare`: distances of styles as a table, files and charts."""

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
            metavar="STYLE...", help="Pictures, presets, saved styles, folders of these; or sounds."
        ),
    ],
    engine: EngineOptions,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="style, cosine, euclidean, gram, moments, wasserstein, palette, histogram; of one layer as"
            " gram:relu3_1; for sounds mfcc, mcdermott. Default: all for up to four styles; for more, style"
            " (pictures), cosine (if one is a preset or saved style) or mfcc (sounds).",
        ),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Also print each layer of the encoder.")] = False,
    nearest: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="List the N styles nearest to the one given.")
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="STYLE|FOLDER", help="Where to search. Default: the presets."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="A .csv or .json file; or a folder for both, a heat map, a tree and a map (extra plots)."
            " Default for folders: FOLDER-compared.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
) -> None:
    """Measure how similar styles are: 0 is identical, smaller is more similar.

    restyle compare a.jpg b.jpg

    restyle compare paintings/ -o compared/

    restyle compare photo.jpg --nearest 5 --in styles/
    """
    from restyle.cli import comparison_run
    from restyle.models import arbitrary

    model = arbitrary.load(engine.model, engine.device, engine.threads)
    comparison_run.run(
        comparison_run.Request(sources, metric, layers, nearest, within, output, overwrite), model
    )
