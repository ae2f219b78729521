"""The arbitrary-style network -> style_encoder.onnx and transformer.onnx, verified against PyTorch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.nn.arbitrary import ArbitraryNetwork
from restyle.nn.transformer import STRIDE

OPSET = 18
TOLERANCE = 2e-3  # largest difference of a pixel (0..1) or of a code relative to its size
SIZES = ((64, 96), (75, 51))  # height and width; the transformer's are rounded up to its stride
HALVED = 64  # tensors with more values than this are stored as float16


class _StyleGraph(nn.Module):
    def __init__(self, network: ArbitraryNetwork) -> None:
        super().__init__()
        self.style = network.style

    def forward(self, style: Tensor) -> Tensor:
        return self.style(style)  # type: ignore[no-any-return]


class _TransferGraph(nn.Module):
    def __init__(self, network: ArbitraryNetwork) -> None:
        super().__init__()
        self.transformer = network.transformer

    def forward(
        self, content: Tensor, code: Tensor, stats_in: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        picture, stats = self.transformer(content, code, stats_in, weight)
        return picture.clamp(0, 1), stats


@dataclass(frozen=True)
class Report:
    """Where the files are, how large, and how far ONNX and PyTorch differ.

    `differences` has one figure a graph and size: the largest over all values, see `TOLERANCE`.
    """

    files: dict[str, int]
    differences: dict[str, float]


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


def _trace(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    names: list[str],
    outputs: list[str],
    path: Path,
    about: dict[str, str],
) -> None:
    dynamic = {name: {0: "n"} for name in names + outputs}
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


def _run(path: Path, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, feed)  # type: ignore[no-any-return]


def _compare(network: ArbitraryNetwork, style_path: Path, transfer_path: Path) -> dict[str, float]:
    """Largest differences, with two pictures a batch, at every size of SIZES."""
    found: dict[str, float] = {}
    generator = torch.Generator().manual_seed(3)
    size = network.transformer.stats_size
    for height, width in SIZES:
        style = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            code = network.style(style)
        (theirs,) = _run(style_path, {"style": style.numpy()})
        scale = float(code.abs().max()) + 1e-6
        found[f"style_encoder {height}x{width}"] = float(np.abs(theirs - code.numpy()).max()) / scale
        height, width = (-(-side // STRIDE) * STRIDE for side in (height, width))
        content = torch.rand(2, 3, height, width, generator=generator)
        stats, weight = torch.rand(2, size, generator=generator), torch.tensor([[0.0], [0.5]])
        with torch.inference_mode():
            picture, used = network.transformer(content, code, stats, weight)
        feed = {"content": content, "code": code, "stats_in": stats, "stats_weight": weight}
        theirs, their_stats = _run(transfer_path, {k: v.numpy() for k, v in feed.items()})
        found[f"transformer {height}x{width}"] = float(np.abs(theirs - picture.clamp(0, 1).numpy()).max())
        spread = float(used.abs().max()) + 1e-6
        found[f"statistics {height}x{width}"] = float(np.abs(their_stats - used.numpy()).max()) / spread
    return found


def export_arbitrary(
    network: ArbitraryNetwork,
    folder: str | Path,
    name: str,
    *,
    style_size: int = 512,
    tolerance: float = TOLERANCE,
) -> Report:
    """Write both graphs into `folder`, float16 on disk, and check them against PyTorch.

    Raises ModelError, and leaves no file, when they differ by more than `tolerance` anywhere.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    network = network.cpu().eval()
    with torch.no_grad():  # PyTorch is compared with the weights that are really shipped
        for parameter in network.parameters():
            if parameter.numel() > HALVED:
                parameter.copy_(parameter.half().float())
    about = {
        "restyle_model": name,
        "style_size": str(style_size),
        "stride": str(STRIDE),
        "colour": "RGB 0..1",
    }
    style_path, transfer_path = folder / "style_encoder.onnx.tmp", folder / "transformer.onnx.tmp"
    size = network.transformer.stats_size
    try:
        _trace(_StyleGraph(network), (torch.rand(2, 3, 64, 80),), ["style"], ["code"], style_path, about)
        example = (
            torch.rand(2, 3, 64, 80),
            torch.rand(2, network.style.code_size),
            torch.rand(2, size),
            torch.rand(2, 1),
        )
        names = ["content", "code", "stats_in", "stats_weight"]
        _trace(_TransferGraph(network), example, names, ["picture", "stats"], transfer_path, about)
        differences = _compare(network, style_path, transfer_path)
        worst = max(differences, key=differences.__getitem__)
        if not differences[worst] <= tolerance:
            raise ModelError(
                f"ONNX and PyTorch differ by {differences[worst]:.2g} in {worst}, more than the tolerance "
                f"{tolerance:g}: nothing was exported"
            )
        files = {}
        for path in (style_path, transfer_path):
            final = path.with_suffix("")
            path.replace(final)
            files[final.name] = final.stat().st_size
        return Report(files, differences)
    finally:
        style_path.unlink(missing_ok=True)
        transfer_path.unlink(missing_ok=True)
