"""`restyle export`: a trained network as ONNX, which runs without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    network: Annotated[
        Path, typer.Argument(help="A .safetensors file of `restyle train arbitrary`.", metavar="FILE")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the two ONNX files go.")
    ],
    style_size: Annotated[
        int, typer.Option(min=64, max=4096, help="Short side in pixels that styles are read at by default.")
    ] = 512,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Largest difference from PyTorch before nothing is written.")
    ] = 0.002,
) -> None:
    """Write style_encoder.onnx and transformer.onnx, after comparing them with PyTorch at two sizes.

    restyle export my.safetensors -o my-model/

    restyle image photo.jpg --style painting.jpg --model my-model/
    """
    import importlib.util

    from restyle.errors import MissingExtraError

    for module in ("torch", "safetensors", "onnx"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError("`restyle export`", "torch")
    from restyle.export.arbitrary import export_arbitrary
    from restyle.nn.arbitrary import load_arbitrary

    model, name = load_arbitrary(network)
    report = export_arbitrary(model, output, name, style_size=style_size, tolerance=tolerance)
    for what, difference in report.differences.items():
        typer.echo(f"{what}: differs from PyTorch by at most {difference:.1g}")
    for file, size in report.files.items():
        typer.echo(f"{output / file} {size / 1e6:.2f} MB")
