"""Export the perceptual encoder as ONNX, verified against PyTorch, so that styles are measured without torch.

    python -m restyle.train.export.encoder                        # the shipped encoder, in place
    python -m restyle.train.export.encoder my.safetensors -o encoder.onnx

The 1x1 heads are omitted: only distillation needs them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from restyle.models import catalog
from restyle.models.features import LAYERS, MODEL
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from restyle.train.export.arbitrary import TOLERANCE
from restyle.train.export.graphs import batch_axes, check_agreement, round_weights, run_graph, write_graph

SIZES = ((64, 96), (75, 51))  # height and width


def export_encoder(
    encoder: PerceptualEncoder, path: str | Path, name: str = MODEL, *, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """Write one graph: ``picture [N, 3, H, W]``, RGB, 0..1, of at least 32 px a side -> five layers by name.

    Parameters
    ----------
    encoder : PerceptualEncoder
    path : path
        Replaced if it exists.
    tolerance : float
        Largest difference of a layer from PyTorch, relative to its largest value.

    Returns
    -------
    dict of str to float
        The differences found.

    Raises
    ------
    ModelError
        ONNX and PyTorch differ by more than the tolerance; nothing is written.
    """
    path = Path(path)
    encoder = encoder.cpu().eval()
    round_weights(encoder)
    temporary = path.with_name(f"{path.name}.tmp")
    about = {"restyle_model": name, "stride": "1", "color": "RGB 0..1"}
    layers = list(LAYERS)
    try:
        axes = batch_axes(["picture", *layers], maps=layers)
        write_graph(encoder, (torch.rand(2, 3, 64, 80),), ["picture"], layers, temporary, about, axes)
        differences = _compare(encoder, temporary)
        check_agreement(differences, tolerance)
        temporary.replace(path)
        return differences
    finally:
        temporary.unlink(missing_ok=True)


def _compare(encoder: PerceptualEncoder, path: Path) -> dict[str, float]:
    generator = torch.Generator().manual_seed(3)
    found = {}
    for height, width in SIZES:
        picture = torch.rand(2, 3, height, width, generator=generator)
        with torch.inference_mode():
            ours = encoder(picture)
        theirs = run_graph(path, {"picture": picture.numpy()})
        for layer, a, b in zip(LAYERS, ours, theirs, strict=True):
            scale = float(a.abs().max()) + 1e-6
            found[f"{layer} {height}x{width}"] = float(np.abs(b - a.numpy()).max()) / scale
    return found


def main() -> None:
    """Export and print the differences."""
    record = catalog.find(MODEL)
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
