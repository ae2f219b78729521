"""Make docs/pictures/paint.jpg: photo, artwork, the fast network and `paint`, for docs/paint.md.

python -m scripts.paint_pictures docs/pictures/paint.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

import restyle
from restyle.models.catalog import DEFAULT, find
from restyle.models.presets import preset_artwork, preset_files

PHOTOS = Path(__file__).parent.parent / "docs" / "photos"
ROWS = (("coffee", "starry-night"), ("astronaut", "scream"), ("chelsea", "great-wave"))
HEIGHT, GAP = 300, 4  # px


def sheet() -> Image.Image:
    strips = []
    files = preset_files(find(DEFAULT))
    for photo, name in ROWS:
        content = Image.open(PHOTOS / f"{photo}.jpg").convert("RGB")
        artwork = preset_artwork(files[name])
        assert artwork is not None
        style = ImageOps.fit(Image.open(artwork).convert("RGB"), (HEIGHT, HEIGHT))
        results = [restyle.image(content, name, method=method) for method in ("fast", "paint")]
        square = (HEIGHT, HEIGHT)
        strips.append([ImageOps.fit(content, square), style, *(ImageOps.fit(r, square) for r in results)])
    width = (HEIGHT + GAP) * 4 - GAP
    page = Image.new("RGB", (width, (HEIGHT + GAP) * len(strips) - GAP), "white")
    for row, strip in enumerate(strips):
        for column, image in enumerate(strip):
            page.paste(image, (column * (HEIGHT + GAP), row * (HEIGHT + GAP)))
    return page


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]), quality=88)
