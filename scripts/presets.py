"""Encode the artworks of scripts/presets.toml into the style files that restyle ships.

    python -m scripts.presets                    # all presets; removes files of presets that are not listed
    python -m scripts.presets scream great-wave  # only these
    python -m scripts.presets --pictures FOLDER  # write the prepared pictures instead

The artworks are in ../shared/data, or in the folder RESTYLE_SHARED; they are not part of the project.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from PIL import Image

from restyle import RestyleError, Style
from scripts.sheet import save_jpeg

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "scripts" / "presets.toml"
STYLES = ROOT / "src" / "restyle" / "models" / "styles"
ARTWORKS = STYLES.parent / "artworks"
SHORT = 640  # px, short side of the largest artwork that ships
QUALITY = 72  # of the JPEG: all artworks together take at most 6 MB


@dataclass(frozen=True)
class Preset:
    """One entry of presets.toml, which explains the fields."""

    name: str
    title: str
    artist: str
    year: str
    movement: str
    source: str
    collection: str = ""
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    aspect: float | None = None
    scale: float = 1.0
    refine: bool | str = True
    note: tuple[str, str] = ("", "")

    def picture(self, data: Path) -> Image.Image:
        """Open the artwork: RGB, in its true aspect ratio, without frame and caption."""
        image = Image.open(data / self.source).convert("RGB")
        if self.aspect is not None:
            # The squashed side is enlarged, so that no pixel is lost.
            short = min(image.size)
            wide, high = max(self.aspect, 1.0), max(1 / self.aspect, 1.0)
            image = image.resize((round(short * wide), round(short * high)), Image.Resampling.LANCZOS)
        (left, top, right, bottom), (width, height) = self.crop, image.size
        return image.crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )


def views(preset: Preset, picture: Image.Image) -> Iterator[tuple[Image.Image, float, float]]:
    """Yield (picture, scale, weight) for each view to encode; the codes are averaged by weight.

    The only view is the entire work. Add more crops and scales here, one `yield` each, if their average
    scores better.
    """
    yield picture, preset.scale, 1.0


def write_artwork(preset: Preset, data: Path) -> Path:
    """Write the artwork that ships with a preset: a JPEG of at most 640 px on the short side."""
    image = preset.picture(data)
    factor = min(1.0, SHORT / min(image.size))
    image = image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS
    )
    ARTWORKS.mkdir(exist_ok=True)
    path = ARTWORKS / f"{preset.name}.jpg"
    save_jpeg(image, path, QUALITY)
    return path


def encode(preset: Preset, data: Path) -> Style:
    """Encode one artwork."""
    parts = [
        (Style.from_image(view, scale=scale, name=preset.name), weight)
        for view, scale, weight in views(preset, preset.picture(data))
    ]
    style = parts[0][0] if len(parts) == 1 else Style.mix(parts, name=preset.name)
    return replace(style, title=preset.title, artist=preset.artist, year=preset.year)


def read(path: Path = LIST) -> dict[str, Preset]:
    """Read the list: name -> preset, in order."""
    presets: dict[str, Preset] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["preset"]:
        preset = Preset(**{**entry, "crop": tuple(entry.get("crop", (0.0, 0.0, 1.0, 1.0)))})
        left, top, right, bottom = preset.crop
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", preset.name):
            fail(f"name '{preset.name}' is not in kebab-case")
        if preset.name in presets:
            fail(f"'{preset.name}' is listed twice")
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            fail(f"{preset.name}: crop {list(preset.crop)} is not inside the picture")
        presets[preset.name] = preset
    return presets


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts.presets: {message}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="presets to encode (default: all)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write the prepared pictures instead")
    arguments = parser.parse_args()

    presets = read()
    unknown = sorted(set(arguments.names) - set(presets))
    if unknown:
        fail(f"not in {LIST.name}: {', '.join(unknown)}")
    data = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared")) / "data"
    missing = [preset.source for preset in presets.values() if not (data / preset.source).is_file()]
    if missing:
        fail(
            f"{len(missing)} of {len(presets)} artworks are missing, the first is {data / missing[0]}: "
            "set RESTYLE_SHARED to the folder that holds data/"
        )

    target: Path = arguments.pictures or STYLES
    target.mkdir(parents=True, exist_ok=True)
    for preset in presets.values():
        if arguments.names and preset.name not in arguments.names:
            continue
        if arguments.pictures:
            path = target / f"{preset.name}.png"
            preset.picture(data).save(path)
        else:
            path = target / f"{preset.name}.style"
            encode(preset, data).save(path, overwrite=True)
            write_artwork(preset, data)
        print(f"{path.name}  {preset.title}, {preset.artist}, {preset.year}")
    if not arguments.names and not arguments.pictures:
        for path in sorted([*STYLES.glob("*.style"), *ARTWORKS.glob("*.jpg")]):
            if path.stem not in presets:
                path.unlink()
                print(f"{path.name}  removed: not in {LIST.name}")


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        fail(str(error))
