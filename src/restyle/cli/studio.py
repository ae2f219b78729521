"""`restyle studio`."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions
from restyle.options.studio import LOCAL, StudioOptions


@with_flags
def studio(
    options: StudioOptions,
    engine: EngineOptions,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Open restyle in the browser: a page, and an HTTP API (extra studio).

    restyle studio --open

    restyle studio --host 0.0.0.0 --token auto
    """
    from restyle.errors import require

    require("restyle studio", "studio", "fastapi", "uvicorn", "python_multipart")
    from restyle.studio.server import serve

    def say(address: str) -> None:
        typer.echo(f"restyle studio: {address}  (Ctrl-C stops it)")
        if options.host not in LOCAL:
            whom = "everyone who has the token" if options.token else "everyone, without a token"
            typer.echo(f"restyle: other machines can reach this server; it serves {whom}", err=True)
        if open_browser:
            import webbrowser

            webbrowser.open(address)

    serve(options, engine, say)
