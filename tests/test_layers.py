"""Dependencies point one way, and what is heavy stays where it belongs."""

import ast
import graphlib
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "restyle"

# A module may import those of a lower rank or of its own, as long as no cycle comes of it. A longer name
# (`sounds.api`) overrides that of its package.
RANK = {
    "errors": 0,
    "types": 1,
    "methods.optimize.table": 1,
    "methods.table": 1,
    "options": 1,
    "files": 2,
    "images": 3,
    "sounds": 4,
    "models": 5,
    "nn": 6,
    "style": 7,
    "methods": 8,
    "pipeline": 9,
    "videos": 10,
    "stylizer": 11,
    "compare": 12,
    "evaluate": 13,
    "train": 14,
    "keras": 15,
    "study": 16,
    "__init__": 17,
    "cli": 18,
    "__main__": 19,
}

# Distributions of the base install, by import name; the rest comes with an extra.
BASE = {"numpy", "PIL", "onnxruntime", "typer", "click", "rich", "av", "soundfile"}
TORCH = {"torch", "safetensors", "onnx", "tensorboard"}
TORCH_PARTS = {"nn", "train", "keras", "study"}
OPENCV_FILES = {"videos/flow.py"}
OPTUNA_FILES = {"study/search.py"}
TORCH_PLACES = ("methods/optimize/", "sounds/texture")
STANDARD = set(sys.stdlib_module_names)


@cache
def sources() -> tuple[Path, ...]:
    return tuple(sorted(SOURCE.rglob("*.py")))


def part(module: str) -> str:
    """`restyle.images.picture` -> `media`; `restyle` -> `__init__`."""
    if module.removeprefix("restyle.") in RANK:
        return module.removeprefix("restyle.")
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def module_of(path: Path) -> str:
    names = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def is_module(name: str) -> bool:
    place = SOURCE.parent / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").is_file()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, anywhere in the file, but for type checking only."""
    tree = ast.parse(path.read_text())
    only_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if node in only_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                submodule = f"{name}.{alias.name}"
                yield node.lineno, submodule if name == "restyle" or is_module(submodule) else name


def may_use_torch(path: Path) -> bool:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] in TORCH_PARTS or relative.as_posix().startswith(TORCH_PLACES)


def cases(*, without_torch: bool = False) -> list[ParameterSet]:
    paths = [path for path in sources() if not (without_torch and may_use_torch(path))]
    return [pytest.param(path, id=str(path.relative_to(SOURCE))) for path in paths]


def test_every_part_has_its_rank() -> None:
    parts = {part(module_of(path)) for path in sources()}
    assert parts <= RANK.keys(), "give the new part a place in RANK and in docs/architecture.md"


@pytest.mark.parametrize("path", cases())
def test_imports_point_downwards(path: Path) -> None:
    own = part(module_of(path))
    wrong = []
    for line, name in imports(path):
        if name.split(".")[0] != "restyle" or name == "restyle.__version__":
            continue
        other = part(name)
        if not is_module(f"restyle.{other}"):
            other = "__init__"  # a public name of the package, such as restyle.image
        if RANK[other] > RANK[own]:
            wrong.append(f"{path.name}:{line} imports {name}")
    assert not wrong


def test_no_module_imports_itself_by_a_detour() -> None:
    modules = {module_of(path): path for path in sources()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        named = {name for _, name in imports(path)}
        graph[module] = {name for name in named if name in modules and name != module}
    order = graphlib.TopologicalSorter(graph)
    order.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", cases(without_torch=True))
def test_torch_stays_in_its_parts(path: Path) -> None:
    assert not [f"{line}: {name}" for line, name in imports(path) if name.split(".")[0] in TORCH]


@pytest.mark.parametrize("path", cases())
def test_third_parties_are_declared(path: Path) -> None:
    known = BASE | TORCH | STANDARD | {"restyle"}
    if part(module_of(path)) == "keras":
        known = known | {"keras"}
    if path.relative_to(SOURCE).as_posix() in OPENCV_FILES:
        known = known | {"cv2"}
    if path.relative_to(SOURCE).as_posix() in OPTUNA_FILES:
        known = known | {"optuna"}
    assert not [f"{line}: {name}" for line, name in imports(path) if name.split(".")[0] not in known]


def test_base_dependencies_are_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {requirement.split(">")[0].split("[")[0] for requirement in project["dependencies"]}
    assert names <= {"numpy", "pillow", "onnxruntime", "typer", "rich", "av", "soundfile"}


def test_tests_mirror_the_tree() -> None:
    """A test file in a folder that mirrors a package tests the module of that name."""
    orphans = []
    for root, tree in ((ROOT / "tests", SOURCE), (ROOT / "tests" / "benchmarks", ROOT / "benchmarks")):
        for test in root.rglob("test_*.py"):
            place = test.parent.relative_to(root)
            if test.parent == root and tree == SOURCE:
                continue
            if place.parts and place.parts[0] == "benchmarks":
                continue
            subject = tree / place / f"{test.stem.removeprefix('test_')}.py"
            if not subject.exists():
                orphans.append(f"{test.relative_to(ROOT)} has no {subject.relative_to(ROOT)}")
    assert not orphans
