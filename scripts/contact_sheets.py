"""Contact sheets of photos in many styles, and the 30 dev pairs for the project's score.

    python -m scripts.contact_sheets OUT                                     # three photos in every preset
    python -m scripts.contact_sheets OUT -c photo.jpg -s scream -s my.jpg    # these photos in these styles
    python -m scripts.contact_sheets OUT --size 512 --strengths 0.3 0.6 1    # several strengths
    python -m scripts.contact_sheets OUT --pairs                             # the dev pairs, also as files

With --pairs, contents and styles come from ../shared/data (or RESTYLE_SHARED), 512 px on the short side,
sizes rounded to a multiple of 8, and OUT/pairs can be scored:

    python ../shared/tools/score.py --content ../shared/data/dev/content --style ../shared/data/presets \\
        --outputs OUT/pairs

OUT must be outside the repository, which must not contain anything of ../shared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from PIL import Image, ImageOps

from restyle import RestyleError, Style, Stylizer, styles
from restyle.images.figures import sheet
from scripts import presets

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ("astronaut", "chelsea", "coffee")
PAIR_SIZE = 512
MULTIPLE = 8

Cell = tuple[Image.Image, str]


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts.contact_sheets: {message}")


def shared_data() -> Path:
    """Return the folder of the shared data; it may not exist."""
    return Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared")) / "data"


def open_picture(path: Path) -> Image.Image:
    """Open a picture as RGB, upright."""
    try:
        image = Image.open(path)
        return ImageOps.exif_transpose(image).convert("RGB")
    except OSError as error:
        fail(f"{path}: {error}")


def shrink(image: Image.Image, short: int, multiple: int = 1) -> Image.Image:
    """Scale the short side to `short` px and round both sides to a multiple."""
    scale = short / min(image.size)
    width, height = (max(1, round(side * scale / multiple)) * multiple for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def save_pages(rows: Sequence[Sequence[Cell]], out: Path, cell: int, count: int) -> None:
    """Write sheets of `count` rows each, named sheet-1.png and so on."""
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("sheet-*.png"):
        stale.unlink()
    for number, start in enumerate(range(0, len(rows), count), 1):
        path = out / f"sheet-{number}.png"
        page = rows[start : start + count]
        images = [[image for image, _ in row] for row in page]
        captions = [[caption for _, caption in row] for row in page]
        sheet(images, captions, (cell, cell)).save(path)
        print(path)


def artwork(style: str) -> Image.Image:
    """Return the picture of a style, or a white one for a style file."""
    path = Path(style) if Path(style).is_file() else presets.ARTWORKS / f"{style}.jpg"
    return (
        open_picture(path)
        if path.is_file() and path.suffix != ".style"
        else Image.new("RGB", (64, 64), "white")
    )


def style_sheets(
    out: Path,
    contents: Sequence[Path],
    names: Sequence[str],
    size: int,
    strengths: Sequence[float],
    rows: int,
) -> None:
    """Write sheets with one row per style: its artwork, then every photo at every strength."""
    photos = {path.stem: shrink(open_picture(path), size) for path in contents}
    stylizer = Stylizer()
    table: list[list[Cell]] = []
    for name in names:
        row: list[Cell] = [(artwork(name), Path(name).stem)]
        for label, photo in photos.items():
            for strength in strengths:
                mark = "" if strength == 1 else f" {strength:g}"
                row.append(
                    (
                        stylizer(photo, name, strength=strength, method="fast"),
                        f"{label}, {Path(name).stem}{mark}",
                    )
                )
        table.append(row)
        print(name, file=sys.stderr)
    save_pages(table, out, max(max(photo.size) for photo in photos.values()), rows)


def pairs(out: Path, strength: float, rows: int) -> None:
    """Stylize the 30 dev pairs: OUT/pairs/CONTENT__STYLE.png for the score, and sheets."""
    data = shared_data()
    if not (data / "dev" / "pairs.json").is_file():
        fail(f"{data / 'dev' / 'pairs.json'} is missing: set RESTYLE_SHARED to the folder that holds data/")
    results = out / "pairs"
    results.mkdir(parents=True, exist_ok=True)
    stylizer, encoded, table = Stylizer(), {}, []
    for content, style in json.loads((data / "dev" / "pairs.json").read_text(encoding="utf-8")):
        photo = shrink(open_picture(data / "dev" / "content" / f"{content}.png"), PAIR_SIZE, MULTIPLE)
        painting = shrink(open_picture(data / "presets" / f"{style}.jpg"), PAIR_SIZE, MULTIPLE)
        if style not in encoded:
            encoded[style] = Style.from_image(painting, name=style)
        result = stylizer(photo, encoded[style], strength=strength, method="fast")
        result.save(results / f"{content}__{style}.png")
        table.append([(photo, content), (painting, style), (result, f"{content}__{style}")])
        print(f"{content}__{style}", file=sys.stderr)
    save_pages(table, out, PAIR_SIZE, rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the sheets")
    parser.add_argument("-c", "--content", type=Path, action="append", help="photo; repeatable")
    parser.add_argument("-s", "--style", action="append", help="preset, picture or style file; repeatable")
    parser.add_argument(
        "--size", type=int, default=384, help="short side of the photos, px (default %(default)s)"
    )
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0], help="default: 1")
    parser.add_argument("--rows", type=int, default=6, help="rows of a sheet (default %(default)s)")
    parser.add_argument("--pairs", action="store_true", help="stylize the 30 dev pairs instead")
    arguments = parser.parse_args()

    out = arguments.out.resolve()
    if out == ROOT or ROOT in out.parents:
        fail(f"{arguments.out} is inside the repository: choose another folder")
    if arguments.pairs:
        pairs(out, arguments.strengths[-1], arguments.rows)
        return
    contents = arguments.content or [ROOT / "docs" / "photos" / f"{name}.jpg" for name in PHOTOS]
    names = arguments.style or [each.name for each in styles()]
    if not names:
        fail("there are no presets: run scripts.presets, or give a --style")
    style_sheets(out, contents, names, arguments.size, arguments.strengths, arguments.rows)


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        fail(str(error))
