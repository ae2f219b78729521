"""Importing the package and asking for help is cheap and touches nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT_BUDGET = 0.060  # seconds, what the design allows `import restyle`
HEAVY = ("numpy", "PIL", "onnxruntime", "torch", "cv2", "av", "scipy", "soundfile", "safetensors", "onnx")


def python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def loaded_after(code: str) -> set[str]:
    """Heavy modules that a new interpreter has loaded after `code`."""
    told = python(f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))")
    return set(json.loads(told.splitlines()[-1])) & set(HEAVY)


def test_import_takes_less_than_its_budget() -> None:
    """By the clock, or, where a busy machine makes everybody wait, by processor time."""
    code = (
        "import time; t, p = time.perf_counter(), time.process_time(); import restyle;"
        " print(min(time.perf_counter() - t, time.process_time() - p))"
    )
    fastest = min(float(python(code)) for _ in range(7))
    assert fastest < IMPORT_BUDGET


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import restyle") == set()


def test_public_names_are_listed_without_loading_them() -> None:
    assert loaded_after("import restyle; dir(restyle); restyle.__all__; restyle.__version__") == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["image", "--help"], ["styles", "--help"], ["video", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    call = f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code"
    assert loaded_after(f"from restyle.cli import main\n{call}") <= {"numpy", "PIL"}


def test_import_writes_no_file_and_needs_no_home(tmp_path: Path) -> None:
    environment = {"HOME": f"{tmp_path}/absent", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", "import restyle"], env=environment, cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
