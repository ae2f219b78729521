"""Make the pictures of docs/train.md: results of trained networks, and the curves of their runs.

    python -m scripts.training_pictures docs/pictures 'ten minutes=ten.restyle' 'one hour=hour.restyle'
    python -m scripts.training_pictures docs/pictures --added two.restyle

The first writes photos with the results of each network below them, the results at full size side by side,
and the curves from `NAME.restyle.run/`. The second writes photos in each style of one network.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

import restyle
from restyle.models.style_files import slug
from scripts.sheet import captioned, column, row, square

FOLDER = Path(__file__).parent.parent / "docs" / "photos"
PHOTOS = ("astronaut", "coffee", "chelsea")
SIDE = 392  # px


def photos() -> list[Image.Image]:
    """Return the photos of the docs."""
    found = []
    for name in PHOTOS:
        with Image.open(FOLDER / f"{name}.jpg") as picture:
            found.append(picture.convert("RGB"))
    return found


def fitted(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Crop the pictures to squares."""
    return [ImageOps.fit(each, (SIDE, SIDE), Image.Resampling.LANCZOS) for each in pictures]


def compare(folder: Path, files: dict[str, Path]) -> None:
    """Write `train-results.jpg`, `train-full-size.jpg` where there are several, and the curves."""
    networks = {label: restyle.StyleNetwork.load(path) for label, path in files.items()}
    small = fitted(photos())
    rows = [row([square(photo, SIDE, "photo") for photo in small])]
    for label, network in networks.items():
        rows.append(row([square(network.predict(photo), SIDE, label) for photo in small]))
    column(rows).save(folder / "train-results.jpg", quality=88)
    if len(networks) > 1:
        full = [
            row([captioned(network.predict(photo), label) for label, network in networks.items()])
            for photo in photos()
        ]
        column(full).save(folder / "train-full-size.jpg", quality=88)
    for place, (label, path) in enumerate(files.items()):
        end = f"-{slug(label)}" if place else ""
        shutil.copyfile(f"{path}.run/curves.png", folder / f"train-curves{end}.png")


def styles(folder: Path, file: Path) -> None:
    """Write `train-added.jpg`."""
    network = restyle.StyleNetwork.load(file)
    small = fitted(photos())
    rows = [
        row([square(network.predict(photo, name), SIDE, name) for photo in small]) for name in network.styles
    ]
    column(rows).save(folder / "train-added.jpg", quality=88)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="*", metavar="LABEL=FILE")
    parser.add_argument("--added", type=Path)
    given = parser.parse_args()
    if given.networks:
        pairs = (each.partition("=") for each in given.networks)
        compare(given.folder, {label: Path(file) for label, _, file in pairs})
    if given.added:
        styles(given.folder, given.added)


if __name__ == "__main__":
    main()
