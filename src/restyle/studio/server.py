"""The studio as an ASGI application, and the server that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from restyle import __version__
from restyle.errors import OptionError
from restyle.files import reason
from restyle.models import catalog
from restyle.models.style_files import preset_artwork, preset_files
from restyle.options import EngineOptions
from restyle.options.studio import StudioOptions
from restyle.studio import PAGE, ApiError, api, reference
from restyle.studio.calls import StyleNames
from restyle.studio.jobs import MB, Shelf, Storage
from restyle.studio.lanes import Lane, Places, Worker
from restyle.studio.security import Guard, ImpatientProtocol, Metrics
from restyle.studio.uploads import Rules

WORDS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 422: "bad_option"}
CONNECTIONS = 800
UPLOADS = 64  # that come in at a time; a client may have half of them
GRACE = 10.0  # seconds that running pictures have at the end
TICK = 1.0  # seconds between two checks of the server's state
NICE = 5  # of workers for jobs: pictures that somebody waits for go first


class Studio:
    """Everything that a server has: storage, workers, jobs, styles; `engine` has the threads of a worker."""

    def __init__(self, options: StudioOptions, engine: EngineOptions | None = None) -> None:
        engine = engine or EngineOptions()
        self.options, self.engine = options, engine
        self.record = catalog.find(engine.model)
        self.metrics = Metrics()
        self.token = secrets.token_urlsafe(18) if options.token == "auto" else options.token
        self.storage = Storage(options.folder, options.disk * MB)
        self.shelf = Shelf(self.storage)
        self.names = StyleNames(self.record, self.shelf.styles)
        self.styles_json = json.dumps({"styles": list(api.entries(self))}, ensure_ascii=False)
        seconds = options.picture_seconds, options.job_seconds
        self.pictures = Lane("pictures", self._workers(options.workers, 0), options.queue, seconds[0])
        self.jobs = Lane("jobs", self._workers(1, NICE), options.queue, seconds[1])
        self.receiving = Places(UPLOADS)
        self._sweeper: asyncio.Task[None] | None = None
        self.artwork = lru_cache(maxsize=512)(self._artwork)

    def _workers(self, count: int, nice: int) -> list[Worker]:
        settings = {
            **{name: getattr(self.engine, name) for name in ("model", "device", "threads")},
            **{name: getattr(self.options, name) for name in ("max_pixels", "max_media_seconds")},
            "memory": self.options.worker_memory * MB,
            "file_size": self.options.disk * MB,
            "nice": nice,
        }
        return [Worker(settings) for _ in range(count)]

    async def start(self) -> None:
        """Start the workers of pictures, so that the first one does not wait; jobs start theirs."""
        self._sweeper = asyncio.create_task(self.shelf.sweep_for_ever())
        await asyncio.gather(*(worker.start() for worker in self.pictures.workers))

    async def refuse(self) -> None:
        """Take no more work, finish the pictures that run, and stop the jobs."""
        self.jobs.closed = True
        await asyncio.gather(self.pictures.close(GRACE), self.shelf.close())
        await self.jobs.close(0)

    async def close(self) -> None:
        """Stop everything and delete all files."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.refuse()
        self.storage.close()

    def rules(self, files: Mapping[str, tuple[str, ...]]) -> Rules:
        """Return what a body with these fields may contain."""
        return Rules(self.options.max_upload * MB, self.options.max_pixels, files)

    def limits(self) -> dict[str, Any]:
        """Return the limits that clients should know."""
        return {
            "upload_bytes": self.options.max_upload * MB,
            "pixels": self.options.max_pixels,
            "media_seconds": self.options.max_media_seconds,
            "picture_seconds": self.options.picture_seconds,
            "job_seconds": self.options.job_seconds,
        }

    def gauges(self) -> list[Any]:
        """Return the state for metrics."""
        by_lane: list[tuple[str, str, str, Callable[[Lane], float]]] = [
            ("restyle_queue_waiting", "gauge", "Tasks that wait.", lambda lane: lane.waiting),
            ("restyle_queue_running", "gauge", "Tasks that run.", lambda lane: len(lane.running)),
            ("restyle_queue_places", "gauge", "Places of a queue.", lambda lane: lane.places.total),
            ("restyle_tasks_total", "counter", "Tasks that ended.", lambda lane: lane.finished),
            ("restyle_refused_total", "counter", "Requests refused with 429.",
             lambda lane: lane.places.refused),
            ("restyle_task_seconds", "gauge", "Average of the latest tasks.", lambda lane: lane.average),
            ("restyle_worker_starts_total", "counter", "Starts of worker processes.",
             lambda lane: sum(worker.starts for worker in lane.workers)),
        ]  # fmt: skip
        of_all = [
            ("restyle_storage_bytes", "gauge", "Bytes of uploads and results.", self.storage.used),
            ("restyle_jobs", "gauge", "Jobs that are kept.", len(self.shelf.jobs)),
            ("restyle_own_styles", "gauge", "Styles that clients made.", len(self.shelf.styles)),
            ("process_cpu_seconds_total", "counter", "Processor time.", time.process_time()),
        ]
        lanes = (self.pictures, self.jobs)
        return [
            *(
                (*words, [(f'{{lane="{lane.name}"}}', value(lane)) for lane in lanes])
                for *words, value in by_lane
            ),
            *((*words, [("", value)]) for *words, value in of_all),
        ]

    def _artwork(self, name: str, size: int) -> bytes | None:
        """Return the artwork of a preset as JPEG, its longest side at most `size` px."""
        from PIL import Image

        found = preset_files(self.record).get(name)
        path = found and preset_artwork(found)
        if path is None:
            return None
        with Image.open(path) as picture:
            picture.draft("RGB", (size, size))
            picture.thumbnail((size, size))
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, "JPEG", quality=85)
        return buffer.getvalue()


def make_app(options: StudioOptions, engine: EngineOptions | None = None) -> FastAPI:
    """Return the application; `app.state.studio` is its `Studio`.

    ModelError: there is no such model; OutputError: the folder cannot be used.
    """
    studio = Studio(options, engine)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await studio.start()
        try:
            yield
        finally:
            await studio.close()

    app = FastAPI(
        title="restyle studio",
        description=reference.ABOUT,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.studio = studio
    if origins := _words(options.cors):
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Prefer"],
            expose_headers=["Location", "Retry-After", "X-Restyle-Size"],
        )
    hosts = set(_words(options.allow_host))
    app.add_middleware(Guard, token=studio.token, hosts=hosts, origins=set(origins), metrics=studio.metrics)
    _add_errors(app)
    app.include_router(api.routes(studio))
    _add_pages(app, studio)
    return app


def _add_errors(app: FastAPI) -> None:
    """Give every error the form of `ApiError`."""

    @app.exception_handler(ApiError)
    async def known(request: Request, error: ApiError) -> Response:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return ApiError(422, "bad_option", f"{name}: {first['msg'].lower()}", name).answer()

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        code = WORDS.get(error.status_code, "error")
        message = f"{error.detail}: {request.method} {request.url.path:.80}".lower()
        return ApiError(error.status_code, code, message, headers=error.headers).answer()


def _add_pages(app: FastAPI, studio: Studio) -> None:
    """Add the page, the reference, the health check and the metrics."""
    fresh = {"Cache-Control": "no-cache"}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers=fresh)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(reference.page(app.openapi()), headers=fresh)

    @app.get("/healthz", tags=["server"], openapi_extra=reference.HEALTH)
    async def healthz() -> Response:
        """Tell whether the server works."""
        well = not studio.pictures.closed
        words = {"status": "ok" if well else "stopping", "version": __version__}
        return Response(json.dumps(words), 200 if well else 503, media_type="application/json")

    @app.get("/metrics", tags=["server"], openapi_extra=reference.METRICS)
    async def metrics() -> Response:
        """Get metrics in the text format of Prometheus."""
        return Response(studio.metrics.text(studio.gauges()), media_type="text/plain; version=0.0.4")

    app.mount("/page", _Files(directory=PAGE))


class _Files(StaticFiles):
    """Files of the page, which a browser asks for again each time, so that an update is seen."""

    def file_response(self, *arguments: Any, **more: Any) -> Response:
        """Return a file, or 304."""
        answer = super().file_response(*arguments, **more)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


class Server(uvicorn.Server):
    """A server that sleeps while nothing happens, and ends streams of events when it stops."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self.studio = studio
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Wake up the main loop."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def main_loop(self) -> None:
        """Check every `TICK` seconds, instead of ten times a second, whether to stop."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new work and end jobs first: their streams of events would keep connections open."""
        for server in self.servers:
            server.close()
        await self.studio.refuse()
        await super().shutdown(sockets)


def serve(options: StudioOptions, engine: EngineOptions, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `say` gets the address of the page, with the token, once it listens.

    OptionError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listener = socket.create_server((options.host, options.port), family=family, backlog=512)
    except OSError as error:
        raise OptionError(
            f"cannot listen on {options.host} port {options.port}: {reason(error)}; choose another port"
        ) from error
    try:
        app = make_app(options, engine)
    except BaseException:
        listener.close()
        raise
    studio: Studio = app.state.studio
    proxies = _words(options.trust_proxy)
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=round(GRACE),
    )
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{port}/" + (f"?token={studio.token}" if studio.token else ""))
    # uvicorn raises the signal that stopped it again, after everything was closed.
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        Server(config, studio).run([listener])


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
