"""The commands and the Python of the README run, and the Chinese README shows the same."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.command_line import restyle

ROOT = Path(__file__).parent.parent
ENGLISH = ROOT / "README.md"
CHINESE = ROOT / "README.zh-CN.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RESTYLE = Path(sys.executable).with_name("restyle")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands(page: Path) -> list[str]:
    """Commands of the console blocks, without prompt and comment."""
    lines = [line for text in blocks(page, "console") for line in text.splitlines()]
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line.startswith("$ ")]


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A folder like a clone of the repository, with what the README uses; photos are small, to save time."""
    for folder in ("photos", "pictures", "masks"):
        shutil.copytree(ROOT / "docs" / folder, tmp_path / "docs" / folder)
    for path in (tmp_path / "docs" / "photos").iterdir():
        with Image.open(path) as photo:
            photo.thumbnail((104, 104))
            photo.save(path)
    return tmp_path


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in {".jpg", ".png", ".webp", ".tif"})


def test_exactly_two_commands_follow_the_picture() -> None:
    text = ENGLISH.read_text(encoding="utf-8")
    head = text[: text.index("\n## ")]
    (block,) = BLOCK.findall(head)
    first, second = block[1].splitlines()
    steps = [step.strip() for step in first.split("&&")]
    assert steps[:2] == ["python3 -m venv .venv", ".venv/bin/pip install ."]
    assert steps[2].startswith(".venv/bin/restyle image docs/photos/")
    assert second == "scripts/test"
    assert head.index("![") < head.index("```"), "the picture comes before the commands"


def test_ci_calls_the_second_command() -> None:
    (second,) = (line for line in blocks(ENGLISH, "sh")[0].splitlines() if not line.startswith("python3"))
    script = ROOT / ".ci" / "run"
    assert second in script.read_text()
    assert os.access(script, os.X_OK)
    assert os.access(ROOT / second, os.X_OK)


def test_first_command_writes_a_stylized_photo(reader: Path) -> None:
    last = blocks(ENGLISH, "sh")[0].splitlines()[0].split("&&")[-1]
    words = shlex.split(last)
    before = set(pictures(reader))
    done = run([str(RESTYLE), *words[1:]], reader)
    assert done.returncode == 0, done.stderr
    (path,) = set(pictures(reader)) - before
    with Image.open(path) as result, Image.open(reader / words[2]) as photo:
        assert result.size == photo.size


@pytest.mark.slow
def test_all_examples_run_in_order_in_one_folder(reader: Path) -> None:
    for command in commands(ENGLISH):  # the one of the head has its own test
        words = shlex.split(command)
        assert words[0] == "restyle"
        before = set(pictures(reader))
        done = restyle(reader, *words[1:])
        assert done.returncode == 0, f"{command}: {done.stderr}"
        if words[1] == "image":
            new = set(pictures(reader)) - before
            assert new, f"{command} wrote no picture"
            for path in new:
                with Image.open(path) as picture:
                    picture.load()
        else:
            assert done.stdout.strip()
    for code in blocks(ENGLISH, "python"):
        ran = run([sys.executable, "-W", "error", "-c", code], reader)
        assert ran.returncode == 0, ran.stderr


def test_it_has_at_most_120_lines() -> None:
    assert len(ENGLISH.read_text(encoding="utf-8").splitlines()) <= 120


def test_chinese_readme_shows_the_same_code() -> None:
    english, chinese = (BLOCK.findall(page.read_text(encoding="utf-8")) for page in (ENGLISH, CHINESE))

    def without_comments(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(kind, re.sub(r" *#.*", "", text)) for kind, text in found]

    assert without_comments(english) == without_comments(chinese)


def test_chinese_readme_has_the_same_sections_tables_and_targets() -> None:
    def outline(page: Path) -> dict[str, object]:
        text = page.read_text(encoding="utf-8")
        return {
            "headings": [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)],
            "rows": len(re.findall(r"^\|", text, re.MULTILINE)),
            "links": sorted(
                {link.replace(".zh.md", ".md") for link in re.findall(r"\]\(([^)]+)\)", text)}
                - {"README.md", "README.zh-CN.md"}
            ),
            "numbers": sorted(re.findall(r"\d+(?:\.\d+)?", BLOCK.sub("", text))),
        }

    assert outline(ENGLISH) == outline(CHINESE)
