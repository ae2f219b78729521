"""The worker process: it decodes, stylizes and encodes, and the server can kill it at any time.

    python -m restyle.studio.process '{"model": "arbitrary-5", "threads": 2, ...}'

Tasks come as JSON lines on standard input, `{"id": 7, "kind": "image", ...}`; `{"cancel": 7}` stops one. The
answers are JSON lines on standard output: `{"id": 7, "progress": 0.5, ...}`, at the end `{"id": 7, "done":
{...}}` or `{"id": 7, "error": {"code", "message"}}`. The process ends with its standard input. A task holds
paths of the server, names of presets and options that were checked.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from restyle import pipeline
from restyle.errors import InputError, MissingExtraError, ModelError, OutputError, RestyleError
from restyle.images import encode, formats
from restyle.images import picture as images
from restyle.images.looks import apply_look, load_look
from restyle.images.picture import Picture
from restyle.images.resize import fit_size, resize
from restyle.methods import table
from restyle.methods.protocol import Step
from restyle.methods.regions import ALPHA, Regions, make_regions
from restyle.methods.selection import BOX, cut_out, parse_rectangle
from restyle.models import session
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.studio import media
from restyle.studio.media import IMAGES, option_sets
from restyle.style import Style, resolve_all
from restyle.types import FloatArray, from_unit, to_unit

TILE_QUALITY = 85
MASK_SIDE = 1024  # px, of masks that are cut out
ARTWORK_SIDE = 512  # px, of the thumbnail of a client's own style
REPORT_EVERY = 0.1  # seconds
CACHED_PIXELS = 3_000_000  # styles of larger pictures are not kept
CACHED_STYLES = 128


class Cancelled(Exception):  # noqa: N818
    """The server has asked to stop this task."""


class Process:
    """Runs tasks one after the other, and gives the answers to `send`.

    Of the settings, `model`, `device` and `threads` are for the network; `max_pixels` and
    `max_media_seconds` limit inputs.
    """

    def __init__(self, settings: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
        session.set_spinning(False)  # the machine is shared with other workers, and with the server
        self.settings, self.send = settings, send
        self.network = Arbitrary(settings["model"], device=settings["device"], threads=settings["threads"])
        self._lock = threading.Lock()
        self._cancelled: set[int] = set()
        self._styles: dict[str, Style] = {}
        self._content: tuple[str, Picture] | None = None
        self._task: dict[str, Any] = {}
        self._reported = 0.0
        self.previews = 0
        own = (self.image, self.tile, self.style, self.mask, self.convert)
        self.kinds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            **{task.__name__: task for task in own},
            "video": partial(media.video, self),
            "audio": partial(media.audio, self),
        }

    def run(self, task: dict[str, Any]) -> None:
        """Run one task and send its result or error."""
        number = task["id"]
        with self._lock:
            self._task, self._reported, self.previews = task, 0.0, 0
            session.interrupt(number in self._cancelled)
        tempfile.tempdir = task.get("folder")
        answer: dict[str, Any]
        try:
            answer = {"done": self.kinds[task["kind"]](task)}
        except Exception as error:  # noqa: BLE001, a fault of a decoder must not end the process
            answer = {"error": _error(error, task)}
        with self._lock:
            self._task = {}
            self._cancelled.discard(number)
        self.send({"id": number, **answer})

    def cancel(self, number: int) -> None:
        """Stop a task at its next report, or in its next run of a network; called by another thread."""
        with self._lock:
            self._cancelled.add(number)
            if self._task.get("id") == number:
                session.interrupt(True)

    def report(self, fraction: float, left: float | None = None, *, preview: bool = False) -> None:
        """Send progress, at most every `REPORT_EVERY` seconds; raise Cancelled if the task is to stop."""
        if self._task["id"] in self._cancelled:
            raise Cancelled
        now = time.monotonic()
        if preview or fraction >= 1 or now - self._reported >= REPORT_EVERY:
            self._reported, self.previews = now, self.previews + preview
            news = {"progress": round(min(1.0, fraction), 4), "seconds_left": left, "preview": self.previews}
            self.send({"id": self._task["id"], **news})

    def image(self, task: dict[str, Any]) -> dict[str, Any]:
        """Stylize `content` and write `output`."""
        options, method, saving = option_sets(IMAGES, task["options"])
        options = self.limited(options)
        form = formats.output_format(task["output"])
        given = self._style_or_regions(task)
        style, method, _ = pipeline.prepare(given, self.network, options, method)
        in_steps = table.find(method.chosen).steps
        preview = Path(task["folder"], "preview.jpg")
        if in_steps:
            method = replace(method, preview=os.fspath(preview))
        seen = 0

        def watch(step: Step) -> None:
            nonlocal seen
            changed = preview.stat().st_mtime_ns if preview.exists() else 0
            self.report(step.number / step.total, step.seconds_left, preview=changed != seen)
            seen = changed

        picture = pipeline.image(
            Path(task["content"]),
            style,
            self.network,
            options,
            (lambda fraction: None) if in_steps else self.report,
            method=method,
            device=self.settings["device"],
            callback=watch if in_steps else None,
        )
        if "keep" in task:
            keep(picture, Path(task["keep"]))
        return _save(task, picture, form, saving.quality, "the result")

    def convert(self, task: dict[str, Any]) -> dict[str, Any]:
        """Write the finished picture of a job to `output`, whose suffix decides the format."""
        picture, form = load_kept(Path(task["content"])), formats.output_format(task["output"])
        part = Path(f"{task['output']}.{task['id']}")
        part.write_bytes(encode.encode(picture, form, task["quality"], "the result"))
        os.replace(part, task["output"])
        return {}

    def mask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Write a mask of what the rectangle `box` encloses to `output`, as a grayscale PNG."""
        pixels = self._load(task["content"])
        small = resize(pixels, fit_size(pixels.shape[:2], most=MASK_SIDE), "area")
        mask = cut_out(small, parse_rectangle(task["box"]))
        return _save(task, replace(images.from_array(mask), depth=8), formats.PNG, None, "the mask")

    def tile(self, task: dict[str, Any]) -> dict[str, Any]:
        """Stylize `content` as a thumbnail in one style; the result is a JPEG in base64."""
        key = f"{task['content']} {task['size']} {task['options']}"
        if self._content is None or self._content[0] != key:
            (options, *_) = option_sets(IMAGES, task["options"])
            picture = pipeline.load(Path(task["content"]), self.limited(options))
            picture = pipeline.preprocess(picture, replace(options, size=None))
            height, width = fit_size((picture.height, picture.width), long=task["size"])
            if height < picture.height:
                picture = pipeline.preprocess(picture, ImageOptions(size=f"{width}x{height}"))
            self._content = (key, replace(picture, exif=None, icc=None, depth=8))
        content = self._content[1]
        [source, *_] = task["styles"][0]
        if "look" in source:
            painted = apply_look(load_look(source["look"]), content.pixels)
        else:
            painted = self.network.paint(content.visible, self._style(source).code)
        result = replace(content, pixels=painted, gray=False)
        data = encode.encode(result, formats.JPEG, TILE_QUALITY, "the thumbnail")
        return {"jpeg": base64.b64encode(data).decode("ascii")}

    def style(self, task: dict[str, Any]) -> dict[str, Any]:
        """Check that a picture can be a style, and write its thumbnail to `output`."""
        pixels = self._load(task["content"])
        self.network.encode(pixels)
        height, width = fit_size(pixels.shape[:2], most=ARTWORK_SIDE)
        small = pipeline.preprocess(images.from_array(pixels), ImageOptions(size=f"{width}x{height}"))
        return _save(task, replace(small, depth=8), formats.JPEG, TILE_QUALITY, "")

    def public(self, message: str) -> str:
        """Replace the server's paths in a message."""
        return public(message, self._task)

    def limited(self, options: ImageOptions) -> ImageOptions:
        """Return options with the limits of the server."""
        return replace(options, max_pixels=self.settings["max_pixels"])

    def _load(self, path: str) -> FloatArray:
        return images.load_image(Path(path), max_pixels=self.settings["max_pixels"]).visible

    def _style(self, source: dict[str, str]) -> Style:
        """Return a style: a preset, or a picture. The latest `CACHED_STYLES` are kept by name."""
        name = source["name"]
        if name in self._styles:
            style = self._styles.pop(name)
        elif "path" not in source:
            style = Style.from_preset(name, model=self.network)
        else:
            pixels = self._load(source["path"])
            style = Style.from_image(pixels, name=source.get("title", name), model=self.network)
            if not source.get("keep") or pixels.shape[0] * pixels.shape[1] > CACHED_PIXELS:
                return style
        self._styles[name] = style
        if len(self._styles) > CACHED_STYLES:
            del self._styles[next(iter(self._styles))]
        return style

    def weighted(self, sources: list[list[Any]]) -> list[Any]:
        """Return styles, with their weights where they have one."""
        return [
            self._style(source) if weight is None else (self._style(source), weight)
            for source, weight, *_ in sources
        ]

    def regions(self, task: dict[str, Any]) -> list[Any]:
        """Return the regions of a task as pairs (mask, style or None)."""
        return [
            (mask if mask.startswith((ALPHA, BOX)) else Path(mask), source and self._style(source))
            for mask, source in task["regions"]
        ]

    def _style_or_regions(self, task: dict[str, Any]) -> Style | Regions | None:
        styles = self.weighted(task["styles"])
        if not styles and not task["regions"]:
            return None  # a look only
        if not task["regions"]:
            return resolve_all(styles, model=self.network)
        most = self.settings["max_pixels"]
        return make_regions(self.regions(task), styles or None, model=self.network, max_pixels=most)


def _save(
    task: dict[str, Any], picture: Picture, form: formats.Format, quality: int | None, what: str
) -> dict[str, Any]:
    """Write a picture to `output`, and return its size."""
    Path(task["output"]).write_bytes(encode.encode(picture, form, quality, what))
    return {"width": picture.width, "height": picture.height}


def keep(picture: Picture, path: Path) -> None:
    """Write a finished picture with its metadata to a file, so that it can be had in another format later.

    The samples have 8 bits if every file of the picture has: the files that are made of them later are those
    that the picture itself would give. A profile is converted to from 16 bits.
    """
    dtype = np.uint16 if picture.depth == 16 or picture.icc is not None else np.uint8
    arrays: dict[str, Any] = {"pixels": from_unit(picture.pixels, dtype)}
    arrays |= {"depth": np.uint8(picture.depth), "gray": np.bool_(picture.gray)}
    if picture.alpha is not None:
        arrays["alpha"] = from_unit(picture.alpha, dtype)
    for name, block in (("exif", picture.exif), ("icc", picture.icc)):
        if block is not None:
            arrays[name] = np.frombuffer(block, np.uint8)
    with path.open("xb") as file:
        np.savez(file, **arrays)


def load_kept(path: Path) -> Picture:
    """Read what `keep` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        blocks = {name: arrays[name].tobytes() if name in arrays else None for name in ("exif", "icc")}
        return Picture(
            to_unit(arrays["pixels"]),
            alpha=to_unit(arrays["alpha"]) if "alpha" in arrays else None,
            depth=int(arrays["depth"]),
            gray=bool(arrays["gray"]),
            **blocks,
        )


CODES: tuple[tuple[type[BaseException], str], ...] = (
    (Cancelled, "cancelled"),
    (session.Interrupted, "cancelled"),
    (InputError, "bad_input"),
    (MissingExtraError, "not_installed"),
    (ModelError, "model"),
    (OutputError, "cannot_write"),
    (RestyleError, "bad_option"),
    (MemoryError, "too_large"),
    (OSError, "cannot_write"),
    (Exception, "internal"),
)


def _error(error: Exception, task: dict[str, Any]) -> dict[str, str]:
    code = next(code for kind, code in CODES if isinstance(error, kind))
    messages = {
        "cancelled": "cancelled",
        "too_large": "this needs more memory than a worker of this server may take",
        "internal": f"restyle could not process this: {type(error).__name__}: {error}",
    }
    return {"code": code, "message": public(messages.get(code, str(error)), task)}


def public(message: str, task: dict[str, Any]) -> str:
    """Replace the server's paths in a message by the names of the fields that they came in."""
    for path, name in sorted(task.get("names", {}).items(), key=lambda pair: -len(pair[0])):
        message = message.replace(path, name)
    folder = task.get("folder")
    return message if not folder else message.replace(folder + os.sep, "").replace(folder, "the upload")


def limit_resources(memory: int, file_size: int, nice: int) -> None:
    """Limit the data of this process and the size of a file that it writes, in bytes; lower its priority.

    The kernel ends a worker before the server where memory runs out. Where the system has no such limits,
    as Windows, only the server's limits of pixels and seconds apply.
    """
    if sys.platform == "win32":
        return
    import resource

    def cap(kind: int, most: int) -> None:
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))

    cap(resource.RLIMIT_DATA, memory)
    cap(resource.RLIMIT_FSIZE, file_size)
    cap(resource.RLIMIT_CORE, 0)
    os.nice(nice)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def main() -> None:
    """Serve tasks until standard input ends."""
    settings = json.loads(sys.argv[1])
    # Libraries that print must not disturb the answers, so standard output becomes standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    limit_resources(settings["memory"], settings["file_size"], settings["nice"])
    lock = threading.Lock()

    def send(answer: dict[str, Any]) -> None:
        with lock:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

    tasks: SimpleQueue[dict[str, Any]] = SimpleQueue()
    process = Process(settings, send)

    def read() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "cancel" in message:
                process.cancel(message["cancel"])
            else:
                tasks.put(message)
        os._exit(0)  # the server is gone; whatever runs is not wanted

    threading.Thread(target=read, daemon=True).start()
    _ = process.network.transformer  # loaded now, so that the first picture does not wait for it
    send({"ready": True})
    while True:
        process.run(tasks.get())


if __name__ == "__main__":
    main()
