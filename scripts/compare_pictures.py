"""Makes the pictures of docs/compare.md, by `restyle compare` on the presets: `scripts/docs --pictures`.

python -m scripts.compare_pictures docs/compare
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from restyle.cli import app

STYLES = Path(__file__).parent.parent / "src" / "restyle" / "models" / "styles"
SHOWN = {"map": 1200, "tree": 784, "heatmap": 1000}  # px, at most so wide


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        try:
            app.run(["compare", str(STYLES), "-o", folder])
        except SystemExit as ended:
            if ended.code:
                raise
        for name, width in SHOWN.items():
            with Image.open(Path(folder, f"{name}.png")) as opened:
                picture = opened.convert("RGB")
            picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS)
            picture.save(target / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
