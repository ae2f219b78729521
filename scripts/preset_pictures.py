"""Draws docs/pictures/presets.jpg: what practice gave the presets, for the model card.

    python -m scripts.preset_pictures docs/pictures/presets.jpg

A row a photo and kind of code, as the style encoder reads it and as it has practised; a column a preset. Run
it again when model or presets have changed.
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

import restyle
from scripts.readme_picture import labelled, row, stacked

PHOTOS = Path(__file__).parent.parent / "docs" / "photos"
PRESETS = (
    "starry-night", "great-wave", "scream", "the-kiss", "red-blue-yellow", "la-grande-jatte",
)  # fmt: skip
SIDE = 256  # px, of a cell


def main() -> None:
    stylizer = restyle.Stylizer()
    rows = []
    for photo in ("astronaut.jpg", "coffee.jpg"):
        with Image.open(PHOTOS / photo) as opened:
            content = ImageOps.fit(opened.convert("RGB"), (2 * SIDE, 2 * SIDE))
        for kind in ("as read", "practised"):
            cells = []
            for name in PRESETS:
                style = restyle.Style.from_preset(name)
                if kind == "as read":
                    style = restyle.Style(style.read, style.model, name)
                cells.append(labelled(stylizer(content, style), f"{name}, {kind}", SIDE))
            rows.append(row(cells))
    stacked(rows).save(sys.argv[1], quality=88)
    print(sys.argv[1])


if __name__ == "__main__":
    main()
