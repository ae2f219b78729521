"""`restyle studio`."""

from __future__ import annotations

from pathlib import Path

import typer

from restyle.cli.app import flag, with_flags
from restyle.errors import OptionError
from restyle.options import EngineOptions
from restyle.options.studio import LOCAL, StudioOptions

STATIC = flag(
    None,
    "--static",
    "FOLDER",
    "Write the page to a folder instead, for any host of static files; pictures are painted in"
    " the browser (extra web).",
    rich_help_panel="A page without a server",
)
RUNTIME = flag(
    None,
    "--runtime",
    "FOLDER",
    "Unpacked npm package onnxruntime-web, to use instead of the extra web.",
    rich_help_panel="A page without a server",
)


@with_flags
def studio(
    *,
    options: StudioOptions,
    engine: EngineOptions,
    open_browser: bool = typer.Option(False, "--open", help="Open the page in the browser."),
    static: Path | None = STATIC,
    runtime: Path | None = RUNTIME,
) -> None:
    """Open restyle in the browser: a page, and an HTTP API (extra studio).

    restyle studio --open

    restyle studio --host 0.0.0.0 --token auto

    restyle studio --static site
    """
    from restyle.errors import require

    if static is not None:
        from restyle.studio.static import LEFT_OUT, write

        site = write(static, runtime)
        typer.echo(f"{site.folder}: {site.files} files, {site.size / 1e6:.0f} MB, with {site.runtime}")
        typer.echo(f"To look at it: python -m http.server --directory {site.folder}")
        typer.echo(f"It has no {LEFT_OUT}.")
        return
    if runtime is not None:
        raise OptionError("runtime is for a page without a server; add static FOLDER, or leave it out")

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
