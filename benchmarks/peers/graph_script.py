"""The command of a peer without torch: read the graph and the picture, run ONNX Runtime, write the picture.

python -m benchmarks.peers.graph_script network.onnx photo.jpg out.jpg
python -m benchmarks.peers.graph_script network.onnx photo.jpg out.jpg style_branch.onnx style.jpg
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from PIL import Image

if TYPE_CHECKING:
    from restyle.types import FloatArray


def _read(path: str) -> FloatArray:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def _write(picture: FloatArray, path: str) -> None:
    pixels = np.rint(np.clip(picture[0], 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels).save(path, quality=95)


def _run(graph: str, inputs: list[FloatArray]) -> list[FloatArray]:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    out: list[FloatArray] = session.run(None, dict(zip(names, inputs, strict=True)))
    return out


def main(arguments: list[str]) -> None:
    """Run the command in the module's docstring."""
    graph, source, target, *style = arguments
    signals = _run(style[0], [_read(style[1])]) if style else []
    _write(_run(graph, [_read(source), *signals])[0], target)


if __name__ == "__main__":
    main(sys.argv[1:])
