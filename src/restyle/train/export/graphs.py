"""PyTorch modules as ONNX graphs with float16 weights, whose sizes are free."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.files import check_output, make_folder

OPSET = 18
HALVED = 64  # tensors with more values than this are stored as float16


def prepare_folder(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Make the folder of the files `names`, and see that none is in the way; OutputError says what is."""
    for name in names:
        path = folder / name
        make_folder(path.parent)
        check_output(path, overwrite=overwrite)


class TransferGraph(nn.Module):
    """A transformer as it is exported: its pictures are clamped to 0..1."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, content: Tensor, code: Tensor, stats_in: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the picture and the statistics used."""
        picture, stats = self.transformer(content, code, stats_in, weight)
        return picture.clamp(0, 1), stats


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large float32 weights as float16, cast back on load; the arithmetic stays float32."""
    casts = []
    for index, tensor in enumerate(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) <= HALVED:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        model.graph.initializer[index].CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], f"cast.{name}", to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def trace(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    names: list[str],
    outputs: list[str],
    path: Path,
    about: dict[str, str],
    maps: Sequence[str] = (),
) -> None:
    """Write a module as ONNX with named inputs and outputs and free sizes, float16 on disk.

    `maps` are outputs of a height and width of their own.
    """
    dynamic = {name: {0: "n"} for name in names + outputs}
    for name in maps:
        dynamic[name] |= {2: f"height of {name}", 3: f"width of {name}"}
    for name in ("style", "content", "picture"):
        if name in dynamic:
            dynamic[name] |= {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own future
        torch.onnx.export(
            graph.eval(),
            inputs,
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    model = halve(onnx.load(str(path)))
    model.doc_string = ""
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(path))


def run_graph(path: Path, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run an ONNX file with ONNX Runtime on the CPU."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, feed)  # type: ignore[no-any-return]


def check_agreement(differences: dict[str, float], tolerance: float) -> None:
    """Raise ModelError when ONNX and PyTorch differ anywhere by more than `tolerance`, or by NaN."""
    for where, difference in differences.items():
        if not difference <= tolerance:  # true of NaN as well
            raise ModelError(
                f"ONNX and PyTorch differ by {difference:.2g} in {where}, more than the tolerance "
                f"{tolerance:g}: nothing was exported"
            )
