"""`restyle models`: list the models, and download others. `restyle export`: write networks and looks."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import table
from restyle.errors import OptionError, require
from restyle.files import check_output
from restyle.options import EngineOptions, OptimizeOptions, PhotoOptions

if TYPE_CHECKING:
    from restyle.models.catalog import Record, State

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def models(
    context: typer.Context,
    *,
    verbose: bool = typer.Option(
        False, "--verbose", help="Also list origin, paper, files and their SHA-256."
    ),
) -> None:
    """List the models with size, license and state.

    The exit code is 1 if a file is missing or damaged. Models that were never pulled do not count.

    restyle models

    restyle models pull vgg19
    """
    if context.invoked_subcommand is not None:
        return
    from restyle.models import catalog

    rows, details, usable = [], [], True
    for record in catalog.records().values():
        states = [file.state() for file in record.files]
        state = _state(record, states)
        usable = usable and state not in ("damaged", "missing")
        rows.append([record.name, f"{record.size / 1e6:.1f} MB", record.license, state, record.title])
        if verbose:
            details.append(f"{record.name}\n  origin: {record.origin}\n  paper: {record.paper}")
        for file, each in zip(record.files, states, strict=True):
            if not (verbose or state in ("damaged", "missing")):
                continue
            details.append(f"  {file.path.name}: {each}, SHA-256 {file.expected() or 'not known yet'}")
            if file.download is not None:
                details.append(f"    from {file.download.url}, SHA-256 {file.download.sha256}")
    typer.echo(table(["model", "size", "license", "state", "what"], rows))
    typer.echo(
        "\n" + "".join(f"{line}\n" for line in details) + f"pulled models are in {catalog.models_folder()}"
    )
    if not usable:
        raise typer.Exit(1)


MODEL = typer.Argument(metavar="MODEL", help="A model of `restyle models`.")


@app.command()
def pull(
    *,
    model: list[str] = MODEL,
    source: str | None = flag(
        None,
        "--from",
        "FILE|FOLDER",
        "Use this copy of the published file, or the copies in this folder, instead of a download.",
    ),
    offline: bool = typer.Option(
        False, "--offline", help="Do not download anything. RESTYLE_OFFLINE=1 is the same."
    ),
) -> None:
    """Download a published model, verify its hash, and convert it to safetensors.

    restyle models pull vgg19

    restyle models pull vgg19 --from ~/Downloads/vgg19-dcbb9e9d.pth
    """
    from restyle.models.catalog import pull as fetch

    for name in model:
        for path in fetch(name, source=source, offline=offline, progress=sys.stderr.isatty()):
            typer.echo(str(path))


def _state(record: Record, states: list[State]) -> str:
    """State of a model with several files."""
    if "damaged" in states:
        return "damaged"
    if "missing" not in states:
        return "ok"
    missing = [file for file, state in zip(record.files, states, strict=True) if state == "missing"]
    return "not pulled" if all(file.download for file in missing) else "missing"


class NetworkFirst(TyperGroup):
    """A group whose command `network` may be left out: `restyle export my.safetensors -o my-model/`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = ["network", *args]
        return super().parse_args(ctx, args)


exporting = typer.Typer(cls=NetworkFirst, add_completion=False, no_args_is_help=True)


@exporting.callback()
def export() -> None:
    """Export a trained network as ONNX and verify it, or a photographic look as a .cube file.

    restyle export my.safetensors -o my-model/

    restyle export look photo.jpg --style evening.jpg -o evening.cube
    """


NETWORK = typer.Argument(
    help="A .safetensors file of `restyle train arbitrary`, or a .restyle file.", metavar="FILE"
)
OUTPUT = flag(..., "--output -o", "FOLDER", "Folder for the ONNX files.")


@exporting.command()
def network(
    *,
    network: Path = NETWORK,
    output: Path = OUTPUT,
    style_size: int = typer.Option(
        512, min=64, max=4096, help="Default short side in pixels at which styles are encoded."
    ),
    tolerance: float = typer.Option(
        0.002, min=0.0, help="Maximum difference from PyTorch; above it nothing is written."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace files that exist in the folder."),
) -> None:
    """Write style_encoder.onnx and transformer.onnx, after comparing their results with PyTorch at two sizes.

    A network of `restyle train style` gives transformer.onnx and a .style file for each of its styles.

    restyle export my.safetensors -o my-model/

    restyle export starry.restyle -o starry-model/

    restyle image photo.jpg --style painting.jpg --model my-model/
    """
    from restyle.models.network_files import is_network_file

    require("`restyle export`", "torch", "torch", "safetensors", "onnx")
    if is_network_file(network):
        from restyle.train.export import export_folder, export_graph
        from restyle.train.style_network import StyleNetwork

        loaded = StyleNetwork.load(network)
        record = loaded.record()
        graph, differences = export_graph(loaded.module, loaded.name, tolerance=tolerance)
        report = export_folder(replace(record, graph=graph), output, differences, overwrite=overwrite)
    else:
        from restyle.nn.arbitrary import load_arbitrary
        from restyle.train.export import export_arbitrary

        model, name = load_arbitrary(network)
        report = export_arbitrary(
            model, output, name, style_size=style_size, tolerance=tolerance, overwrite=overwrite
        )
    for name, difference in report.differences.items():
        typer.echo(f"{name}: differs from PyTorch by at most {difference:.1g}")
    for file, size in report.files.items():
        typer.echo(f"{output / file} {size / 1e6:.2f} MB")


STYLE = flag(..., "--style -s", "STYLE[:WEIGHT]", "A photo, or a look of `restyle styles`; photos are mixed.")


@exporting.command()
@with_flags
def look(
    *,
    photo: str | None = typer.Argument(
        None, metavar="PHOTO", help="Photo whose colors the look starts from."
    ),
    style: list[str] = STYLE,
    engine: EngineOptions,
    output: str = flag(..., "--output -o", "FILE.cube", "Output path."),
    strength: float = typer.Option(1.0, help="How much of the look, as for `restyle image`. [0 to 1.5]"),
    protect_skin: bool = typer.Option(True, "--protect-skin/--no-protect-skin", help="Keep the hue of skin."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the file if it exists."),
) -> None:
    """Write a look as a .cube file of 33 points, for Lightroom, Resolve, OBS, ffmpeg, and --look.

    The table holds one color map for all parts of the photo, that of `restyle image --method photo
    --consistent`. The separate maps of sky, ground and other segments depend on the place in the photo,
    which no table can hold.

    restyle export look photo.jpg --style evening.jpg -o evening.cube

    restyle export look --style golden-hour -o golden-hour.cube
    """
    from restyle.images.looks import LOOKS, look_table, save_cube
    from restyle.images.picture import load_image
    from restyle.models.style_files import split_weight
    from restyle.pipeline import fit_tables
    from restyle.stylizer import Stylizer

    inputs = [*filter(None, [photo]), *(split_weight(each)[0] for each in style)]
    if not output.lower().endswith(".cube"):
        raise OptionError(f"output '{output}' does not end with .cube")
    check_output(output, overwrite=overwrite, inputs=inputs)
    if len(style) == 1 and style[0] in LOOKS:
        if photo is not None or strength != 1:
            raise OptionError(f"look '{style[0]}' is a formula; it takes neither a photo nor strength")
        cube = look_table(style[0])
    elif photo is None:
        raise OptionError("no photo is given; the look of a style starts from the colors of a photo")
    else:
        pixels = load_image(photo).visible
        stylizer = Stylizer(engine.model, device=engine.device, threads=engine.threads)
        method = OptimizeOptions(method="photo", protect_skin=protect_skin)
        options = PhotoOptions(strength=strength)
        cube = fit_tables([pixels], stylizer.style(style), options, method)(pixels)
    title = Path(output).stem
    typer.echo(str(save_cube(cube, output, title=title, overwrite=overwrite, inputs=tuple(inputs))))
