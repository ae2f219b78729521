"""`restyle models`."""

from __future__ import annotations

import typer


def models() -> None:
    """List the models: size, licence, whether their files are there and sound.

    Ends with 1 if a file is missing or damaged.
    """
    from restyle.cli.table import table
    from restyle.models import catalog

    rows, details, sound = [], [], True
    for record in catalog.records().values():
        states = [file.state() for file in record.files]
        state = (
            "ok" if all(each == "ok" for each in states) else "damaged" if "damaged" in states else "missing"
        )
        sound = sound and state == "ok"
        rows.append([record.name, f"{record.size / 1e6:.1f} MB", record.licence, state, record.title])
        details.append(f"{record.name}\n  origin: {record.origin}\n  paper: {record.paper}")
        for file, each in zip(record.files, states, strict=True):
            details.append(f"  {file.path.name}: {each}, SHA-256 {file.sha256}")
    typer.echo(table(["model", "size", "licence", "state", "what"], rows))
    typer.echo("\n" + "\n".join(details))
    if not sound:
        raise typer.Exit(1)
