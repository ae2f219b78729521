"""Make the pictures of docs/optimize.md: each tile is `method="optimize"` with one option changed.

    python -m scripts.optimize_pictures docs/pictures [NAME ...]

NAME is `optimize-steps`, `optimize-resume` or a key of `SHEETS`; default: all. `COMMON` holds the settings
that all tiles share.
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
from scripts.sheet import row, square

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PHOTOS = PICTURES.parent / "photos"
CONTENT, STYLE, OTHER = PHOTOS / "coffee.jpg", PICTURES / "strokes.jpg", PHOTOS / "chelsea.jpg"
MASK = PICTURES.parent / "masks" / "coffee.png"
SIDE = 256  # px of a tile
COMMON: Mapping[str, Any] = {"method": "optimize", "steps": 60, "crop": "1:1", "size": SIDE}
LONGER = 90  # steps for losses that converge more slowly
SAVE_EVERY = 15  # steps

INTERRUPTED = 40  # the step after which Ctrl-C is sent
TILED: Mapping[str, Any] = {"size": 768, "steps": 12}  # large enough for tiles

STEPS, RESUME = "optimize-steps", "optimize-resume"
# File name -> label of a tile -> options added to the common ones.
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
    """Return one stylized picture."""
    with Image.open(CONTENT) as opened:
        content = opened.convert("RGB")
    given = {**COMMON, "style": str(STYLE), **options}
    result: Image.Image = restyle.image(content, given.pop("style"), **given)
    return result


def steps() -> list[Image.Image]:
    """Return the photo, the style, and the pictures that `--save-every` writes in one run."""
    with Image.open(CONTENT) as photo, Image.open(STYLE) as style:
        cells = [
            square(ImageOps.fit(each, (SIDE, SIDE)), SIDE, label)
            for each, label in ((photo, "photo"), (style, "style"))
        ]
    with TemporaryDirectory() as folder:
        output = Path(folder) / "art.png"
        restyle.image(str(CONTENT), str(STYLE), output=output, save_every=SAVE_EVERY, **COMMON)
        for saved in sorted(Path(folder).glob("art-*.png")):
            with Image.open(saved) as opened:
                cells.append(square(opened, SIDE, f"step {int(saved.stem[4:])}"))
    return cells


def resume() -> list[Image.Image]:
    """Return one run as it is, interrupted and resumed, and a larger one without and with tiles."""
    uninterrupted = tile({})
    with TemporaryDirectory() as folder:
        output, preview = Path(folder) / "art.png", Path(folder) / "preview.png"

        def interrupt(step: Step) -> bool:
            if step.number == INTERRUPTED:
                raise KeyboardInterrupt
            return False

        given: dict[str, Any] = {"output": output, "preview": preview, "overwrite": True, **COMMON}
        try:
            restyle.image(str(CONTENT), str(STYLE), callback=interrupt, **given)
        except KeyboardInterrupt:
            with Image.open(output) as written, Image.open(preview) as shown:
                partial, previewed = written.convert("RGB"), shown.convert("RGB")
        restyle.image(str(CONTENT), str(STYLE), resume=True, **given)
        with Image.open(output) as opened:
            resumed = opened.convert("RGB")
    large = tile({**TILED, "memory": 16.0})
    least = least_memory()
    cells = {
        "uninterrupted": uninterrupted,
        f"Ctrl-C at step {INTERRUPTED}": partial,
        "--preview at that step": previewed,
        f"--resume: {difference(uninterrupted, resumed):.2f} levels apart": resumed,
        "768 px, no tiles": large,
    }
    tiles = tile({**TILED, "memory": least})
    cells[f"--memory {least:g}: {difference(large, tiles):.2f} levels apart"] = tiles
    return [square(picture, SIDE, label) for label, picture in cells.items()]


def least_memory() -> float:
    """Return the least memory for `TILED` in GB, taken from the message of restyle, plus a margin."""
    try:
        tile({**TILED, "memory": 0.1})
    except restyle.RestyleError as error:
        return float(re.findall(r"[\d.]+", str(error))[-1]) + 0.4
    raise RuntimeError("0.1 GB was enough")


def difference(a: Image.Image, b: Image.Image) -> float:
    """Return the mean difference of two pictures, in levels of 255."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def main() -> None:
    """Write the sheets that are named on the command line."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:] or [STEPS, RESUME, *SHEETS]:
        if name in (STEPS, RESUME):
            cells = steps() if name == STEPS else resume()
        else:
            cells = [square(tile(options), SIDE, label) for label, options in SHEETS[name].items()]
        row(cells).save(folder / f"{name}.jpg", quality=88)
        print(folder / f"{name}.jpg", flush=True)


if __name__ == "__main__":
    main()
