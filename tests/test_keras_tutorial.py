"""The Keras tutorial runs, block after block, and the Chinese one shows the same code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
ENGLISH, CHINESE = DOCS / "keras-tutorial.md", DOCS / "keras-tutorial.zh.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra keras")
def test_all_of_it_runs_in_order(tmp_path: Path) -> None:
    for folder in ("pictures", "photos"):
        shutil.copytree(DOCS / folder, tmp_path / "docs" / folder)
    code = "\n".join(text for kind, text in blocks(ENGLISH) if kind == "python")
    environment = {"KERAS_BACKEND": "torch", **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "(240, 360, 3) float32" in done.stdout
    assert "Epoch 3/3" in done.stdout
    assert (tmp_path / "painter.keras").exists()
    assert (tmp_path / "keras-strokes.restyle").exists()
    for name, size in (("edges.png", (3 * 358, 238)), ("crops.png", (6 * 96, 96)), ("art.png", (360, 240))):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size


def test_both_languages_show_the_same() -> None:
    def outline(page: Path) -> dict[str, object]:
        text = page.read_text(encoding="utf-8")
        code = [(kind, re.sub(r" *#.*", "", block)) for kind, block in blocks(page)]
        prose = BLOCK.sub("", text)
        formulas = re.findall(r"^\$\$.*\$\$$", text, re.MULTILINE)
        return {
            "code": code,
            "headings": [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)],
            "formulas": formulas,
            "links": sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {ENGLISH.name, CHINESE.name}),
            "quoted": sorted(re.findall(r"`[^`]+`", prose)),
        }

    assert outline(ENGLISH) == outline(CHINESE)
