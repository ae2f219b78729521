"""Export a network with its own styles as one ONNX graph, verified against PyTorch; or as a model folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from restyle.files import writing
from restyle.models.network_files import NetworkRecord
from restyle.models.style_files import SUFFIX, StyleRecord, write
from restyle.nn.conditional import STRIDE, ConditionalTransformer
from restyle.train.export.arbitrary import TOLERANCE, Report
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

SIZES = ((64, 96), (76, 52))  # height and width, multiples of the stride


def halo(kernel: int, blocks: int) -> int:
    """Receptive field of the network to each side, in px, rounded up to its stride.

    A kernel reaches (k - 1) / 2 positions, which are 4 px each at a quarter of the size; bilinear upsampling
    adds one position at both of its sizes.
    """
    reach = (kernel // 2) * (1 + 2 + 4 * 2 * blocks + 2 + 1 + 1) + 4 + 2
    return -(-reach // STRIDE) * STRIDE


def smallest(kernel: int) -> int:
    """Smallest side in px: reflection needs more positions than it adds, at a quarter of the size, too."""
    return max(16, 4 * (kernel // 2 + 1))


def export_graph(
    network: ConditionalTransformer, name: str, *, tolerance: float = TOLERANCE
) -> tuple[bytes, dict[str, float]]:
    """Return the ONNX graph and its largest differences from PyTorch at two sizes.

    Raises ModelError if one is more than `tolerance`.
    """
    shape = network.shape
    rounded = ConditionalTransformer(shape).eval()
    rounded.load_state_dict(network.cpu().state_dict())
    round_weights(rounded)
    about = {
        "restyle_model": name,
        "stride": str(STRIDE),
        "smallest": str(smallest(shape.kernel_size)),
        "halo": str(halo(shape.kernel_size, shape.blocks)),
        "color": "RGB 0..1",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transformer.onnx"
        axes = batch_axes([*TRANSFER_INPUTS, *TRANSFER_OUTPUTS])
        inputs = _example(rounded, 64, 80)
        write_graph(TransferGraph(rounded), inputs, TRANSFER_INPUTS, TRANSFER_OUTPUTS, path, about, axes)
        differences = {}
        for height, width in SIZES:
            feed = _example(rounded, height, width)
            with torch.inference_mode():
                picture, stats = rounded(*feed)
            given = {key: value.numpy() for key, value in zip(TRANSFER_INPUTS, feed, strict=True)}
            theirs, their_stats = run_graph(path, given)
            differences[f"transformer {height}x{width}"] = float(
                np.abs(theirs - picture.clamp(0, 1).numpy()).max()
            )
            spread = float(stats.abs().max()) + 1e-6
            differences[f"statistics {height}x{width}"] = (
                float(np.abs(their_stats - stats.numpy()).max()) / spread
            )
        check_agreement(differences, tolerance)
        return path.read_bytes(), differences


def export_folder(
    record: NetworkRecord,
    folder: str | Path,
    differences: dict[str, float] | None = None,
    *,
    overwrite: bool = False,
) -> Report:
    """Write transformer.onnx and a `.style` file for each style: a folder for `--model`.

    Raises OutputError, before anything is written, if a file exists and `overwrite` is not set.
    """
    folder = Path(folder)
    names = [f"styles/{name}{SUFFIX}" for name in record.styles]
    prepare_folder(folder, ["transformer.onnx", *names], overwrite)
    graph = folder / "transformer.onnx"
    with writing(graph, overwrite=True) as temporary:
        temporary.write_bytes(record.graph)
    files = {graph.name: len(record.graph)}
    for place, name in enumerate(record.styles):
        code = np.eye(len(record.styles), dtype=np.float32)[place]
        path = write(
            StyleRecord(record.name, name, code), folder / "styles" / f"{name}{SUFFIX}", overwrite=True
        )
        files[f"styles/{path.name}"] = path.stat().st_size
    return Report(files, differences or {})


def _example(network: ConditionalTransformer, height: int, width: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    code = torch.rand(2, network.shape.styles, generator=generator)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        code / code.sum(1, keepdim=True),
        torch.rand(2, network.stats_size, generator=generator),
        torch.tensor([[0.0], [0.5]]),
    )
