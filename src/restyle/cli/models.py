"""`restyle models`: list the models; `restyle models pull`: download one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from restyle.models.catalog import Record, State

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def models(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also list origin, paper, files and their SHA-256.")
    ] = False,
) -> None:
    """List the models with size, license and state.

    The exit code is 1 if a file is missing or damaged. Models that were never pulled do not count.

    restyle models

    restyle models pull vgg19
    """
    if context.invoked_subcommand is not None:
        return
    from restyle.cli.terminal import table
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


@app.command()
def pull(
    model: Annotated[list[str], typer.Argument(metavar="MODEL", help="A model of `restyle models`.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|FOLDER",
            help="Use this copy of the published file, or the copies in this folder, instead of a download.",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not download anything. RESTYLE_OFFLINE=1 is the same.")
    ] = False,
) -> None:
    """Download a published model, verify its hash, and convert it to safetensors.

    restyle models pull vgg19

    restyle models pull vgg19 --from ~/Downloads/vgg19-dcbb9e9d.pth
    """
    from restyle.models.download import pull as fetch

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
