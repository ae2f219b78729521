"""Run the pages of the course, and write their pictures and notebooks.

python -m scripts.course             run every page, write docs/course/pictures
python -m scripts.course FOLDER      also write the notebooks of both languages to FOLDER
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "docs" / "course"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(pictures/([^)]+)\)")


def pages() -> list[Path]:
    """The chapters in English, in order."""
    return sorted(page for page in COURSE.glob("[0-9]*.md") if not page.stem.endswith(".zh"))


def blocks(page: Path) -> list[str]:
    """The Python code of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def run(page: Path, folder: Path) -> None:
    """Run the code of a page in a folder, which gets its files; docs/ is there as well."""
    if not (folder / "docs").exists():
        (folder / "docs").symlink_to(ROOT / "docs")
    here = Path.cwd()
    os.chdir(folder)
    try:
        names: dict[str, object] = {"__name__": "__main__"}
        for number, block in enumerate(blocks(page), 1):
            exec(compile(block, f"{page.name}, block {number}", "exec"), names)
    finally:
        os.chdir(here)


def main(notebooks: Path | None) -> None:
    """Run all pages; copy their pictures as JPEG."""
    (COURSE / "pictures").mkdir(exist_ok=True)
    for page in pages():
        print(f"--- {page.name}")
        with tempfile.TemporaryDirectory() as name:
            run(page, Path(name))
            for picture in sorted(Path(name).glob(f"{page.name[:2]}-*.png")):
                with Image.open(picture) as image:
                    image.convert("RGB").save(COURSE / "pictures" / f"{picture.stem}.jpg", quality=88)
    if notebooks:
        print(f"{len(write_notebooks(notebooks))} notebooks in {notebooks}")


def write_notebooks(folder: Path) -> list[Path]:
    """Write every page of both languages as a notebook without results."""
    import jupytext

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in sorted(COURSE.glob("[0-9]*.md")):
        written.append(folder / f"{page.stem}.ipynb")
        jupytext.write(jupytext.read(page), written[-1])
    return written


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
