"""The wheel as a user gets it: installed with the base dependencies only, in a new environment."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from scripts import release

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "docs" / "photos" / "astronaut.jpg"
LARGEST_ENVIRONMENT = 380e6  # bytes
LARGEST_WEIGHTS = 8e6  # bytes, both graphs of the arbitrary-style model
UNWANTED = ("torch", "scipy", "cv2", "safetensors", "onnx", "skimage", "tensorboard", "keras", "tensorflow")

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("restyle-*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only installation of this test run: `bin` of an environment with the wheel and its requirements."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run([str(folder / "bin" / "python"), *install], check=True)
    return folder / "bin"


def run(program: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(program), *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )


def test_wheel_contains_models_styles_license_and_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    graphs = [f"restyle/models/weights/{name}.onnx" for name in ("style_encoder", "transformer")]
    assert set(graphs) <= set(sizes)
    assert sum(sizes[name] for name in graphs) <= LARGEST_WEIGHTS
    assert "restyle/py.typed" in sizes
    assert "restyle/models/catalog.toml" in sizes
    assert len([name for name in sizes if name.endswith(".style")]) >= 20
    assert any(name.endswith("licenses/LICENSE") for name in sizes)
    assert not [name for name in sizes if name.startswith(("tests", "docs", "benchmarks", "scripts"))]


def test_bill_of_materials_lists_all_that_is_bundled(wheel: Path) -> None:
    parts = release.bill_of_materials(wheel, "1.0")["components"]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    bundled = [name for name in names if name.endswith((".onnx", ".safetensors", ".npz"))]
    kinds = [part["type"] for part in parts]
    assert kinds.count("machine-learning-model") + kinds.count("file") >= len(bundled) > 4
    assert kinds.count("data") == len([name for name in names if "/artworks/" in name]) > 40
    assert {"numpy", "onnxruntime", "pillow"} <= {part["name"] for part in parts}
    assert all(part.get("licenses") for part in parts if part["type"] != "library")


def test_environment_is_small_and_has_no_torch(environment: Path, tmp_path: Path) -> None:
    folder = environment.parent
    # The length of every file counts, including byte code and what venv itself installs (pip, and setuptools
    # before Python 3.12: 22 MB). Disks use entire blocks, about 4 % more, so these are limited as well.
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    assert sum(path.lstat().st_size for path in files) < LARGEST_ENVIRONMENT
    added = [path for path in files if not {"pip", "setuptools", "pkg_resources"} & set(path.parts)]
    assert sum(path.lstat().st_blocks * 512 for path in added) < LARGEST_ENVIRONMENT
    code = f"import importlib.util as u, json; print(json.dumps([n for n in {UNWANTED!r} if u.find_spec(n)]))"
    found = run(environment / "python", "-c", code, folder=tmp_path)
    assert json.loads(found.stdout) == []


def test_stylizes_a_photo(environment: Path, tmp_path: Path) -> None:
    words = ["image", str(PHOTO), "--style", "starry-night", "--paint-size", "128"]
    done = run(environment / "restyle", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["astronaut-starry-night.jpg"]
    check = (
        "import sys, numpy as np\nfrom PIL import Image\n"
        "a, b = (np.asarray(Image.open(p), float) for p in sys.argv[1:])\n"
        "assert a.shape == b.shape\nprint(np.abs(a - b).mean())"
    )
    measured = run(
        environment / "python", "-c", check, str(PHOTO), "astronaut-starry-night.jpg", folder=tmp_path
    )
    assert measured.returncode == 0, measured.stderr
    assert float(measured.stdout) > 5, "the picture has hardly changed"


def test_python_interface_works(environment: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, restyle\n"
        "photo = np.full((40, 56, 3), 128, np.uint8); photo[8:20] = (200, 40, 30)\n"
        "art = restyle.image(photo, style='starry-night')\n"
        "assert art.shape == photo.shape and art.dtype == photo.dtype\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = run(environment / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_missing_extra_names_the_pip_line(environment: Path, tmp_path: Path) -> None:
    words = ["train", "encoder", str(PHOTO.parent), "--teacher", str(PHOTO), "-o", "encoder.safetensors"]
    done = run(environment / "restyle", *words, folder=tmp_path)
    assert done.returncode == 1
    assert "pip install 'restyle[torch]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_keras_names_its_extra(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "python", "-c", "from restyle.keras import StyleNetwork", folder=tmp_path)
    assert done.returncode == 1
    assert "pip install 'restyle[keras]'" in done.stderr.splitlines()[-1]
