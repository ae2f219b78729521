"""Makes docs/pictures/readme.jpg with the very version that is installed: `scripts/docs --pictures`.

Above: content, style, result. Below: the same content in presets.

    python -m scripts.readme_picture docs/pictures/readme.jpg
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import restyle

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
CONTENT = PICTURES / "coffee.jpg"
STYLE = PICTURES / "strokes.jpg"
PRESETS = ("starry-night", "great-wave", "composition-viii", "the-kiss")
LARGE, SMALL, GAP, LABEL = 400, 297, 12, 30  # pixels


def labelled(picture: Image.Image, label: str, side: int) -> Image.Image:
    """A square picture of `side` with its label below."""
    cell = Image.new("RGB", (side, side + LABEL), "white")
    cell.paste(picture.resize((side, side), Image.Resampling.LANCZOS))
    font = ImageFont.load_default(17)
    ImageDraw.Draw(cell).text((side / 2, side + LABEL / 2), label, "black", font, anchor="mm")
    return cell


def row(cells: Sequence[Image.Image]) -> Image.Image:
    """Cells beside each other."""
    width = sum(cell.width for cell in cells) + GAP * (len(cells) - 1)
    made = Image.new("RGB", (width, cells[0].height), "white")
    left = 0
    for cell in cells:
        made.paste(cell, (left, 0))
        left += cell.width + GAP
    return made


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below each other."""
    made = Image.new("RGB", (rows[0].width, sum(each.height + GAP // 2 for each in rows)), "white")
    top = 0
    for each in rows:
        made.paste(each, (0, top))
        top += each.height + GAP // 2
    return made


def sheet() -> Image.Image:
    """The whole picture."""
    with Image.open(CONTENT) as opened:
        content = opened.convert("RGB")
    with Image.open(STYLE) as opened:
        style = opened.convert("RGB")
    result = restyle.image(content, style=restyle.Style.from_image(style))
    above = row(
        [
            labelled(content, "content", LARGE),
            labelled(style, "style", LARGE),
            labelled(result, "result", LARGE),
        ]
    )
    presets = [labelled(restyle.image(content, style=name), f"--style {name}", SMALL) for name in PRESETS]
    below = row(presets)
    made = Image.new("RGB", (max(above.width, below.width), above.height + below.height), "white")
    made.paste(above, ((made.width - above.width) // 2, 0))
    made.paste(below, ((made.width - below.width) // 2, above.height))
    return made


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]), quality=88)
