"""Pictures of docs/keras-tutorial.md: runs its code with more epochs, and puts side by side what it made.

    python -m scripts.keras_pictures docs/pictures [--epochs 700]

Needs the extra keras; five minutes or so of one idle core.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "keras-tutorial.md"
STEPS = (0, 50, 200)  # shown beside the last one
HEIGHT, GAP = 240, 8


def tutorial(epochs: int) -> str:
    """Its Python blocks up to the end of prediction, with that many epochs."""
    page = PAGE.read_text(encoding="utf-8").partition("## The network that restyle uses")[0]
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    code = code.replace("EPOCHS = 3\n", f"EPOCHS = {epochs}\n")
    return code.replace("epochs=EPOCHS,", "epochs=EPOCHS, callbacks=[watching(network, batch)],")


def watching(network: Any, batch: Any) -> Any:
    """A callback that paints the photo at `STEPS`, and every 100 steps to look at while it runs."""
    import keras

    def paint(step: int) -> None:
        if step in STEPS or step % 100 == 0:
            art = network.predict(batch, verbose=0)[0]
            Image.fromarray((art * 255).round().astype("uint8")).save(f"art-{step}.png")

    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: paint(0), on_epoch_end=lambda epoch, logs: paint(epoch + 1)
    )


def side_by_side(pictures: list[Image.Image], path: Path) -> None:
    """All at one height, on white."""
    fitted = [each.resize((round(each.width * HEIGHT / each.height), HEIGHT)) for each in pictures]
    width = sum(each.width for each in fitted) + GAP * (len(fitted) - 1)
    sheet = Image.new("RGB", (width, HEIGHT), "white")
    left = 0
    for each in fitted:
        sheet.paste(each, (left, 0))
        left += each.width + GAP
    sheet.save(path, quality=90)


def main() -> None:
    """Run the page and write its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=700)
    given = parser.parse_args()
    folder = given.folder.resolve()
    with tempfile.TemporaryDirectory() as work:
        os.symlink(ROOT / "docs", Path(work, "docs"))
        os.chdir(work)
        found: dict[str, Any] = {"watching": watching}
        exec(compile(tutorial(given.epochs), str(PAGE), "exec"), found)
        photo = Image.fromarray(np.round(found["photo"] * 255).astype(np.uint8))
        art = Image.open("art.png")
        with Image.open("docs/pictures/strokes.jpg") as style:
            side_by_side([photo, style.copy(), art], folder / "keras-tutorial.jpg")
        steps = [Image.open(f"art-{step}.png") for step in STEPS]
        side_by_side([*steps, art], folder / "keras-steps.jpg")
        Image.open("edges.png").save(folder / "keras-edges.jpg", quality=90)
        crops = Image.open("crops.png")
        crops.resize((2 * crops.width, 2 * crops.height)).save(folder / "keras-crops.jpg", quality=90)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
