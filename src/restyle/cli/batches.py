"""How a command over several files ends."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def end_batch(failures: Sequence[str], total: int, what: str) -> None:
    """List what failed on standard error and exit with 1; return if nothing did.

    Parameters
    ----------
    failures : one line each, naming its file
    total : how many files there were
    what : their plural: "videos"
    """
    if not failures:
        return
    typer.echo(f"restyle: {len(failures)} of {total} {what} failed:", err=True)
    for reason in failures:
        typer.echo(f"  {reason}", err=True)
    raise typer.Exit(1)
