"""The studio as an ASGI application, and the server that runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from restyle import __version__
from restyle.images import sheet
from restyle.options.studio import StudioOptions
from restyle.studio import api
from restyle.studio.security import Guard

PAGE = Path(__file__).parent / "page"
SAMPLE = Path(sheet.__file__).with_name("sample_photo.jpg")


def make_app(options: StudioOptions) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="restyle studio", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(Guard)
    app.include_router(api.routes())

    @app.get("/page/sample.jpg", include_in_schema=False)
    async def sample() -> FileResponse:
        return FileResponse(SAMPLE)

    app.mount("/page", StaticFiles(directory=PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def serve(options: StudioOptions, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `say` gets the address once it listens."""
    import socket

    import uvicorn

    config = uvicorn.Config(make_app(options), log_level="warning", access_log=False, server_header=False)
    listener = socket.create_server((options.host, options.port))
    say(f"http://{options.host}:{listener.getsockname()[1]}")
    uvicorn.Server(config).run([listener])
