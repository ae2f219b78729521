"""Importing the package and asking for help is cheap and touches nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "numpy", "PIL", "onnxruntime", "torch", "cv2", "av", "scipy", "matplotlib", "soundfile", "safetensors",
    "onnx", "keras", "skimage", "pyvips", "pi_heif",
}  # fmt: skip
# Parts of restyle that stylizing a picture with the fast method must not load.
OTHER_PARTS = ("nn", "train", "sounds", "videos", "compare", "evaluate", "study", "keras")
PHOTO = Path(__file__).parent.parent / "docs" / "photos" / "coffee.jpg"


def python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def modules_after(code: str) -> set[str]:
    """All modules that a new interpreter has loaded after `code`."""
    output = python(f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))")
    return set(json.loads(output.splitlines()[-1]))


def loaded_after(code: str) -> set[str]:
    """Heavy modules that a new interpreter has loaded after `code`."""
    return modules_after(code) & HEAVY


def command(*words: str) -> str:
    """Code that runs a restyle command."""
    call = f"try: main({list(words)!r})\nexcept SystemExit as end: assert not end.code"
    return f"from restyle.cli import main\n{call}"


def test_import_loads_one_module_and_nothing_heavy() -> None:
    """`benchmarks.speed` measures the time; here modules are counted, which no busy machine changes."""
    added = modules_after("import restyle") - modules_after("pass")
    assert {name for name in added if name.startswith("restyle")} == {"restyle"}
    assert len(added) < 10
    assert not added & HEAVY


def test_stylizing_a_picture_loads_no_other_part(tmp_path: Path) -> None:
    output = str(tmp_path / "out.jpg")
    loaded = modules_after(command("image", str(PHOTO), "-s", "starry-night", "--size", "64", "-o", output))
    assert Path(output).exists()
    assert not loaded & (HEAVY - {"numpy", "PIL", "pyvips", "onnxruntime", "av"})
    own = {name for name in loaded if name.startswith("restyle.")}
    assert not {name for name in own if name.split(".")[1] in OTHER_PARTS}
    assert len(own) < 75


def test_public_names_are_listed_without_loading_them() -> None:
    assert loaded_after("import restyle; dir(restyle); restyle.__all__; restyle.__version__") == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["image", "--help"], ["styles", "--help"], ["video", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_after(command(*arguments)) <= {"numpy", "PIL"}


def test_import_writes_no_file_and_needs_no_home(tmp_path: Path) -> None:
    environment = {"HOME": f"{tmp_path}/absent", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", "import restyle"], env=environment, cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
