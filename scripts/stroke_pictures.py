"""Draws docs/pictures/stroke-sizes.jpg: what `--style-scale` does, for docs/architecture.md.

    python -m scripts.stroke_pictures docs/pictures/stroke-sizes.jpg

A row a photo and its preset, a column a scale. Run it again when the model has changed.
"""

import sys
from pathlib import Path

from PIL import Image

import restyle
from scripts.readme_picture import labelled, row, stacked

PHOTOS = Path(__file__).parent.parent / "docs" / "photos"
SHOWN = (("astronaut.jpg", "great-wave"), ("coffee.jpg", "starry-night"))
SCALES = (0.5, 1.0, 2.0, 4.0)
SIDE = 360  # px, of a cell


def main() -> None:
    rows = []
    for photo, style in SHOWN:
        with Image.open(PHOTOS / photo) as opened:
            content = opened.convert("RGB")
        cells = []
        for scale in SCALES:
            painted = restyle.image(content, style=style, style_scale=scale)
            cells.append(labelled(painted, f"--style-scale {scale:g}", SIDE))
        rows.append(row(cells))
    stacked(rows).save(sys.argv[1], quality=88)
    print(sys.argv[1])


if __name__ == "__main__":
    main()
