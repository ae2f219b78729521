"""The routes of the API."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

from restyle.images.looks import LOOKS
from restyle.studio import ApiError, calls, reference
from restyle.studio.calls import Call
from restyle.studio.jobs import Folder, Job, OwnStyle
from restyle.studio.lanes import Lane, Place, Ticket
from restyle.studio.media import (
    AUDIO_TYPES,
    IMAGE_TYPES,
    MEDIA,
    VIDEO_TYPES,
    accepts,
    choose_type,
    describe,
)
from restyle.studio.security import client_of
from restyle.studio.uploads import Part, receive, texts

if TYPE_CHECKING:
    from restyle.studio.server import Studio

T = TypeVar("T")

CAN_CUT_OUT = find_spec("cv2") is not None
IN_MEMORY = 1 << 20  # bytes of a result that are sent from memory
EVENT_STREAM = "text/event-stream"


@dataclass
class Incoming:
    """A request that is being received: its folder, and its fields once they are read."""

    folder: Folder
    parts: list[Part] = field(default_factory=list)
    kept: bool = False  # whether somebody else deletes the folder

    def task(self, kind: str, content: Path | None, output: str, **more: Any) -> dict[str, Any]:
        """Return the task for a worker to write the file `output`."""
        paths = {"folder": str(self.folder.path), "content": str(content)}
        return {"kind": kind, **paths, "output": str(self.folder.path / output), **more}


def routes(studio: Studio) -> APIRouter:
    """Return the routes below /v1."""
    router = APIRouter(prefix="/v1")
    for add in (_styles, _pictures, _media, _jobs):
        add(router, studio)
    return router


@contextlib.asynccontextmanager
async def incoming(
    studio: Studio, request: Request, lane: Lane, files: calls.Files
) -> AsyncIterator[Incoming]:
    """Receive the body of a request; refuse it before, if there is no place in the lane anyway."""
    client = client_of(request)
    lane.admit(client).close()
    with Place(studio.receiving, client):
        each = Incoming(studio.storage.folder(client))
        try:
            each.parts = await receive(request, each.folder, studio.rules(files))
        except BaseException:
            each.folder.remove()
            raise
    try:
        yield each
    finally:
        if not each.kept:
            each.folder.remove()


def _styles(router: APIRouter, studio: Studio) -> None:
    @router.get("/styles", tags=["styles"], openapi_extra=reference.STYLES)
    async def styles() -> Response:
        """List the styles that come with restyle: paintings, photographic looks, and sounds."""
        return Response(studio.styles_json, media_type="application/json")

    @router.get("/styles/{name}/artwork", tags=["styles"], openapi_extra=reference.ARTWORK)
    async def artwork(name: str, size: int = Query(256, ge=16, le=1024)) -> Response:
        """Get the artwork of a style as JPEG, its longest side at most `size` pixels."""
        own = studio.shelf.styles.get(name)
        if own is not None:
            own.used = time.monotonic()
            data: bytes | None = own.artwork.read_bytes()
        else:
            data = await asyncio.to_thread(studio.artwork, name, size)
        if data is None:
            raise ApiError(404, "not_found", f"there is no artwork of a style '{name:.40}'", "name")
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    @router.post("/styles", status_code=201, tags=["styles"], openapi_extra=reference.NEW_STYLE)
    async def new_style(request: Request) -> Response:
        """Make a style from a picture. Its name can be used for an hour after its last use."""
        async with incoming(studio, request, studio.pictures, calls.STYLE_FILES) as each:
            picture = calls.only_file(each.parts, "image").path
            assert picture is not None
            name = await asyncio.to_thread(studio.shelf.style_name, picture)
            if name not in studio.shelf.styles:
                task = each.task("style", picture, "artwork.jpg", names={str(picture): "image"})
                await _run(request, studio.pictures, task)
                each.folder.measure()
                each.kept = True
                studio.shelf.add(OwnStyle(name, each.folder, picture, Path(task["output"])))
            return JSONResponse(studio.shelf.styles[name].view(), 201)

    @router.get("/options", tags=["styles"], openapi_extra=reference.OPTIONS)
    async def options() -> dict[str, Any]:
        """List the options of each medium, with types, defaults, ranges and help; and the server's limits."""
        described = {name: describe(medium) for name, medium in MEDIA.items()}
        types = {"images": list(IMAGE_TYPES), "videos": list(VIDEO_TYPES), "audio": list(AUDIO_TYPES)}
        return {**described, "types": types, "limits": studio.limits(), "boxes": CAN_CUT_OUT}


def _pictures(router: APIRouter, studio: Studio) -> None:
    @router.post("/images", tags=["pictures"], openapi_extra=reference.IMAGES_BODY)
    async def images(request: Request) -> Response:
        """Give a picture a style. The answer is the picture, or with `Prefer: respond-async` a job."""
        async with incoming(studio, request, studio.pictures, calls.IMAGE_FILES) as each:
            call = calls.read_images(each.parts, each.folder, studio.names)
            kind, suffix = choose_type(
                request.headers.get("accept"), IMAGE_TYPES, _usual(call, IMAGE_TYPES, ".png")
            )
            if prefers_async(request):
                return _start(studio, request, each, call, "image", kind, suffix)
            output = each.folder.path / f"result{suffix}"
            begun = time.perf_counter()
            lane = studio.jobs if call.slow else studio.pictures
            result = await _run(request, lane, call.task("image", each.folder, output))
            headers = {
                "Cache-Control": "no-store",
                "Content-Disposition": f'inline; filename="restyle-{_ascii(call.label)}{suffix}"',
                "Server-Timing": f"worker;dur={1000 * (time.perf_counter() - begun):.1f}",
                "X-Restyle-Size": f"{result['width']}x{result['height']}",
            }
            if output.stat().st_size <= IN_MEMORY:
                return Response(output.read_bytes(), media_type=kind, headers=headers)
            each.kept = True
            done = BackgroundTask(each.folder.remove)
            return FileResponse(output, media_type=kind, headers=headers, background=done)

    @router.post("/masks", tags=["pictures"], openapi_extra=reference.MASKS_BODY)
    async def masks(request: Request) -> Response:
        """Get a mask of what a box encloses, as a grayscale PNG, to be sent as `mask` (needs OpenCV)."""
        async with incoming(studio, request, studio.pictures, calls.MASK_FILES) as each:
            content = calls.only_file(each.parts, "content").path
            box = calls.box_of(next(iter(texts(each.parts, "box")), ""), "box")
            task = each.task("mask", content, "mask.png", box=box, names={str(content): "content"})
            await _run(request, studio.pictures, task)
            return Response(Path(task["output"]).read_bytes(), media_type="image/png")

    @router.post("/wall", tags=["pictures"], openapi_extra=reference.WALL_BODY)
    async def wall(request: Request) -> Response:
        """Get thumbnails of a picture in many styles: a line of JSON for each, as soon as it is done."""
        async with incoming(studio, request, studio.pictures, calls.WALL_FILES) as each:
            call = calls.read_wall(each.parts, each.folder, studio.names)
            ticket = studio.pictures.admit(client_of(request))
            tiles = _tiles(each, call, ticket)
            each.kept = True  # `_tiles` deletes it
            first = await unless_gone(request, cast("Any", anext(tiles)))  # an error has its status

        async def lines() -> AsyncIterator[str]:
            try:
                yield first
                async for line in tiles:
                    yield line
            finally:
                await tiles.aclose()

        return StreamingResponse(lines(), media_type="application/x-ndjson")


async def _tiles(each: Incoming, call: Call, ticket: Ticket) -> Any:
    """Yield the lines of a wall; no more thumbnails are in the lane than it has workers."""
    task = call.task("tile", each.folder, each.folder.path)
    size = call.options.pop("size")
    styles = deque(call.styles)
    pending: deque[tuple[dict[str, str], asyncio.Task[dict[str, Any]]]] = deque()
    try:
        while styles or pending:
            while styles and len(pending) < len(ticket.lane.workers):
                style = styles.popleft()
                work = ticket.run({**task, "styles": [style], "size": size})
                kind = "look" if "look" in style[0] else "style"
                pending.append(({kind: style[0]["name"]}, asyncio.ensure_future(work)))
            name, running = pending.popleft()
            tile = await running
            yield dumps({**name, "image": f"data:image/jpeg;base64,{tile['jpeg']}"}) + "\n"
    finally:
        for _, running in pending:
            running.cancel()
        ticket.close()
        each.folder.remove()


def _media(router: APIRouter, studio: Studio) -> None:
    @router.post("/videos", status_code=202, tags=["videos and sounds"], openapi_extra=reference.VIDEOS_BODY)
    async def videos(request: Request) -> Response:
        """Give a video a style. The answer is a job."""
        async with incoming(studio, request, studio.jobs, calls.VIDEO_FILES) as each:
            call = calls.read_videos(each.parts, each.folder, studio.names)
            kind, suffix = choose_type(_wanted(request), VIDEO_TYPES, ".mp4")
            return _start(studio, request, each, call, "video", kind, suffix)

    @router.post("/audio", status_code=202, tags=["videos and sounds"], openapi_extra=reference.AUDIO_BODY)
    async def audio(request: Request) -> Response:
        """Give a sound the style of another. The answer is a job."""
        async with incoming(studio, request, studio.jobs, calls.AUDIO_FILES) as each:
            call = calls.read_audio(each.parts)
            kind, suffix = choose_type(_wanted(request), AUDIO_TYPES, _usual(call, AUDIO_TYPES, ".wav"))
            return _start(studio, request, each, call, "audio", kind, suffix)


def _jobs(router: APIRouter, studio: Studio) -> None:
    @router.get("/jobs/{job}", tags=["jobs"], openapi_extra=reference.JOB)
    async def show(job: str) -> dict[str, Any]:
        """Get the state of a job."""
        return studio.shelf.job(job).view()

    @router.get("/jobs/{job}/events", tags=["jobs"], openapi_extra=reference.EVENTS)
    async def events(job: str) -> Response:
        """Follow a job by server-sent events: `progress`, `preview`, at the end `done`, `failed` or
        `cancelled`."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(studio.shelf.job(job).events(), media_type=EVENT_STREAM, headers=headers)

    @router.get("/jobs/{job}/preview", tags=["jobs"], openapi_extra=reference.PREVIEW)
    async def preview(job: str) -> Response:
        """Get the latest preview of a job as JPEG."""
        found = studio.shelf.job(job)
        if not found.preview.exists():
            raise ApiError(404, "not_found", "this job has no preview yet")
        data = found.preview.read_bytes()
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @router.get("/jobs/{job}/result", tags=["jobs"], openapi_extra=reference.RESULT)
    async def result(request: Request, job: str) -> Response:
        """Get the result of a job; parts of it by `Range`. A picture comes in another format by `Accept`."""
        found = studio.shelf.job(job)
        if found.state != "done" or not found.output.exists():
            raise ApiError(404, "not_found", f"this job has no result; it is {found.state}")
        path, kind = found.output, found.media_type
        accept = request.headers.get("accept")
        if found.finished.exists() and not accepts(accept, kind):
            kind, suffix = choose_type(accept, IMAGE_TYPES, path.suffix)
            with studio.pictures.admit(client_of(request)) as ticket:
                path = await unless_gone(request, found.converted(suffix, ticket.run))
        return FileResponse(
            path,
            media_type=kind,
            filename=Path(found.filename).with_suffix(path.suffix).name,
            content_disposition_type="inline",
            headers={"Cache-Control": "private, max-age=3600", "Vary": "Accept"},
        )

    @router.delete("/jobs/{job}", tags=["jobs"], openapi_extra=reference.JOB)
    async def cancel(job: str) -> dict[str, Any]:
        """Cancel a job and delete its files."""
        found = studio.shelf.job(job)
        await found.cancel()
        if found.state != "cancelled":
            del studio.shelf.jobs[job]
        return {**found.view(), "result": None, "preview": None}


def _start(
    studio: Studio, request: Request, each: Incoming, call: Call, kind: str, media_type: str, suffix: str
) -> Response:
    """Start a job, which takes over the folder of the request."""
    ticket = studio.jobs.admit(client_of(request))
    output = each.folder.path / f"result{suffix}"
    name, quality = f"restyle-{_ascii(call.label)}{suffix}", call.options.get("quality")
    job = Job(kind, studio.jobs, ticket, each.folder, output, media_type, name, quality)
    each.kept = True
    studio.shelf.add(job)
    keep = {"keep": str(job.finished)} if kind == "image" else {}
    job.start({**call.task(kind, each.folder, output), **keep})
    headers = {"Location": job.url, "Preference-Applied": "respond-async", "Cache-Control": "no-store"}
    return JSONResponse(job.view(), 202, headers)


def prefers_async(request: Request) -> bool:
    """Tell whether a request has `Prefer: respond-async` (RFC 7240)."""
    words = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(word.split(";")[0].strip() == "respond-async" for word in words)


def _usual(call: Call, types: dict[str, str], other: str) -> str:
    """Return the suffix of the content, if results can have it."""
    suffix = next(iter(call.content.form.suffixes), "")
    return suffix if suffix in types.values() else other


async def _run(request: Request, lane: Lane, task: dict[str, Any]) -> dict[str, Any]:
    """Run a task for a client that waits."""
    with lane.admit(client_of(request)) as ticket:
        return await unless_gone(request, ticket.run(task))


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`; cancel it if the client goes away, with an ApiError that nobody reads."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.ensure_future(left())
    await asyncio.sleep(0)
    task = asyncio.ensure_future(work)
    try:
        if not gone.done():
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        raise ApiError(499, "client_left", "the client went away")
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()


def _wanted(request: Request) -> str | None:
    """Return the `Accept` header of a request for a job, unless it accepts the job only."""
    accept = request.headers.get("accept")
    return None if accept is None or accept.strip().lower().startswith("application/json") else accept


def _ascii(label: str) -> str:
    return label.encode("ascii", "ignore").decode("ascii")[:60] or "style"


def entries(studio: Studio) -> Iterator[dict[str, Any]]:
    """Yield the entries of the list of styles."""
    from restyle.models.style_files import preset_artwork, preset_files, read
    from restyle.sounds.sources import PRESETS

    files = preset_files(studio.record)
    for name in studio.names.presets:
        path: Path | None = files.get(name)
        record = path and read(path)
        yield {
            "name": name,
            **{word: getattr(record, word, "") for word in ("title", "artist", "year")},
            "kind": "painting",
            "artwork": f"/v1/styles/{name}/artwork" if path and preset_artwork(path) else None,
        }
    described = {"look": {name: look.title for name, look in LOOKS.items()}, "sound": PRESETS}
    for kind, titles in described.items():
        for name, text in titles.items():
            yield {"name": name, "title": text, "artist": "", "year": "", "kind": kind, "artwork": None}
