"""Draw the masks of the docs, and the picture of docs/regions.md.

    python -m scripts.region_pictures docs

Masks are outlines traced by hand, white inside: `masks/astronaut.png` (the astronaut and her helmet) and
`masks/coffee.png` (cup and saucer). docs/regions.md explains the rows of `pictures/regions.jpg`. Run it again
when the model has changed.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import restyle
from scripts.sheet import column, row, scaled_to_width

SIDE = 320  # height of the picture's cells, px
GAP = 6
EDGE = (330, 60, 570, 220)  # part of coffee.jpg that shows the border between regions
OVERSAMPLING = 4  # masks are drawn larger and reduced, for smooth edges

# Outline in pixels of astronaut.jpg, 512 x 512, from the lower left, clockwise.
ASTRONAUT = (
    (30, 512), (23, 413), (27, 360), (40, 300), (57, 260), (87, 233), (113, 207), (115, 190), (125, 172),
    (143, 157), (163, 150), (181, 148), (179, 131), (167, 117), (157, 100), (153, 77), (160, 57), (180, 37),
    (207, 21), (233, 16), (260, 20), (280, 33), (295, 57), (300, 80), (297, 107), (283, 130), (270, 137),
    (257, 171), (273, 183), (293, 207), (304, 238), (333, 257), (350, 280), (360, 313), (363, 347),
    (387, 343), (427, 350), (460, 370), (480, 397), (493, 427), (497, 457), (510, 467), (512, 512),
)  # fmt: skip
# Ellipses in pixels of coffee.jpg, 600 x 400: the saucer and the cup; and the handle of the spoon.
SAUCER, CUP = (76, 47, 480, 390), (172, 16, 410, 210)
SPOON = ((395, 78), (404, 66), (420, 68), (424, 82), (412, 130), (398, 132))


def draw_masks(folder: Path) -> tuple[Path, Path]:
    """Write both masks; return their paths."""
    folder.mkdir(exist_ok=True)
    person, draw = canvas((512, 512))
    draw.polygon([(OVERSAMPLING * x, OVERSAMPLING * y) for x, y in ASTRONAUT], fill=255)
    cup, draw = canvas((600, 400))
    for box in (SAUCER, CUP):
        draw.ellipse([OVERSAMPLING * each for each in box], fill=255)
    draw.polygon([(OVERSAMPLING * x, OVERSAMPLING * y) for x, y in SPOON], fill=255)
    paths = folder / "astronaut.png", folder / "coffee.png"
    for path, drawn in zip(paths, (person, cup), strict=True):
        size = drawn.width // OVERSAMPLING, drawn.height // OVERSAMPLING
        drawn.resize(size, Image.Resampling.BOX).save(path, optimize=True)
    return paths


def canvas(size: tuple[int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a black image, enlarged by `OVERSAMPLING`, and its pen."""
    image = Image.new("L", (OVERSAMPLING * size[0], OVERSAMPLING * size[1]))
    return image, ImageDraw.Draw(image)


def cells(docs: Path) -> list[list[Image.Image]]:
    """Return the cells of the picture, row by row."""
    person, cup = draw_masks(docs / "masks")
    photos = docs / "photos"
    astronaut = Image.open(photos / "astronaut.jpg").convert("RGB")
    coffee = Image.open(photos / "coffee.jpg").convert("RGB")
    cut_out = astronaut.copy()
    cut_out.putalpha(Image.open(person))
    stylizer = restyle.Stylizer()
    return [
        [
            astronaut,
            Image.open(person).convert("RGB"),
            stylizer(astronaut, "starry-night", regions=[(person, "keep")]),
            stylizer(astronaut, "starry-night", regions=[(person, "great-wave")]),
        ],
        [
            coffee,
            stylizer(coffee, regions=[(cup, "great-wave")]),
            stylizer(coffee, "starry-night", regions=[(cup, "great-wave")], strength=0.7),
        ],
        [
            *(
                stylizer(coffee, "starry-night", regions=[(cup, "great-wave")], feather=width).crop(EDGE)
                for width in (0, 1, 12)
            ),
        ],
        [
            on_checks(cut_out),
            on_checks(stylizer(cut_out, regions=[("alpha", "great-wave")])),
            stylizer(astronaut, "starry-night", regions=[(person, ["great-wave:0.5", "starry-night:0.5"])]),
            stylizer(
                astronaut, "starry-night", regions=[(person, "keep")], crop="60%", keep_colors="luminance"
            ),
        ],
    ]


def on_checks(picture: Image.Image) -> Image.Image:
    """Show transparency as a gray checkerboard."""
    y, x = np.mgrid[0 : picture.height, 0 : picture.width] // 16
    checks = Image.fromarray(np.where((y + x) % 2, 200, 240).astype(np.uint8)).convert("RGBA")
    return Image.alpha_composite(checks, picture.convert("RGBA")).convert("RGB")


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Lay out the cells in rows of one width."""
    width = 4 * SIDE + 3 * GAP
    return column([row(scaled_to_width(line, width, GAP), GAP) for line in rows], GAP)


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    sheet(cells(docs)).save(docs / "pictures" / "regions.jpg", quality=88, optimize=True)
