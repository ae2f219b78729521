"""`restyle styles`: the presets as a table and as a contact sheet; `restyle styles save`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from restyle.cli.flags import BareValues, with_flags
from restyle.options import EngineOptions, SaveOptions

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
@with_flags
def styles(
    context: typer.Context,
    engine: EngineOptions,
    saving: SaveOptions,
    sheet: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a contact sheet of all presets.")
    ] = None,
    content: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="The photo on the sheet; a drawn scene if not given.")
    ] = None,
) -> None:
    """List the preset styles: name, title, artist, year.

    restyle styles

    restyle styles --sheet styles.jpg --content photo.jpg

    restyle styles save my-painting.jpg -o my.style
    """
    if context.invoked_subcommand is not None:
        return
    from restyle.cli.table import table
    from restyle.errors import OptionError
    from restyle.models import arbitrary
    from restyle.style import styles as presets

    if content is not None and sheet is None:
        raise OptionError("content is the photo of a contact sheet; give --sheet FILE as well")
    model = arbitrary.load(engine.model, engine.device, engine.threads)
    found = presets(model)
    if sheet is None:
        rows = [[each.name, each.title, each.artist, each.year] for each in found]
        typer.echo(table(["name", "title", "artist", "year"], rows))
        return
    from restyle.cli.contact_sheet import contact_sheet, scene
    from restyle.cli.progress import Bar
    from restyle.files import check_output
    from restyle.images import formats, picture

    inputs = [] if content is None else [content]
    formats.output_format(sheet)
    check_output(sheet, overwrite=saving.overwrite, inputs=inputs)
    pixels = scene() if content is None else picture.load_image(content).pixels
    with Bar(1, "contact sheet") as bar:
        drawn = picture.from_pil(contact_sheet(pixels, found, model, bar.at))
    picture.save_image(drawn, sheet, quality=saving.quality, overwrite=saving.overwrite, inputs=inputs)
    typer.echo(sheet)


@app.command(cls=BareValues)
@with_flags
def save(
    style: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE[:WEIGHT]...", help="A picture, a preset, or a saved style; several are mixed."
        ),
    ],
    engine: EngineOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; by default NAME.style where you stand."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its name; by default the file's.")] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Title of the artwork.")] = "",
    artist: Annotated[str, typer.Option(metavar="TEXT", help="Who made it.")] = "",
    year: Annotated[str, typer.Option(metavar="TEXT", help="When.")] = "",
    style_scale: Annotated[float, typer.Option(help="Read the style so much larger. [0.25 to 4]")] = 1.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Save an encoded style as a file of a few kB, to use as --style."""
    from restyle.files import check_output
    from restyle.models import arbitrary
    from restyle.models.style_files import SUFFIX, slug, split_weight
    from restyle.style import resolve_all

    made = resolve_all(
        style, model=arbitrary.load(engine.model, engine.device, engine.threads), scale=style_scale
    )
    default = Path(output).stem if output is not None else made.name
    made = replace(
        made,
        name=slug(name or default) or made.name,
        title=title or made.title,
        artist=artist or made.artist,
        year=year or made.year,
    )
    target = output if output is not None else f"{made.name}{SUFFIX}"
    inputs = [split_weight(each)[0] for each in style]
    check_output(target, overwrite=overwrite, inputs=inputs)
    typer.echo(str(made.save(target, overwrite=overwrite)))
