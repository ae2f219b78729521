"""Draw the pictures of docs/photo.md.

    python -m scripts.photo_pictures docs

`pictures/photo.jpg`: photos, the picture whose look they take, and results at strength 1 and 1.5.
`pictures/looks.jpg`: every look of `--look` on a photo. Run it again when the method or a look has changed.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import restyle
from restyle.images.looks import LOOKS
from restyle.models import catalog
from restyle.models.style_files import preset_artwork, preset_files
from scripts.sheet import column, row, scaled_to_width

WIDTH = 1280
GAP = 6
SIDE = 320
PAIRS = (("astronaut", "coffee"), ("coffee", "cafe-terrace"), ("chelsea", "water-lilies"))


def pairs(docs: Path) -> Image.Image:
    """Return rows of photo, style, result, and the result at strength 1.5."""
    stylizer = restyle.Stylizer()
    rows = []
    for name, source in PAIRS:
        photo = Image.open(docs / "photos" / f"{name}.jpg").convert("RGB")
        style = Image.open(_picture(docs, source)).convert("RGB")
        results = [stylizer(photo, style, method="photo", strength=strength) for strength in (1.0, 1.5)]
        rows.append(row(scaled_to_width([photo, style, *results], WIDTH, GAP), GAP))
    return column(rows, GAP)


def looks(docs: Path) -> Image.Image:
    """Return the looks in four rows, in the order of `restyle styles`."""
    photo = Image.open(docs / "photos" / "astronaut.jpg").convert("RGB").resize((SIDE, SIDE))
    stylizer = restyle.Stylizer()
    cells = [_named(stylizer(photo, look=name), name) for name in LOOKS]
    return column([row(cells[start : start + 4], GAP) for start in range(0, len(cells), 4)], GAP)


def _named(picture: Image.Image, name: str) -> Image.Image:
    cell = Image.fromarray(np.pad(np.asarray(picture), ((0, 26), (0, 0), (0, 0)), constant_values=255))
    ImageDraw.Draw(cell).text((4, SIDE + 4), name, fill=(0, 0, 0), font=ImageFont.load_default(16))
    return cell


def _picture(docs: Path, name: str) -> Path:
    photo = docs / "photos" / f"{name}.jpg"
    if photo.exists():
        return photo
    artwork = preset_artwork(preset_files(catalog.find(catalog.DEFAULT))[name])
    assert artwork is not None
    return artwork


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    pairs(docs).save(docs / "pictures" / "photo.jpg", quality=88, optimize=True)
    looks(docs).save(docs / "pictures" / "looks.jpg", quality=86, optimize=True)
