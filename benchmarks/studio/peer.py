"""A server in the shape of rembg's: FastAPI, the whole file in memory, a thread pool, and no queue.

As `rembg s` does it (rembg/commands/s_command.py): the route is `async`, takes the file as bytes, and runs
the work in anyio's pool of 40 threads. The work is restyle's own, so that only the shape differs.
"""

from __future__ import annotations

import argparse
import io
import socket

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, Form
from fastapi.responses import Response
from PIL import Image

import restyle
from restyle.images import formats
from restyle.options import EngineOptions


def make_app(threads: int | None, model: str | None = None) -> FastAPI:
    """Return the application."""
    app = FastAPI()
    stylizer = restyle.Stylizer(model or EngineOptions.model, threads=threads)
    _ = stylizer.method.transformer

    def work(data: bytes, style: str) -> Response:
        picture = Image.open(io.BytesIO(data))
        result = stylizer(picture, style, method="fast")
        buffer = io.BytesIO()
        result.save(
            buffer, picture.format or "PNG", quality=formats.JPEG.quality, **(formats.JPEG.save or {})
        )
        return Response(buffer.getvalue(), media_type="image/jpeg")

    @app.post("/api/restyle")
    async def post(content: bytes = File(...), style: str = Form(...)) -> Response:
        return await to_thread.run_sync(work, content, style)

    return app


def main() -> None:
    """Serve on a free port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--model", default=None)
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"peer listens http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(make_app(arguments.threads, arguments.model), log_level="error", access_log=False)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
