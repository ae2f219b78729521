"""Makes the pictures of docs/optimize.md, every one by `method="optimize"` with one option changed.

    python -m scripts.optimize_pictures docs/pictures [NAME ...]

NAMEs are `optimize-way`, `optimize-stops` and those of `SHEETS`; all if none is given. The rest of the
settings: `COMMON`.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import restyle
from restyle.methods.protocol import Step
from scripts.readme_picture import labelled, row

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PHOTOS = PICTURES.parent / "photos"
CONTENT, STYLE, OTHER = PHOTOS / "coffee.jpg", PICTURES / "strokes.jpg", PHOTOS / "chelsea.jpg"
MASK = PICTURES.parent / "masks" / "coffee.png"
SIDE = 256  # pixels, of a tile
COMMON: Mapping[str, Any] = {"method": "optimize", "steps": 60, "crop": "1:1", "size": SIDE}
LONGER = 90  # steps, of what goes down more slowly
SAVE_EVERY = 15  # steps, of the sheet of a run on its way

CUT = 40  # the step after which Ctrl-C comes
TILED: Mapping[str, Any] = {"size": 768, "steps": 12}  # large enough for tiles

WAY, STOPS = "optimize-way", "optimize-stops"
# File name -> label of a tile -> options beside the common ones; None leaves the fast method.
SHEETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "optimize-styles": {
        "--style-loss gram,grain (default)": {},
        "gram": {"style_loss": "gram"},
        "gaussian": {"style_loss": "gaussian"},
        "sliced": {"style_loss": "sliced", "steps": LONGER},
        "patches,grain": {"style_loss": "patches,grain", "steps": LONGER},
        "gram,grain,strokes:0.1": {"style_loss": "gram,grain,strokes:0.1", "steps": LONGER},
    },
    "optimize-contents": {
        "--content-weight 0.1": {"content_weight": 0.1},
        "0.4 (default)": {},
        "2": {"content_weight": 2.0},
        "--content-loss relu4_1": {"content_loss": "relu4_1"},
        "--content-loss structure": {"content_loss": "structure:4", "steps": LONGER},
        "--smoothness 20": {"smoothness": 20.0},
        "--large-forms 0": {"large_forms": 0.0},
    },
    "optimize-starts": {
        "--init fast (default)": {},
        "content": {"init": "content"},
        "noise": {"init": "noise"},
        "a picture": {"init": str(OTHER)},
        "--optimizer adam": {"optimizer": "adam", "steps": LONGER},
    },
    "optimize-strokes": {
        "--style-scale 0.5": {"style_scale": 0.5},
        "2": {"style_scale": 2.0},
        "--style-rotation 90": {"style_rotation": 90.0},
        "--strength 0.4": {"strength": 0.4},
        "--keep-colors": {"keep_colors": "luminance"},
    },
    "optimize-regions": {
        "two styles, half each": {"style": [(str(STYLE), 0.5), (str(OTHER), 0.5)]},
        "--region cup=keep": {"regions": {str(MASK): "keep"}},
        "--region cup=chelsea": {"regions": {str(MASK): str(OTHER)}},
        "--colors-only": {"colors_only": True},
        "--init noise --seed 7": {"init": "noise", "seed": 7},
    },
    "optimize-encoders": {
        "--encoder encoder-4 (default)": {},
        "encoder-2": {"encoder": "encoder-2"},
        "encoder-1": {"encoder": "encoder-1"},
        "--steps 12": {"steps": 12},
        "--steps 300": {"steps": 300},
    },
}


def tile(options: Mapping[str, Any]) -> Image.Image:
    """One picture."""
    with Image.open(CONTENT) as opened:
        content = opened.convert("RGB")
    given = {**COMMON, "style": str(STYLE), **options}
    made: Image.Image = restyle.image(content, given.pop("style"), **given)
    return made


def way() -> list[Image.Image]:
    """The photo, the style, and what `--save-every` keeps of one run."""
    with Image.open(CONTENT) as photo, Image.open(STYLE) as style:
        cells = [
            labelled(ImageOps.fit(each.convert("RGB"), (SIDE, SIDE)), label, SIDE)
            for each, label in ((photo, "the photo"), (style, "the style"))
        ]
    with TemporaryDirectory() as folder:
        output = Path(folder) / "art.png"
        restyle.image(str(CONTENT), str(STYLE), output=output, save_every=SAVE_EVERY, **COMMON)
        for kept in sorted(Path(folder).glob("art-*.png")):
            with Image.open(kept) as opened:
                cells.append(labelled(opened.convert("RGB"), f"step {int(kept.stem[4:])}", SIDE))
    return cells


def stops() -> list[Image.Image]:
    """A run in one go; cut off, with its preview; gone on with; a larger one whole, and in tiles."""
    whole = tile({})
    with TemporaryDirectory() as folder:
        output, preview = Path(folder) / "art.png", Path(folder) / "preview.png"

        def cut(step: Step) -> bool:
            if step.number == CUT:
                raise KeyboardInterrupt
            return False

        given: dict[str, Any] = {"output": output, "preview": preview, "overwrite": True, **COMMON}
        try:
            restyle.image(str(CONTENT), str(STYLE), callback=cut, **given)
        except KeyboardInterrupt:
            with Image.open(output) as so_far, Image.open(preview) as shown:
                halves = [so_far.convert("RGB"), shown.convert("RGB")]
        restyle.image(str(CONTENT), str(STYLE), resume=True, **given)
        with Image.open(output) as opened:
            resumed = opened.convert("RGB")
    large = tile({**TILED, "memory": 16.0})
    least = least_memory()
    cells = {
        "in one go": whole,
        f"Ctrl-C at step {CUT}": halves[0],
        "--preview by then": halves[1],
        f"--resume: {apart(whole, resumed):.2f} levels off": resumed,
        "768 px, looked at whole": large,
    }
    tiles = tile({**TILED, "memory": least})
    cells[f"--memory {least:g}: {apart(large, tiles):.2f} off"] = tiles
    return [labelled(picture, label, SIDE) for label, picture in cells.items()]


def least_memory() -> float:
    """The gigabytes that suffice for `TILED`, as restyle says, and some by which the process may grow."""
    try:
        tile({**TILED, "memory": 0.1})
    except restyle.RestyleError as error:
        return float(re.findall(r"[\d.]+", str(error))[-1]) + 0.4
    raise RuntimeError("a tenth of a gigabyte sufficed")


def apart(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures, in levels of 255."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def main() -> None:
    """Draw the sheets."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:] or [WAY, STOPS, *SHEETS]:
        if name in (WAY, STOPS):
            cells = way() if name == WAY else stops()
        else:
            cells = [labelled(tile(options), label, SIDE) for label, options in SHEETS[name].items()]
        row(cells).save(folder / f"{name}.jpg", quality=88)
        print(folder / f"{name}.jpg", flush=True)


if __name__ == "__main__":
    main()
