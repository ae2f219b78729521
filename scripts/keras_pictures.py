"""Make the pictures of docs/keras-tutorial.md: run its code with more epochs, and show the results.

    python -m scripts.keras_pictures docs/pictures [--epochs 700]

Needs the extra keras and about five minutes of one idle core.
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

from scripts.sheet import row

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "keras-tutorial.md"
STEPS = (0, 50, 200)  # shown before the last one
HEIGHT = 240  # px


def tutorial(epochs: int) -> str:
    """Return the Python of the page up to the prediction, with this number of epochs."""
    page = PAGE.read_text(encoding="utf-8").partition("## The network that restyle uses")[0]
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    code = code.replace("EPOCHS = 3\n", f"EPOCHS = {epochs}\n")
    return code.replace("epochs=EPOCHS,", "epochs=EPOCHS, callbacks=[preview(network, batch)],")


def preview(network: Any, batch: Any) -> Any:
    """Return a callback that writes the stylized photo at `STEPS`, and every 100 steps as a preview."""
    import keras

    def paint(step: int) -> None:
        if step in STEPS or step % 100 == 0:
            art = network.predict(batch, verbose=0)[0]
            Image.fromarray((art * 255).round().astype("uint8")).save(f"art-{step}.png")

    return keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: paint(0), on_epoch_end=lambda epoch, logs: paint(epoch + 1)
    )


def side_by_side(pictures: list[Image.Image], path: Path) -> None:
    """Write the pictures in a row, at one height."""
    fitted = [each.resize((round(each.width * HEIGHT / each.height), HEIGHT)) for each in pictures]
    row(fitted, gap=8).save(path, quality=90)


def main() -> None:
    """Run the code of the page and write its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=700)
    given = parser.parse_args()
    folder = given.folder.resolve()
    with tempfile.TemporaryDirectory() as work:
        os.symlink(ROOT / "docs", Path(work, "docs"))
        os.chdir(work)
        found: dict[str, Any] = {"preview": preview}
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
