"""`restyle export`: write a trained network as ONNX, which runs without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restyle.train.export.arbitrary import Report


def export(
    network: Annotated[
        Path,
        typer.Argument(
            help="A .safetensors file of `restyle train arbitrary`, or a .restyle file.", metavar="FILE"
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the ONNX files.")
    ],
    style_size: Annotated[
        int, typer.Option(min=64, max=4096, help="Default short side in pixels at which styles are encoded.")
    ] = 512,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Maximum difference from PyTorch; above it nothing is written.")
    ] = 0.002,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist in the folder.")
    ] = False,
) -> None:
    """Write style_encoder.onnx and transformer.onnx, after comparing their results with PyTorch at two sizes.

    A network of `restyle train style` gives transformer.onnx and a .style file for each of its styles.

    restyle export my.safetensors -o my-model/

    restyle export starry.restyle -o starry-model/

    restyle image photo.jpg --style painting.jpg --model my-model/
    """
    from restyle.errors import require
    from restyle.models.network_files import is_network_file

    require("`restyle export`", "torch", "torch", "safetensors", "onnx")
    if is_network_file(network):
        _print(_own_styles(network, output, tolerance, overwrite), output)
        return
    from restyle.nn.arbitrary import load_arbitrary
    from restyle.train.export.arbitrary import export_arbitrary

    model, name = load_arbitrary(network)
    report = export_arbitrary(
        model, output, name, style_size=style_size, tolerance=tolerance, overwrite=overwrite
    )
    _print(report, output)


def _own_styles(network: Path, output: Path, tolerance: float, overwrite: bool) -> Report:
    from dataclasses import replace

    from restyle.train.export.conditional import export_folder, export_graph
    from restyle.train.style_network import StyleNetwork

    loaded = StyleNetwork.load(network)
    record = loaded.record()
    graph, differences = export_graph(loaded.module, loaded.name, tolerance=tolerance)
    return export_folder(replace(record, graph=graph), output, differences, overwrite=overwrite)


def _print(report: Report, output: Path) -> None:
    for name, difference in report.differences.items():
        typer.echo(f"{name}: differs from PyTorch by at most {difference:.1g}")
    for file, size in report.files.items():
        typer.echo(f"{output / file} {size / 1e6:.2f} MB")
