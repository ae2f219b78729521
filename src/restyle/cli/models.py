"""`restyle models`: the models as a table; `restyle models pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from restyle.cli.flags import BareValues, with_flags
from restyle.options import DownloadOptions

if TYPE_CHECKING:
    from restyle.models.catalog import Record, State

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def models(context: typer.Context) -> None:
    """List the models: size, licence, whether their files are there and sound.

    Ends with 1 if a file is missing or damaged; one that was never pulled is not missing.

    restyle models

    restyle models pull vgg19
    """
    if context.invoked_subcommand is not None:
        return
    from restyle.cli.table import table
    from restyle.models import catalog
    from restyle.models.folder import models_folder

    rows, details, sound = [], [], True
    for record in catalog.records().values():
        states = [file.state() for file in record.files]
        state = _state(record, states)
        sound = sound and state not in ("damaged", "missing")
        rows.append([record.name, f"{record.size / 1e6:.1f} MB", record.licence, state, record.title])
        details.append(f"{record.name}\n  origin: {record.origin}\n  paper: {record.paper}")
        for file, each in zip(record.files, states, strict=True):
            details.append(f"  {file.path.name}: {each}, SHA-256 {file.expected() or 'not known yet'}")
            if file.download is not None:
                details.append(f"    from {file.download.urls[0]}, SHA-256 {file.download.sha256}")
    typer.echo(table(["model", "size", "licence", "state", "what"], rows))
    typer.echo("\n" + "\n".join(details) + f"\n\npulled models are in {models_folder()}")
    if not sound:
        raise typer.Exit(1)


@app.command(cls=BareValues)
@with_flags
def pull(
    model: Annotated[list[str], typer.Argument(metavar="MODEL", help="A model of `restyle models`.")],
    options: DownloadOptions,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|FOLDER",
            help="The published file, or a folder that holds it, where it is here already.",
        ),
    ] = None,
) -> None:
    """Bring a published model into the user's folder: fetched, checked by its hash, free of pickle.

    restyle models pull vgg19

    restyle models pull vgg19 --from ~/Downloads/vgg19-dcbb9e9d.pth

    A download that breaks off goes on where it was when it is started again.
    """
    from restyle.cli.progress import Bar
    from restyle.nn.fetch import pull as bring

    for name in model:
        with Bar(1, name) as bar:

            def show(done: int, total: int | None, file: str, bar: Bar = bar) -> None:
                label = (
                    f"{file}, {done / 1e6:.0f} of {total / 1e6:.0f} MB"
                    if total
                    else f"{file}, {done / 1e6:.0f} MB"
                )
                bar.at(min(done / total, 0.999) if total else 0.0, label)

            paths = bring(name, source=source, mirror=options.mirror, offline=options.offline, report=show)
        for path in paths:
            typer.echo(str(path))


def _state(record: Record, states: list[State]) -> str:
    """One word, or a few, for a model of several files."""
    if "damaged" in states:
        return "damaged"
    if "missing" not in states:
        return "ok"
    lacking = [file for file, state in zip(record.files, states, strict=True) if state == "missing"]
    return "not pulled" if all(file.download for file in lacking) else "missing"
