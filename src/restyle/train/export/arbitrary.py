"""Export the arbitrary-style network as style_encoder.onnx and transformer.onnx, verified against PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from restyle.nn.arbitrary import ArbitraryNetwork
from restyle.nn.transformer import STRIDE
from restyle.train.export.graphs import (
    TRANSFER_INPUTS,
    TRANSFER_OUTPUTS,
    TransferGraph,
    batch_axes,
    check_agreement,
    prepare_folder,
    round_weights,
    run_graph,
    write_graph,
)

TOLERANCE = 2e-3  # largest difference of a pixel (0..1) or of a code relative to its size
SIZES = ((64, 96), (75, 51))  # height and width; the transformer's are rounded up to its stride


class _StyleGraph(nn.Module):
    def __init__(self, network: ArbitraryNetwork) -> None:
        super().__init__()
        self.style = network.style

    def forward(self, style: Tensor) -> Tensor:
        return self.style(style)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Report:
    """Files with their sizes, and the largest difference of ONNX and PyTorch for each graph and size."""

    files: dict[str, int]
    differences: dict[str, float]


def _compare(network: ArbitraryNetwork, style_path: Path, transfer_path: Path) -> dict[str, float]:
    """Largest differences for batches of two, at every size of SIZES."""
    found: dict[str, float] = {}
    generator = torch.Generator().manual_seed(3)
    for height, width in SIZES:
        style = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            code = network.style(style)
        (theirs,) = run_graph(style_path, {"style": style.numpy()})
        scale = float(code.abs().max()) + 1e-6
        found[f"style_encoder {height}x{width}"] = float(np.abs(theirs - code.numpy()).max()) / scale
        height, width = (-(-side // STRIDE) * STRIDE for side in (height, width))
        content = torch.rand(2, 3, height, width, generator=generator)
        weight = torch.tensor([[0.0], [0.5]])
        with torch.inference_mode():
            _, stats = network.transformer(torch.rand(content.shape, generator=generator), code)
            picture, used = network.transformer(content, code, stats, weight)
        feed = {"content": content, "code": code, "stats_in": stats, "stats_weight": weight}
        theirs, their_stats = run_graph(transfer_path, {k: v.numpy() for k, v in feed.items()})
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
    overwrite: bool = False,
) -> Report:
    """Write both graphs into `folder` and check them against PyTorch.

    Raises ModelError, and leaves no file, if they differ by more than `tolerance` anywhere; OutputError if a
    file exists and `overwrite` is not set.
    """
    folder = Path(folder)
    prepare_folder(folder, ["style_encoder.onnx", "transformer.onnx"], overwrite)
    network = network.cpu().eval()
    round_weights(network)
    about = {
        "restyle_model": name,
        "style_size": str(style_size),
        "stride": str(STRIDE),
        "color": "RGB 0..1",
    }
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
        graph = TransferGraph(network.transformer)
        axes = batch_axes([*TRANSFER_INPUTS, *TRANSFER_OUTPUTS])
        write_graph(graph, example, TRANSFER_INPUTS, TRANSFER_OUTPUTS, transfer_path, about, axes)
        differences = _compare(network, style_path, transfer_path)
        check_agreement(differences, tolerance)
        files = {}
        for path in (style_path, transfer_path):
            final = path.with_suffix("")
            path.replace(final)
            files[final.name] = final.stat().st_size
        return Report(files, differences)
    finally:
        style_path.unlink(missing_ok=True)
        transfer_path.unlink(missing_ok=True)
