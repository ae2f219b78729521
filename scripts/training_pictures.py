"""Makes the pictures of docs/train.md: what networks that were trained paint, and the curves of their runs.

    python -m scripts.training_pictures docs/pictures 'ten minutes=ten.restyle' 'one hour=hour.restyle'
    python -m scripts.training_pictures docs/pictures --added two.restyle

The first writes photos with each network's results below, then the results at full size beside each other,
and the curves of each run, which lie in `NAME.restyle.run/`. The second writes photos in each style of one
network.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import restyle
from restyle.models.presets import slug
from scripts.readme_picture import GAP, LABEL, labelled, row

FOLDER = Path(__file__).parent.parent / "docs" / "photos"
PHOTOS = ("astronaut", "coffee", "chelsea")
SIDE = 392  # pixels


def photos() -> list[Image.Image]:
    """Those of the docs, whole."""
    found = []
    for name in PHOTOS:
        with Image.open(FOLDER / f"{name}.jpg") as picture:
            found.append(picture.convert("RGB"))
    return found


def fitted(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Their middles, square."""
    return [ImageOps.fit(each, (SIDE, SIDE), Image.Resampling.LANCZOS) for each in pictures]


def below(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below each other, on white."""
    sheet = Image.new(
        "RGB", (max(each.width for each in rows), sum(each.height + GAP for each in rows)), "white"
    )
    top = 0
    for each in rows:
        sheet.paste(each, (0, top))
        top += each.height + GAP
    return sheet


def whole(picture: Image.Image, label: str) -> Image.Image:
    """A picture of any shape, pixel by pixel, with its label below."""
    cell = Image.new("RGB", (picture.width, picture.height + LABEL), "white")
    cell.paste(picture)
    place, font = (picture.width / 2, picture.height + LABEL / 2), ImageFont.load_default(17)
    ImageDraw.Draw(cell).text(place, label, "black", font, anchor="mm")
    return cell


def compare(folder: Path, files: dict[str, Path]) -> None:
    """Write `train-results.jpg`, `train-full-size.jpg` where there are several, and the curves."""
    networks = {label: restyle.StyleNetwork.load(path) for label, path in files.items()}
    small = fitted(photos())
    rows = [row([labelled(photo, "photo", SIDE) for photo in small])]
    for label, network in networks.items():
        rows.append(row([labelled(network.predict(photo), label, SIDE) for photo in small]))
    below(rows).save(folder / "train-results.jpg", quality=88)
    if len(networks) > 1:
        full = [
            row([whole(network.predict(photo), label) for label, network in networks.items()])
            for photo in photos()
        ]
        below(full).save(folder / "train-full-size.jpg", quality=88)
    for place, (label, path) in enumerate(files.items()):
        end = f"-{slug(label)}" if place else ""
        shutil.copyfile(f"{path}.run/curves.png", folder / f"train-curves{end}.png")


def styles(folder: Path, file: Path) -> None:
    """Write `train-added.jpg`."""
    network = restyle.StyleNetwork.load(file)
    small = fitted(photos())
    rows = [
        row([labelled(network.predict(photo, name), name, SIDE) for photo in small])
        for name in network.styles
    ]
    below(rows).save(folder / "train-added.jpg", quality=88)


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
