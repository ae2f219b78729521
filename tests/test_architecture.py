"""docs/architecture.md answers a newcomer's questions, and its answers exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE, re.MULTILINE))
SCREENS = 2 * 60  # lines
LONGEST = 400  # lines of a module

# Question -> words of the source that answers it.
QUESTIONS = {
    "where a TIFF is read": ["tiff", "predictor"],
    "where a frame is painted": ["frame", "Painter"],
    "where the Gram loss is": ["gram", "loss"],
    "where a flag is declared": ["opt(", "help"],
    "where the transformer is": ["class Transformer"],
}


def paths(answer: str) -> list[Path]:
    """The paths that an answer names."""
    return [ROOT / path for path in re.findall(r"`(src/[^`]+)`", answer)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_page_answers_the_question(question: str) -> None:
    found = paths(ROWS[question])
    assert found
    sources = [file for path in found for file in ([path] if path.is_file() else path.glob("*.py"))]
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    assert not [word for word in QUESTIONS[question] if word not in text]


def test_every_path_of_the_page_exists() -> None:
    assert not [str(path) for path in paths(PAGE) if not path.exists()]


def test_the_table_of_parts_is_complete() -> None:
    source = ROOT / "src" / "restyle"
    entries = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in source.iterdir()
        if path.is_dir() or path.suffix == ".py"
    }
    listed = set(re.findall(r"`([\w.]+/?)`", "\n".join(re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE))))
    assert entries - {"__init__.py", "__main__.py", "__pycache__/"} <= listed


def test_modules_of_the_drawing_exist() -> None:
    drawing = PAGE.partition("```")[2].partition("```")[0]
    names = re.findall(r"\b((?:images|videos|sounds|methods|style|pipeline)\.\w+)", drawing)
    parts = [ROOT / "src" / "restyle" / name.replace(".", "/") for name in names]
    missing = [
        str(part)
        for part in parts
        if not (part.with_suffix(".py").exists() or part.parent.with_suffix(".py").exists())
    ]
    assert names
    assert not missing


def test_no_module_is_longer_than_the_limit() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "src" / "restyle").rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_the_size_can_be_piped_into_a_reader_that_stops() -> None:
    command = [sys.executable, "-u", str(ROOT / "scripts" / "size")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_it_fits_on_two_screens() -> None:
    assert len(PAGE.splitlines()) <= SCREENS
