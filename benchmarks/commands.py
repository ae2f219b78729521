"""Candidates of the command benchmark: one call is one new process, from start to written file."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image, ImageOps
from safetensors.torch import save_model
from torch import nn

from benchmarks.networks import Size, exported, peers
from benchmarks.peers.johnson import Johnson
from benchmarks.peers.microast import MicroAST, StyleBranch

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "docs" / "photos"
PRESET = "starry-night"
OURS = f"restyle image --method fast --style {PRESET}"
OURS_PICTURE = "restyle image --method fast --style PICTURE"
IMPORT = "import restyle"
NOTHING = "import nothing"


def run(command: list[str]) -> None:
    """Run a command from the project's root and wait for it.

    Raises
    ------
    RuntimeError
        When it fails, with what it wrote to standard error.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}: {done.stderr.strip()}")


def photo(size: Size, folder: Path) -> Path:
    """Write a photo of the docs, cropped and resized to `size`, as JPEG in `folder`."""
    path = folder / f"photo-{size}.jpg"
    with Image.open(PHOTOS / "astronaut.jpg") as picture:
        fitted = ImageOps.fit(picture, (size.width, size.height), Image.Resampling.LANCZOS)
    fitted.save(path, quality=92)
    return path


def write_weights(folder: Path) -> dict[str, Path]:
    """Write random weights of the peers; return peer -> file."""
    torch.manual_seed(0)
    networks = {"johnson": Johnson(), "microast": nn.ModuleList([MicroAST(), StyleBranch()])}
    files = {name: folder / f"{name}.safetensors" for name in networks}
    for name, network in networks.items():
        save_model(network, str(files[name]))
    return files


def write_graphs(size: Size, style: Path, folder: Path) -> dict[str, Path]:
    """Write the peers as ONNX graphs, for contents of `size` and one style picture; return part -> file."""
    built, _ = peers(size)
    with Image.open(style) as picture:
        seen = torch.zeros(1, 3, picture.height, picture.width)
    parts = {
        "johnson": built["Johnson w32"],
        "microast": built["MicroAST"],
        "style": (StyleBranch(), (seen,)),
    }
    return {
        name: exported(
            network,
            inputs,
            [f"input_{i}" for i in range(len(inputs))],
            folder / f"{name}-{size}-command.onnx",
        )
        for name, (network, inputs) in parts.items()
    }


def candidates(size: Size, folder: Path) -> dict[str, Callable[[], object]]:
    """Return all candidates of the command benchmark at one size: name -> call, ours first of its kind.

    A preset of ours stands beside a network for one style; ours with a picture as style beside MicroAST with
    the same picture. Each call checks that the picture was written at the asked size: a millisecond.
    """
    source = photo(size, folder)
    style = PHOTOS / "coffee.jpg"
    weights = write_weights(folder)
    graphs = write_graphs(size, style, folder)
    restyle = [str(Path(sys.executable).with_name("restyle")), "image", str(source), "--overwrite"]
    restyle += ["--method", "fast"]
    script = [sys.executable, "-m", "benchmarks.peers.script"]
    graph = [sys.executable, "-m", "benchmarks.peers.graph_script"]
    target = folder / "out.jpg"
    commands = {
        OURS: [*restyle, "--style", PRESET, "-o", str(target)],
        OURS_PICTURE: [*restyle, "--style", str(style), "-o", str(target)],
        "Johnson w32 script, torch": [*script, "johnson", str(weights["johnson"]), str(source), str(target)],
        "MicroAST script, torch, style PICTURE": [
            *script, "microast", str(weights["microast"]), str(source), str(target), str(style),
        ],
        "Johnson w32 script, ONNX Runtime": [*graph, str(graphs["johnson"]), str(source), str(target)],
        "MicroAST script, ONNX Runtime, style PICTURE": [
            *graph, str(graphs["microast"]), str(source), str(target), str(graphs["style"]), str(style),
        ],
    }  # fmt: skip
    return {name: _writes(command, target, size) for name, command in commands.items()}


def import_candidates() -> dict[str, Callable[[], object]]:
    """Return calls of an interpreter that imports nothing, and of one that imports restyle."""
    return {
        NOTHING: lambda: run([sys.executable, "-c", "pass"]),
        IMPORT: lambda: run([sys.executable, "-c", "import restyle"]),
    }


def _writes(command: list[str], target: Path, size: Size) -> Callable[[], object]:
    def call() -> None:
        target.unlink(missing_ok=True)
        run(command)
        with Image.open(target) as written:
            if written.size != (size.width, size.height):
                raise RuntimeError(f"{' '.join(command)} wrote {written.size}, not {size}")

    return call
