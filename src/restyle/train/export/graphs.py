"""PyTorch modules as ONNX graphs with float16 weights and free sizes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
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
TRANSFER_INPUTS = ("content", "code", "stats_in", "stats_weight")
TRANSFER_OUTPUTS = ("picture", "stats")


def prepare_folder(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Make the folder of the files `names`; OutputError if one of them exists and `overwrite` is not set."""
    for name in names:
        path = folder / name
        make_folder(path.parent)
        check_output(path, overwrite=overwrite)


class TransferGraph(nn.Module):
    """A transformer whose pictures are clamped to 0..1, as it is exported."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, content: Tensor, code: Tensor, stats_in: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the picture and the statistics used."""
        picture, stats = self.transformer(content, code, stats_in, weight)
        return picture.clamp(0, 1), stats


@torch.no_grad()
def round_weights(module: nn.Module) -> None:
    """Round the weights as `halve` does, so that PyTorch is compared with what the file has."""
    for parameter in module.parameters():
        if parameter.numel() > HALVED:
            parameter.copy_(parameter.half().float())


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


def write_graph(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    names: Sequence[str],
    outputs: Sequence[str],
    path: Path,
    metadata: Mapping[str, str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a module as ONNX with float16 weights.

    Parameters
    ----------
    inputs : tuple of Tensor
        An example of each input.
    names, outputs : sequence of str
        Names of the inputs and outputs.
    axes : mapping of name to mapping of axis to str
        Names of the axes whose sizes are free.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=list(names),
            output_names=list(outputs),
            dynamic_axes={name: dict(free) for name, free in axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    model = halve(onnx.load(str(path)))
    model.doc_string = ""
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(path))


def batch_axes(names: Sequence[str], maps: Sequence[str] = ()) -> dict[str, dict[int, str]]:
    """Free axes of batches: the first, and height and width of images; `maps` have their own."""
    axes = {name: {0: "n"} for name in names}
    for name in axes:
        if name in maps:
            axes[name] |= {2: f"height of {name}", 3: f"width of {name}"}
        elif name in ("style", "content", "picture"):
            axes[name] |= {2: "height", 3: "width"}
    return axes


def run_graph(path: Path, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run an ONNX file with ONNX Runtime on the CPU."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, feed)  # type: ignore[no-any-return]


def check_agreement(differences: dict[str, float], tolerance: float) -> None:
    """Raise ModelError if ONNX and PyTorch differ anywhere by more than `tolerance`, or by NaN."""
    for where, difference in differences.items():
        if not difference <= tolerance:  # true of NaN as well
            raise ModelError(
                f"ONNX and PyTorch differ by {difference:.2g} in {where}, more than the tolerance "
                f"{tolerance:g}: nothing was exported"
            )
