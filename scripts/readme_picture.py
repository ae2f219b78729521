"""Make docs/pictures/readme.jpg with the installed version: `scripts/docs --pictures`.

Top row: photo, artwork, result. Bottom row: the same photo in presets. Nothing is stretched.

    python -m scripts.readme_picture docs/pictures/readme.jpg
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import restyle

DOCS = Path(__file__).parent.parent / "docs"
CONTENT = DOCS / "photos" / "coffee.jpg"
STYLE = DOCS / "pictures" / "strokes.jpg"
PRESETS: tuple[str, ...] = ("starry-night", "great-wave", "composition-viii", "the-kiss")
WIDTH, GAP, LABEL = 1260, 12, 30  # px


def captioned(image: Image.Image, caption: str, height: int) -> Image.Image:
    """An image scaled to `height`, aspect kept, with its caption below."""
    scaled = image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (scaled.width, height + LABEL), "white")
    cell.paste(scaled)
    font = ImageFont.load_default(17)
    ImageDraw.Draw(cell).text((cell.width / 2, height + LABEL / 2), caption, "black", font, anchor="mm")
    return cell


def labelled(image: Image.Image, label: str, side: int) -> Image.Image:
    """A square cell of `side` with an image, aspect kept, and its label below."""
    cell = Image.new("RGB", (side, side + LABEL), "white")
    inside = ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS)
    cell.paste(inside, ((side - inside.width) // 2, (side - inside.height) // 2))
    font = ImageFont.load_default(17)
    ImageDraw.Draw(cell).text((side / 2, side + LABEL / 2), label, "black", font, anchor="mm")
    return cell


def row(cells: Sequence[Image.Image]) -> Image.Image:
    """Cells side by side."""
    width = sum(cell.width for cell in cells) + GAP * (len(cells) - 1)
    strip = Image.new("RGB", (width, cells[0].height), "white")
    left = 0
    for cell in cells:
        strip.paste(cell, (left, 0))
        left += cell.width + GAP
    return strip


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below each other."""
    page = Image.new("RGB", (rows[0].width, sum(each.height + GAP // 2 for each in rows)), "white")
    top = 0
    for each in rows:
        page.paste(each, (0, top))
        top += each.height + GAP // 2
    return page


def filled_row(images: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    """Captioned images side by side at the height at which they fill the width."""
    aspects = sum(image.width / image.height for image, _ in images)
    height = int((WIDTH - GAP * (len(images) - 1)) / aspects)
    return row([captioned(image, caption, height) for image, caption in images])


def sheet() -> Image.Image:
    photo, style = (Image.open(path).convert("RGB") for path in (CONTENT, STYLE))
    result = restyle.image(photo, style=restyle.Style.from_image(style))
    top = filled_row([(photo, "photo"), (style, "artwork"), (result, "result")])
    bottom = filled_row([(restyle.image(photo, style=name), f"--style {name}") for name in PRESETS])
    page = Image.new("RGB", (top.width, top.height + GAP + bottom.height), "white")
    page.paste(top)
    page.paste(bottom, (0, top.height + GAP))
    return page


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]), quality=88)
