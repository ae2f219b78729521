"""Imports point one way, and heavy libraries stay in the modules that need them."""

import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "restyle"

# From low to high: a part imports from its own line and from the lines above it. A longer name, such as
# `methods.table`, overrides that of its package.
LAYERS = (
    ("errors",),
    ("types", "options", "methods.table"),
    ("files",),
    ("images",),
    ("sounds",),
    ("models",),
    ("nn",),
    ("style",),
    ("methods",),
    ("pipeline", "images.streaming"),
    ("videos",),
    ("stylizer",),
    ("batch",),
    ("compare",),
    ("evaluate",),
    ("train",),
    ("keras",),
    ("study",),
    ("studio",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Libraries of the extras, and the only places (beginnings of paths) that may import them.
TORCH_PLACES = ("nn/", "train/", "keras/", "study/", "methods/optimize/", "sounds/texture")
PLACES = {
    "torch": (*TORCH_PLACES, "models/catalog.py", "evaluate/networks.py"),
    "safetensors": (*TORCH_PLACES, "models/catalog.py"),
    "torchmetrics": ("evaluate/networks.py",),
    "torch_fidelity": ("evaluate/networks.py",),
    "onnx": TORCH_PLACES,
    "tensorboard": TORCH_PLACES,
    "keras": ("keras/",),
    "cv2": ("videos/flow.py", "videos/stages.py", "methods/selection.py"),
    "optuna": ("study/__init__.py",),
    "ray": ("batch/ray_",),
    "pyarrow": ("batch/ray_",),
    "fsspec": ("batch/ray_",),
    "matplotlib": ("images/figures.py", "compare/charts.py", "sounds/features.py"),
    "scipy": ("compare/charts.py",),
    "fastapi": ("studio/",),
    "starlette": ("studio/",),
    "pydantic": ("studio/",),
    "uvicorn": ("studio/",),
    "python_multipart": ("studio/",),
    "restyle_web": ("studio/static.py",),
}
# Distributions whose modules have another name.
MODULES = {
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "torch-fidelity": "torch_fidelity",
    "restyle-web": "restyle_web",
    "python-multipart": "python_multipart",
}
# Libraries that come with others: click with typer, two with fastapi, two with ray[data].
COMPANIONS = {"click", "starlette", "pydantic", "pyarrow", "fsspec"}


class Import(NamedTuple):
    """One imported name, where it stands."""

    path: str  # relative to src/restyle
    module: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.name}"


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its full name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        names = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def part(module: str) -> str:
    """`restyle.images.picture` -> `images`; `restyle` and its public names -> `__init__`."""
    name = module.removeprefix("restyle.")
    if name in RANK:
        return name
    first = name.split(".")[0]
    return first if f"restyle.{first}" in modules() else "__init__"


def read_imports(module: str, path: Path) -> Iterator[Import]:
    """Everything that a module imports, inside functions as well, except for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    only_types = {
        inner
        for node in nodes
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    place = path.relative_to(SOURCE).as_posix()
    for node in nodes:
        if isinstance(node, ast.Import) and node not in only_types:
            yield from (Import(place, module, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in only_types:
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                whole = base == "restyle" or full in modules()
                yield Import(place, module, node.lineno, full if whole else base)


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for module, path in modules().items() for found in read_imports(module, path))


def test_imports_point_down_without_cycles() -> None:
    unknown = sorted({part(module) for module in modules()} - RANK.keys())
    assert not unknown, f"give {unknown} a line in LAYERS and in docs/architecture.md"

    own = [found for found in imports() if found.name.split(".")[0] == "restyle"]
    own = [found for found in own if found.name != "restyle.__version__"]
    assert not [str(found) for found in own if RANK[part(found.name)] > RANK[part(found.module)]]

    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for found in own:
        if found.name in modules() and found.name != found.module:
            graph[found.module].add(found.name)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_heavy_libraries_stay_in_their_places() -> None:
    wrong = [
        str(found)
        for found in imports()
        if not found.path.startswith(PLACES.get(found.name.split(".")[0], ("",)))
    ]
    assert not wrong


def test_third_parties_are_declared_and_the_base_is_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def distributions(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[>;<=\s]", requirement)[0] for requirement in requirements}

    base = distributions(project["dependencies"])
    assert base <= {
        "numpy",
        "pillow",
        "onnxruntime",
        "typer",
        "rich",
        "av",
        "soundfile",
        "pyvips",
        "pyvips-binary",
        "pi-heif",
    }

    extras = set().union(*(distributions(needs) for needs in project["optional-dependencies"].values()))
    declared = {MODULES.get(name, name) for name in base | extras} | COMPANIONS
    allowed = declared | sys.stdlib_module_names
    assert not [str(found) for found in imports() if found.name.split(".")[0] not in allowed]


def test_tests_mirror_the_tree() -> None:
    """A test file in a folder that mirrors a package tests the module, or the package, of that name.

    In `studio`, `test_page_*` and `test_static_*` test the folder `page` and the module `static`, and
    `test_attacks` all of it.
    """
    tests = ROOT / "tests"
    paths = [path.relative_to(tests) for path in sorted(tests.rglob("test_*.py"))]
    inside = [
        path for path in paths if len(path.parts) > 1 and path.parts[0] not in ("benchmarks", "scripts")
    ]
    browser = re.compile(r"test_(page|static|attacks)\w*\.py")
    inside = [path for path in inside if path.parts[0] != "studio" or not browser.fullmatch(path.name)]
    subjects = {path: SOURCE / path.with_name(path.name.removeprefix("test_")) for path in inside}
    packages = {path.parent.with_suffix(".py") for path in SOURCE.rglob("__init__.py")}
    wrong = {path: subject for path, subject in subjects.items() if subject not in packages}
    assert not [f"{path} has no {subject}" for path, subject in wrong.items() if not subject.exists()]
