"""Make the pictures of the docs that show what the shipped models do: `scripts/docs --pictures`.

    python -m scripts.pictures                      # all of them
    python -m scripts.pictures readme stroke-sizes  # these only

Run it when a model or preset has changed. `paint` takes some minutes, the others seconds. Pictures that
need a training, the extra keras or an hour have scripts of their own: training_pictures, keras_pictures,
optimize_pictures.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

import restyle
from restyle.cli import app
from restyle.models.catalog import DEFAULT, find
from restyle.models.style_files import preset_artwork, preset_files
from scripts.sheet import captioned, column, row, scaled_to_width, square

DOCS = Path(__file__).parent.parent / "docs"
PICTURES, PHOTOS = DOCS / "pictures", DOCS / "photos"
STYLES = DOCS.parent / "src" / "restyle" / "models" / "styles"
WIDTH = 1260  # px, of the picture in the README


def photo(name: str) -> Image.Image:
    """Return a photo of the docs."""
    with Image.open(PHOTOS / f"{name}.jpg") as opened:
        return opened.convert("RGB")


def save(image: Image.Image, path: Path) -> None:
    """Write a JPEG and print its path."""
    image.save(path, quality=88)
    print(path, flush=True)


def run(*words: str) -> None:
    """Run a restyle command."""
    try:
        app.run(list(words))
    except SystemExit as ended:
        if ended.code:
            raise


def readme() -> None:
    """Photo, artwork and result; below them the photo in four presets."""
    content = photo("chelsea")
    artwork = preset_artwork(preset_files(find(DEFAULT))["collioure"])
    assert artwork is not None
    result = restyle.image(content, style="collioure")
    above = {"photo": content, "artwork": Image.open(artwork).convert("RGB"), "--style collioure": result}
    presets = ("great-wave", "harmony-in-red", "cafe-terrace", "starry-night")
    below = {f"--style {name}": restyle.image(content, style=name) for name in presets}
    rows = []
    for images in (above, below):
        scaled = scaled_to_width(list(images.values()), WIDTH)
        rows.append(row([captioned(*each) for each in zip(scaled, images, strict=True)]))
    save(column(rows), PICTURES / "readme.jpg")


def presets() -> None:
    """Six presets on two photos, with the codes as encoded and as refined."""
    names = ("starry-night", "great-wave", "scream", "the-kiss", "red-blue-yellow", "la-grande-jatte")
    stylizer = restyle.Stylizer()
    rows = []
    for content in (ImageOps.fit(photo(name), (512, 512)) for name in ("astronaut", "coffee")):
        styles = {name: restyle.Style.from_preset(name) for name in names}
        encoded = {name: restyle.Style(style.read, style.model, name) for name, style in styles.items()}
        for label, codes in (("encoded", encoded), ("refined", styles)):
            results = {
                f"{name}, {label}": stylizer(content, style, method="fast") for name, style in codes.items()
            }
            rows.append(row([square(image, 256, caption) for caption, image in results.items()]))
    save(column(rows, gap=6), PICTURES / "presets.jpg")


def stroke_sizes() -> None:
    """Two photos with `--style-scale` from 0.5 to 4."""
    rows = []
    for name, style in (("astronaut", "great-wave"), ("coffee", "starry-night")):
        results = {
            scale: restyle.image(photo(name), style=style, style_scale=scale, method="fast")
            for scale in (0.5, 1.0, 2.0, 4.0)
        }
        rows.append(row([square(image, 360, f"--style-scale {s:g}") for s, image in results.items()]))
    save(column(rows, gap=6), PICTURES / "stroke-sizes.jpg")


def paint() -> None:
    """Photo, artwork, the fast network and `paint`, for three pairs."""
    side = 300
    files = preset_files(find(DEFAULT))
    rows = []
    for name, style in (("coffee", "starry-night"), ("astronaut", "scream"), ("chelsea", "great-wave")):
        artwork = preset_artwork(files[style])
        assert artwork is not None
        content = photo(name)
        results = [restyle.image(content, style, method=method) for method in ("fast", "paint")]
        cells = [content, Image.open(artwork).convert("RGB"), *results]
        rows.append(row([ImageOps.fit(cell, (side, side)) for cell in cells], gap=4))
    save(column(rows, gap=4), PICTURES / "paint.jpg")


def keep_colors() -> None:
    """A photo in a light style, with the style's colors, and with the photo's in each mode."""
    content = photo("coffee")
    modes: dict[str, dict[str, Any]] = {
        "--style great-wave": {},
        "--keep-colors": {"keep_colors": "luminance"},
        "--keep-colors statistics": {"keep_colors": "statistics"},
    }
    results = {
        name: restyle.image(content, "great-wave", method="fast", **mode) for name, mode in modes.items()
    }
    cells = {"photo": content, **results}
    scaled = scaled_to_width(list(cells.values()), WIDTH)
    save(row([captioned(*each) for each in zip(scaled, cells, strict=True)]), PICTURES / "keep-colors.jpg")


def compare() -> None:
    """Map, tree and heat map of the presets, by `restyle compare`."""
    with tempfile.TemporaryDirectory() as folder:
        run("compare", str(STYLES), "-o", folder)
        for name, width in (("map", 1200), ("tree", 784), ("heatmap", 1000)):
            with Image.open(Path(folder, f"{name}.png")) as opened:
                image = opened.convert("RGB")
            image.thumbnail((width, image.height), Image.Resampling.LANCZOS)
            save(image, DOCS / "compare" / f"{name}.jpg")


def evaluate() -> None:
    """The contact sheet of `restyle evaluate`."""
    names = ("astronaut", "chelsea", "coffee")
    contents = [word for name in names for word in ("-c", str(PHOTOS / f"{name}.jpg"))]
    settings = [word for text in ("strength=1", "strength=0.6", "keep-colors") for word in ("--run", text)]
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder, "report"))
        run("evaluate", *contents, "-s", str(PICTURES / "strokes.jpg"), *settings, "-o", output)
        Path(output, "sheet.jpg").replace(PICTURES / "evaluate.jpg")
    print(PICTURES / "evaluate.jpg", flush=True)


MAKERS: dict[str, Callable[[], None]] = {
    "readme": readme,
    "presets": presets,
    "stroke-sizes": stroke_sizes,
    "compare": compare,
    "evaluate": evaluate,
    "paint": paint,
    "keep-colors": keep_colors,
}


def main() -> None:
    """Make the pictures named on the command line."""
    names = sys.argv[1:] or list(MAKERS)
    if unknown := set(names) - set(MAKERS):
        sys.exit(f"scripts.pictures: '{unknown.pop()}' is none of {', '.join(MAKERS)}")
    for name in names:
        MAKERS[name]()


if __name__ == "__main__":
    main()
