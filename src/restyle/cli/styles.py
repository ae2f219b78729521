"""`restyle styles`: the presets as a table and as a contact sheet; `restyle styles save`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from restyle.cli.app import BareValues, flag, with_flags
from restyle.cli.terminal import Bar, table
from restyle.errors import OptionError
from restyle.files import check_output, name_part
from restyle.options import EngineOptions, SaveOptions

if TYPE_CHECKING:
    from PIL import Image

    from restyle.models.arbitrary import Arbitrary
    from restyle.style import Style
    from restyle.types import FloatArray, Report

CELL = 384  # px, longest side of a picture on the contact sheet

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
@with_flags
def styles(
    context: typer.Context,
    *,
    engine: EngineOptions,
    saving: SaveOptions,
    sheet: str | None = typer.Option(None, metavar="FILE", help="Write a contact sheet of all presets."),
    content: str | None = typer.Option(
        None, metavar="PHOTO", help="Photo for the sheet. Default: a sample photo."
    ),
) -> None:
    """List the preset styles of pictures and of sounds, and the looks of photos.

    restyle styles

    restyle styles --sheet styles.jpg --content photo.jpg

    restyle styles save my-painting.jpg -o my.style
    """
    if context.invoked_subcommand is not None:
        return
    from restyle.images.looks import LOOKS
    from restyle.models import arbitrary
    from restyle.sounds.sources import FOLDER
    from restyle.sounds.sources import PRESETS as SOUNDS
    from restyle.style import styles as presets

    if content is not None and sheet is None:
        raise OptionError("content is the photo of a contact sheet; give --sheet FILE as well")
    model = arbitrary.load(engine.model, engine.device, engine.threads)
    found = presets(model)
    if sheet is None:
        rows = [[each.name, each.title, each.artist, each.year] for each in found]
        typer.echo(table(["name", "title", "artist", "year"], rows))
        looks = [[each.name, each.title] for each in LOOKS.values()]
        typer.echo("\n" + table(["look (--look)", "description"], looks))
        typer.echo("\n" + table(["sound", "description"], [*SOUNDS.items()]))
        typer.echo(f"\nto hear the sounds, play the files NAME.ogg in {FOLDER}")
        return
    from restyle.images import formats, picture
    from restyle.images.figures import sample_photo

    inputs = [] if content is None else [content]
    formats.output_format(sheet)
    check_output(sheet, overwrite=saving.overwrite, inputs=inputs)
    pixels = sample_photo() if content is None else picture.load_image(content).pixels
    with Bar(label="contact sheet") as bar:
        page = picture.from_pil(contact_sheet(pixels, found, model, bar.at))
    picture.save_image(page, sheet, quality=saving.quality, overwrite=saving.overwrite, inputs=inputs)
    typer.echo(sheet)


def contact_sheet(
    content: FloatArray, styles: Sequence[Style], model: Arbitrary, report: Report
) -> Image.Image:
    """Stylize a photo in every style and lay out the photo and the results with their names, in RGB.

    `content` is an array [shape=(H, W, 3), float32, range 0..1, RGB]; `report` gets the fraction done, 0..1.
    """
    import numpy as np
    from PIL import Image

    from restyle.images.figures import TEXT, sheet
    from restyle.images.resize import fit_size, resize
    from restyle.types import from_unit

    height, width = fit_size(content.shape[:2], long=CELL)
    small = resize(content, (height, width))
    pictures: list[Image.Image | None] = [Image.fromarray(from_unit(small, np.uint8))]
    captions = ["content\n\n"]
    for index, style in enumerate(styles, 1):
        pictures.append(Image.fromarray(from_unit(model.paint(small, style.code), np.uint8)))
        captions.append(f"{style.name}\n{style.title}\n{', '.join(filter(None, [style.artist, style.year]))}")
        report(index / len(styles))
    count = len(pictures)
    wide = math.ceil(math.sqrt(count * (height + 4 * TEXT) / width * 1.4))
    columns = min(range(max(1, wide - 2), wide + 2), key=lambda n: (-count % n, abs(n - wide)))
    starts = range(0, count, columns)
    return sheet(
        [pictures[start : start + columns] for start in starts],
        [captions[start : start + columns] for start in starts],
    )


STYLE = typer.Argument(
    metavar="STYLE[:WEIGHT]...", help="A picture, a preset, or a saved style; several are mixed."
)


@app.command(cls=BareValues)
@with_flags
def save(
    *,
    style: list[str] = STYLE,
    engine: EngineOptions,
    output: str | None = flag(
        None, "--output -o", "FILE", "Output path. Default: NAME.style in the current folder."
    ),
    name: str | None = typer.Option(
        None, metavar="NAME", help="Name of the style. Default: that of the file."
    ),
    title: str = typer.Option("", metavar="TEXT", help="Title of the artwork."),
    artist: str = typer.Option("", metavar="TEXT", help="Artist."),
    year: str = typer.Option("", metavar="TEXT", help="Year of the artwork."),
    style_scale: float = typer.Option(1.0, help="Encode the style at this scale. [0.25 to 4]"),
    picture: bool = typer.Option(
        True,
        "--picture/--no-picture",
        help="Store the image, too, which --method paint needs: some 200 kB instead of a few.",
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the file if it exists."),
) -> None:
    """Save a style as a file, with its code and its image, to use as --style."""
    from restyle.models import arbitrary
    from restyle.models.style_files import SUFFIX, slug, split_weight
    from restyle.style import resolve_all

    model = arbitrary.load(engine.model, engine.device, engine.threads)
    encoded = resolve_all(style, model=model, scale=style_scale)
    default = Path(output).stem if output is not None else encoded.name
    encoded = replace(
        encoded,
        name=slug(name or default) or encoded.name,
        title=title or encoded.title,
        artist=artist or encoded.artist,
        year=year or encoded.year,
    )
    target = output if output is not None else f"{name_part(encoded.name)}{SUFFIX}"
    check_output(target, overwrite=overwrite, inputs=[split_weight(each)[0] for each in style])
    typer.echo(str(encoded.save(target, overwrite=overwrite, picture=picture)))
    if picture and not encoded.has_picture:
        typer.echo("restyle: the image of the style is not known, so the file is for --method fast", err=True)
