"""Candidates of the command benchmark: one call is one new process, from start to picture file written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image, ImageOps
from safetensors.torch import save_model
from torch import nn

from benchmarks.networks import Size
from benchmarks.peers.johnson import Johnson
from benchmarks.peers.microast import MicroAST, StyleBranch

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
PRESET = "starry-night"
OURS = f"restyle image --style {PRESET}"
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
    """A photo of the documentation, cropped and resized to `size`, as JPEG in `folder`."""
    path = folder / f"photo-{size}.jpg"
    with Image.open(PICTURES / "astronaut.jpg") as picture:
        fitted = ImageOps.fit(picture, (size.width, size.height), Image.Resampling.LANCZOS)
    fitted.save(path, quality=92)
    return path


def write_weights(folder: Path) -> dict[str, Path]:
    """Random weights of the peers as files: peer to file."""
    torch.manual_seed(0)
    networks = {"johnson": Johnson(), "microast": nn.ModuleList([MicroAST(), StyleBranch()])}
    files = {name: folder / f"{name}.safetensors" for name in networks}
    for name, network in networks.items():
        save_model(network, str(files[name]))
    return files


def candidates(size: Size, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that the command benchmark times at one size.

    Each call checks that the picture was written at the asked size, which costs a millisecond.
    """
    source = photo(size, folder)
    style = PICTURES / "coffee.jpg"
    weights = write_weights(folder)
    restyle = [str(Path(sys.executable).with_name("restyle")), "image", str(source), "--overwrite"]
    script = [sys.executable, "-m", "benchmarks.peers.script"]
    target = folder / "out.jpg"
    commands = {
        OURS: [*restyle, "--style", PRESET, "-o", str(target)],
        "restyle image --style PICTURE": [*restyle, "--style", str(style), "-o", str(target)],
        "Johnson w32 script, torch": [*script, "johnson", str(weights["johnson"]), str(source), str(target)],
        "MicroAST script, torch, style PICTURE": [
            *script, "microast", str(weights["microast"]), str(source), str(target), str(style),
        ],
    }  # fmt: skip
    return {name: _writes(command, target, size) for name, command in commands.items()}


def import_candidates() -> dict[str, Callable[[], object]]:
    """A new interpreter that imports nothing, and one that imports restyle."""
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
