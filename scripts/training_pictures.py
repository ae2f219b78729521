"""Makes the pictures of docs/train.md: photos, and below them the same through networks that were trained.

    python -m scripts.training_pictures docs/pictures 'ten minutes=starry.restyle' ...

The curves are those of the first network's run, in `starry.restyle.run/`.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image, ImageOps

import restyle
from scripts.readme_picture import GAP, labelled, row

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PHOTOS = ("astronaut", "coffee", "chelsea")
SIDE = 392  # pixels


def main(folder: Path, networks: dict[str, Path]) -> None:
    """Write `train-results.jpg` and `train-curves.png`."""
    photos = []
    for name in PHOTOS:
        with Image.open(PICTURES / f"{name}.jpg") as picture:
            photos.append(ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS))
    rows = [row([labelled(photo, "photo", SIDE) for photo in photos])]
    for label, path in networks.items():
        network = restyle.StyleNetwork.load(path)
        rows.append(row([labelled(network.predict(photo), label, SIDE) for photo in photos]))
    sheet = Image.new("RGB", (rows[0].width, sum(each.height + GAP for each in rows)), "white")
    for place, each in enumerate(rows):
        sheet.paste(each, (0, place * (each.height + GAP)))
    sheet.save(folder / "train-results.jpg", quality=88)
    shutil.copyfile(f"{next(iter(networks.values()))}.run/curves.png", folder / "train-curves.png")


if __name__ == "__main__":
    given = (each.partition("=") for each in sys.argv[2:])
    main(Path(sys.argv[1]), {label: Path(file) for label, _, file in given})
