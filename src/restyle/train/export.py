"""Export trained networks as ONNX files that run without PyTorch, verified against it.

    python -m restyle.train.export                               # the shipped encoder, in place
    python -m restyle.train.export my.safetensors -o encoder.onnx

Large weights are float16, and sizes are free. The 1x1 heads of an encoder are omitted: only distillation
needs them.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.files import check_output, make_folder, writing
from restyle.models import catalog
from restyle.models.network_files import NetworkRecord
from restyle.models.session import EMBEDDED, LAYERS
from restyle.models.style_files import SUFFIX, StyleRecord, write
from restyle.nn import conditional
from restyle.nn.arbitrary import ArbitraryNetwork
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from restyle.nn.transformer import STRIDE

OPSET = 18
HALVED = 64  # tensors with more values than this are stored as float16
TOLERANCE = 2e-3  # largest difference of a pixel (0..1), or relative to the largest value of a code or layer
SIZES = ((64, 96), (75, 51))  # height and width of the comparisons; a transformer's are rounded up
CONDITIONAL_SIZES = ((64, 96), (76, 52))
TRANSFER_INPUTS = ("content", "code", "stats_in", "stats_weight")
TRANSFER_OUTPUTS = ("picture", "stats")


@dataclass(frozen=True)
class Report:
    """Files with their sizes, and the largest difference of ONNX and PyTorch for each graph and size."""

    files: dict[str, int]
    differences: dict[str, float]


def export_arbitrary(
    network: ArbitraryNetwork,
    folder: str | Path,
    name: str,
    *,
    style_size: int = 512,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> Report:
    """Write style_encoder.onnx and transformer.onnx into `folder`.

    Raises ModelError, and leaves no file, if they differ from PyTorch by more than `tolerance` anywhere;
    OutputError if a file exists and `overwrite` is not set.
    """
    folder = Path(folder)
    prepare_folder(folder, ["style_encoder.onnx", "transformer.onnx"], overwrite)
    network = network.cpu().eval()
    round_weights(network)
    about = {"restyle_model": name, "style_size": str(style_size), "stride": str(STRIDE), "color": "RGB 0..1"}
    style_path, transfer_path = folder / "style_encoder.onnx.tmp", folder / "transformer.onnx.tmp"
    size = network.transformer.stats_size
    try:
        style = torch.rand(2, 3, 64, 80)
        axes = batch_axes(["style", "code"])
        write_graph(_StyleGraph(network), (style,), ["style"], ["code"], style_path, about, axes)
        example = (
            torch.rand(2, 3, 64, 80),
            torch.rand(2, network.style.code_size),
            torch.rand(2, size),
            torch.rand(2, 1),
        )
        _write_transfer(network.transformer, example, transfer_path, about)
        differences = _compare_arbitrary(network, style_path, transfer_path)
        check_agreement(differences, tolerance)
        files = {}
        for path in (style_path, transfer_path):
            final = path.replace(path.with_suffix(""))
            files[final.name] = final.stat().st_size
        return Report(files, differences)
    finally:
        style_path.unlink(missing_ok=True)
        transfer_path.unlink(missing_ok=True)


def _compare_arbitrary(network: ArbitraryNetwork, style_path: Path, transfer_path: Path) -> dict[str, float]:
    """Largest differences for batches of two, at every size of SIZES."""
    found: dict[str, float] = {}
    generator = torch.Generator().manual_seed(3)
    for height, width in SIZES:
        style = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            code = network.style(style)
        (theirs,) = run_graph(style_path, {"style": style})
        found[f"style_encoder {height}x{width}"] = _relative(theirs, code)
        height, width = (-(-side // STRIDE) * STRIDE for side in (height, width))
        content = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            _, stats = network.transformer(torch.rand(content.shape, generator=generator), code)
        feed = (content, code, stats, torch.tensor([[0.0], [0.5]]))
        found |= _compare_transfer(network.transformer, feed, transfer_path)
    return found


def export_graph(
    network: ConditionalTransformer, name: str, *, tolerance: float = TOLERANCE
) -> tuple[bytes, dict[str, float]]:
    """Return the ONNX graph of a network with its own styles, and its largest differences from PyTorch.

    Raises ModelError if one is more than `tolerance`.
    """
    shape = network.shape
    rounded = ConditionalTransformer(shape).eval()
    rounded.load_state_dict(network.cpu().state_dict())
    round_weights(rounded)
    about = {
        "restyle_model": name,
        "stride": str(conditional.STRIDE),
        "smallest": str(smallest(shape.kernel_size)),
        "halo": str(halo(shape.kernel_size, shape.blocks)),
        "color": "RGB 0..1",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transformer.onnx"
        _write_transfer(rounded, _conditional_example(rounded, 64, 80), path, about)
        differences: dict[str, float] = {}
        for height, width in CONDITIONAL_SIZES:
            differences |= _compare_transfer(rounded, _conditional_example(rounded, height, width), path)
        check_agreement(differences, tolerance)
        return path.read_bytes(), differences


def _conditional_example(network: ConditionalTransformer, height: int, width: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    code = torch.rand(2, network.shape.styles, generator=generator)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        code / code.sum(1, keepdim=True),
        torch.rand(2, network.stats_size, generator=generator),
        torch.tensor([[0.0], [0.5]]),
    )


def halo(kernel: int, blocks: int) -> int:
    """Receptive field of a network with its own styles to each side, in px, rounded up to its stride.

    A kernel reaches (k - 1) / 2 positions, which are 4 px each at a quarter of the size; bilinear upsampling
    adds one position at both of its sizes.
    """
    reach = (kernel // 2) * (1 + 2 + 4 * 2 * blocks + 2 + 1 + 1) + 4 + 2
    return -(-reach // conditional.STRIDE) * conditional.STRIDE


def smallest(kernel: int) -> int:
    """Smallest side in px: reflection needs more positions than it adds, at a quarter of the size, too."""
    return max(16, 4 * (kernel // 2 + 1))


def export_folder(
    record: NetworkRecord, folder: str | Path, differences: dict[str, float], *, overwrite: bool = False
) -> Report:
    """Write transformer.onnx and a `.style` file for each style: a folder for `--model`.

    Raises OutputError, before anything is written, if a file exists and `overwrite` is not set.
    """
    folder = Path(folder)
    prepare_folder(
        folder, ["transformer.onnx", *(f"styles/{name}{SUFFIX}" for name in record.styles)], overwrite
    )
    graph = folder / "transformer.onnx"
    with writing(graph, overwrite=True) as temporary:
        temporary.write_bytes(record.graph)
    files = {graph.name: len(record.graph)}
    for name, code in zip(record.styles, np.eye(len(record.styles), dtype=np.float32), strict=True):
        path = folder / "styles" / f"{name}{SUFFIX}"
        write(StyleRecord(record.name, name, code), path, overwrite=True)
        files[f"styles/{path.name}"] = path.stat().st_size
    return Report(files, differences)


def export_encoder(
    encoder: PerceptualEncoder, path: str | Path, name: str = EMBEDDED, *, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """Write one graph: ``picture [N, 3, H, W]``, RGB, 0..1, of at least 32 px a side -> five layers by name.

    Replaces an existing file. Returns the largest difference of each layer from PyTorch, relative to its
    largest value; raises ModelError, and writes nothing, if one is more than `tolerance`.
    """
    path = Path(path)
    encoder = encoder.cpu().eval()
    round_weights(encoder)
    temporary = path.with_name(f"{path.name}.tmp")
    about = {"restyle_model": name, "stride": "1", "color": "RGB 0..1"}
    try:
        axes = batch_axes(["picture", *LAYERS], maps=LAYERS)
        write_graph(encoder, (torch.rand(2, 3, 64, 80),), ["picture"], LAYERS, temporary, about, axes)
        differences = _compare_encoder(encoder, temporary)
        check_agreement(differences, tolerance)
        temporary.replace(path)
        return differences
    finally:
        temporary.unlink(missing_ok=True)


def _compare_encoder(encoder: PerceptualEncoder, path: Path) -> dict[str, float]:
    generator = torch.Generator().manual_seed(3)
    found = {}
    for height, width in SIZES:
        picture = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            ours = encoder(picture)
        for layer, a, b in zip(LAYERS, ours, run_graph(path, {"picture": picture}), strict=True):
            found[f"{layer} {height}x{width}"] = _relative(b, a)
    return found


class _StyleGraph(nn.Module):
    def __init__(self, network: ArbitraryNetwork) -> None:
        super().__init__()
        self.style = network.style

    def forward(self, style: Tensor) -> Tensor:
        return self.style(style)  # type: ignore[no-any-return]


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


def _write_transfer(
    transformer: nn.Module, example: tuple[Tensor, ...], path: Path, about: Mapping[str, str]
) -> None:
    axes = batch_axes([*TRANSFER_INPUTS, *TRANSFER_OUTPUTS])
    write_graph(TransferGraph(transformer), example, TRANSFER_INPUTS, TRANSFER_OUTPUTS, path, about, axes)


def _compare_transfer(transformer: nn.Module, feed: tuple[Tensor, ...], path: Path) -> dict[str, float]:
    """Largest differences of the picture and of the statistics."""
    with torch.inference_mode():
        picture, stats = transformer(*feed)
    theirs, their_stats = run_graph(path, dict(zip(TRANSFER_INPUTS, feed, strict=True)))
    size = "x".join(map(str, feed[0].shape[2:]))
    return {
        f"transformer {size}": float(np.abs(theirs - picture.clamp(0, 1).numpy()).max()),
        f"statistics {size}": _relative(their_stats, stats),
    }


def _relative(theirs: np.ndarray, ours: Tensor) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(theirs - ours.numpy()).max()) / (float(ours.abs().max()) + 1e-6)


def prepare_folder(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    """Make the folder of the files `names`; OutputError if one of them exists and `overwrite` is not set."""
    for name in names:
        path = folder / name
        make_folder(path.parent)
        check_output(path, overwrite=overwrite)


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
    axes: dict[str, dict[int, str]],
) -> None:
    """Write a module as ONNX with float16 weights.

    inputs : an example of each
    names, outputs : of the inputs and outputs
    axes : by name, the names of the axes whose sizes are free
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=list(names),
            output_names=list(outputs),
            dynamic_axes=axes,
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


def run_graph(path: Path, feed: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Run an ONNX file with ONNX Runtime on the CPU."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: each.numpy() for name, each in feed.items()})  # type: ignore[no-any-return]


def check_agreement(differences: dict[str, float], tolerance: float) -> None:
    """Raise ModelError if ONNX and PyTorch differ anywhere by more than `tolerance`, or by NaN."""
    for where, difference in differences.items():
        if not difference <= tolerance:  # true of NaN as well
            raise ModelError(
                f"ONNX and PyTorch differ by {difference:.2g} in {where}, more than the tolerance "
                f"{tolerance:g}: nothing was exported"
            )


def main() -> None:
    """Export and print the differences."""
    record = catalog.find(EMBEDDED)
    parser = argparse.ArgumentParser(description="Write a perceptual encoder as ONNX.")
    parser.add_argument("encoder", nargs="?", type=Path, default=record.file("encoder").path)
    shipped = record.file("encoder").path.with_suffix(".onnx")
    parser.add_argument("-o", "--output", type=Path, default=shipped)
    chosen = parser.parse_args()
    differences = export_encoder(load_encoder(chosen.encoder), chosen.output)
    lines = [f"{what}: differs from PyTorch by at most {each:.1g}" for what, each in differences.items()]
    lines.append(f"{chosen.output.name} {chosen.output.stat().st_size / 1e6:.2f} MB")
    if chosen.output.resolve() == shipped.resolve():
        lines.append("now run scripts/refresh_catalog.py")
    parser.exit(0, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
