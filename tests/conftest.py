"""A real model small enough for tests, and pictures to feed it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper, save_model
from PIL import Image

from restyle.cli import terminal
from restyle.models import session, style_files

session.set_spinning(False)  # two processes of tests would take each other's processor time
terminal.EVERY = float("inf")  # lines of progress on a slow machine would disturb tests of messages

# A shell starts background jobs with Ctrl-C ignored, `nohup` those with SIGHUP ignored, and child processes
# inherit that; some tests need both.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The slowest files run first, so that no worker is left with them at the end.
LONGEST = (
    "test_wheel.py",
    "studio/test_page.py",
    "test_keras_backends.py",
    "studio/test_static_browser.py",
    "scripts/test_web_wheel.py",
    "batch/test_ray_engine.py",
    "test_course.py",
    "scripts/test_container.py",
    "methods/optimize/test_run.py",
    "videos/test_runner.py",
    "train/test_arbitrary.py",
    "methods/test_photo.py",
    "cli/test_study.py",
    "methods/test_fast.py",
    "train/test_style.py",
    "benchmarks/test_speed.py",
    "sounds/test_api.py",
    "videos/test_api.py",
    "test_readme.py",
    "test_keras_tutorial.py",
    "studio/test_attacks.py",
)

Size = tuple[int | str | None, ...]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add a flag that writes the expected messages again."""
    parser.addoption("--update-messages", action="store_true", help="write tests/messages.txt again")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the slowest files to the front; all others keep their order."""
    here = Path(__file__).parent
    place = {here / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def _value(name: str, shape: Size) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _write(
    path: Path, nodes: list[NodeProto], inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]
) -> None:
    constants: dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]] = {
        "axes": np.array([2, 3], np.int64),
        "epsilon": np.array(1e-4, np.float32),
        "wide": np.array([-1, 3, 1, 1], np.int64),
        "threes": np.array([3, 3], np.int64),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        path.stem,
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"restyle_model": "tiny-1", "style_size": "64", "stride": "8"})
    save_model(model, str(path))


def _moments(source: str) -> list[NodeProto]:
    """Nodes of [n, 3, h, w] -> `own` [n, 6], means and deviations."""
    node = helper.make_node
    return [
        node("ReduceMean", [source, "axes"], ["mean"], keepdims=1),
        node("Sub", [source, "mean"], ["centered"]),
        node("Mul", ["centered", "centered"], ["square"]),
        node("ReduceMean", ["square", "axes"], ["variance"], keepdims=0),
        node("Add", ["variance", "epsilon"], ["safe"]),
        node("Sqrt", ["safe"], ["deviation"]),
        node("ReduceMean", [source, "axes"], ["flat"], keepdims=0),
        node("Concat", ["flat", "deviation"], ["own"], axis=1),
    ]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model whose code is the mean and deviation of each channel, [6].

    Its transformer blurs the content 3x3 and gives it the moments of the code (Reinhard et al. 2001), so
    that tests can compute every result with two lines of NumPy. Sides must be multiples of 8.
    """
    folder = tmp_path_factory.mktemp("tiny")
    node = helper.make_node
    _write(
        folder / "style_encoder.onnx",
        [*_moments("style"), node("Identity", ["own"], ["code"])],
        [_value("style", ("n", 3, "h", "w"))],
        [_value("code", ("n", 6))],
    )
    _write(
        folder / "transformer.onnx",
        [
            node("SpaceToDepth", ["content"], ["deep"], blocksize=8),
            node("DepthToSpace", ["deep"], ["same"], blocksize=8),
            node("AveragePool", ["same"], ["blurred"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            *_moments("blurred"),
            node("Sub", ["stats_in", "own"], ["gap"]),
            node("Mul", ["gap", "stats_weight"], ["part"]),
            node("Add", ["own", "part"], ["stats"]),
            node("Split", ["stats", "threes"], ["used_mean", "used_deviation"], axis=1),
            node("Split", ["code", "threes"], ["code_mean", "code_deviation"], axis=1),
            *[
                node("Reshape", [name, "wide"], [f"{name}_wide"])
                for name in ("used_mean", "used_deviation", "code_mean", "code_deviation")
            ],
            node("Sub", ["blurred", "used_mean_wide"], ["level"]),
            node("Div", ["level", "used_deviation_wide"], ["normal"]),
            node("Mul", ["normal", "code_deviation_wide"], ["scaled"]),
            node("Add", ["scaled", "code_mean_wide"], ["shifted"]),
            node("Clip", ["shifted", "zero", "one"], ["picture"]),
        ],
        [
            _value("content", ("n", 3, "h", "w")),
            _value("code", ("n", 6)),
            _value("stats_in", ("n", 6)),
            _value("stats_weight", ("n", 1)),
        ],
        [_value("picture", ("n", 3, "h", "w")), _value("stats", ("n", 6))],
    )
    presets = folder / "styles"
    presets.mkdir()
    for name, title, code in (
        ("great-wave", "The Great Wave", [0.6, 0.6, 0.7, 0.2, 0.2, 0.15]),
        ("starry-night", "The Starry Night", [0.2, 0.3, 0.5, 0.1, 0.12, 0.2]),
    ):
        record = style_files.StyleRecord(
            "tiny-1", name, np.asarray(code, np.float32), title, "somebody", "1889"
        )
        style_files.write(record, presets / f"{name}{style_files.SUFFIX}")
    return folder


@pytest.fixture
def photo() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """[60, 84, 3] uint8: smooth shapes with texture, whose sides are not multiples of 8."""
    rows, columns = np.mgrid[0:60, 0:84].astype(np.float64)
    noise = np.random.default_rng(3).normal(0, 9, (60, 84, 3))
    waves = np.stack([np.sin(rows / 9), np.cos(columns / 11), np.sin((rows + columns) / 13)], -1)
    return np.clip(128 + 70 * waves + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def photo_file(tmp_path: Path, photo: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Path:
    """The photo as `photo.png`, in a folder of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    path = folder / "photo.png"
    Image.fromarray(photo).save(path)
    return path


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    """A style image of 90 x 70 px, orange and blue."""
    noise = np.random.default_rng(5).random((70, 90, 1))
    pixels = noise * [230, 120, 20] + (1 - noise) * [20, 50, 160]
    path = tmp_path / "my painting.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(autouse=True)
def _memory_of_a_new_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--memory` counts what the process holds, and a process of tests holds gigabytes in the end."""
    page = Path(request.path)
    if page.stem == "test_problem" or b"optimize" not in page.read_bytes():
        return
    try:
        from restyle.methods.optimize import problem
    except ImportError:
        return
    monkeypatch.setattr(problem, "process_bytes", lambda: 0.6e9)
