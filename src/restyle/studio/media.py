"""Media of the API: their options, the media types of their results, and tasks for videos and sounds.

Options are the fields of `restyle.options` as form fields and query parameters, named as in Python. Those
that concern files or the machine are the server's, and are not offered; `OMITTED` says which and why.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from restyle.errors import InputError, OptionError
from restyle.images.looks import LOOKS
from restyle.options import (
    AudioOptions,
    DubOptions,
    ImageOptions,
    OptimizeOptions,
    OptionSet,
    PhotoOptions,
    SaveOptions,
    VideoOptions,
    from_keywords,
)
from restyle.options.base import choices_of, hints_of
from restyle.options.image import STARTS
from restyle.studio import ApiError

if TYPE_CHECKING:
    from restyle.studio.process import Process

OMITTED = {
    **dict.fromkeys(("model", "device", "threads"), "chosen when the server starts"),
    **dict.fromkeys(("max_pixels", "memory"), "a limit of the server"),
    **dict.fromkeys(("preview", "save_every"), "jobs have a preview of their own"),
    "overwrite": "results have a folder of their own",
    "resume": "a job runs once",
    "fps": "for folders of pictures",
}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
PREVIEW_SIDE = 1024  # px, of a frame of a video
PREVIEW_QUALITY = 85
PREVIEW_EVERY = 2.0  # seconds

# Media types of results, the preferred one of each suffix first.
IMAGE_TYPES = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/tiff": ".tif",
    "image/avif": ".avif",
}  # fmt: skip
VIDEO_TYPES = {
    "video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov", "video/x-matroska": ".mkv",
    "image/gif": ".gif",
}  # fmt: skip
AUDIO_TYPES = {
    "audio/wav": ".wav", "audio/flac": ".flac", "audio/ogg": ".ogg", "audio/opus": ".opus",
    "audio/mpeg": ".mp3", "audio/mp4": ".m4a",
}  # fmt: skip


@dataclass(frozen=True)
class Medium:
    """What one route of the API takes: its option sets, in the order in which they are described."""

    name: str
    kinds: tuple[type[OptionSet], ...]

    def options(self) -> Iterator[tuple[Any, Any]]:
        """Yield the fields that are offered, with their types; a field of two sets is the first set's."""
        seen = set(OMITTED)
        for kind in self.kinds:
            for each in fields(kind):  # type: ignore[arg-type]
                if each.name not in seen:
                    seen.add(each.name)
                    yield each, hints_of(kind)[each.name]


IMAGES = Medium("images", (PhotoOptions, OptimizeOptions, SaveOptions))
VIDEOS = Medium("videos", (ImageOptions, VideoOptions, DubOptions))
AUDIO = Medium("audio", (AudioOptions,))
MEDIA = {medium.name: medium for medium in (IMAGES, VIDEOS, AUDIO)}


def describe(medium: Medium) -> list[dict[str, Any]]:
    """Describe the options of a medium as JSON: name, type, default, range or choices, help, methods."""
    described = []
    for each, hint in medium.options():
        facts, choices = each.metadata, choices_of(hint, each.metadata)
        entry: dict[str, Any] = {"name": each.name, "type": _type(hint, choices), "default": each.default}
        if "low" in facts:
            entry |= {"minimum": facts["low"], "maximum": facts["high"]}
        if choices:
            entry["choices"] = list(choices)
        if "method" in facts:
            entry["methods"] = facts["method"].split("|")
        described.append({**entry, "help": facts["help"], "panel": facts.get("panel")})
    return described


def schema(medium: Medium) -> dict[str, Any]:
    """Return the options as properties of an OpenAPI schema."""
    properties = {}
    for entry in describe(medium):
        more: dict[str, Any] = {key: entry[key] for key in ("minimum", "maximum") if key in entry}
        if "choices" in entry:
            more["enum"] = entry["choices"]
        if entry["default"] is not None:
            more["default"] = entry["default"]
        properties[entry["name"]] = {"type": entry["type"], "description": entry["help"], **more}
    return properties


def parse(medium: Medium, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Convert texts of a form or a query to the keywords of the Python call, and check them.

    OptionError: an unknown name, a name given twice, or a value that is wrong.
    """
    known = {each.name: (each, hint) for each, hint in medium.options()}
    values: dict[str, Any] = {}
    for name, text in given:
        if name in OMITTED:
            raise OptionError(f"{name} is not an option of the API: {OMITTED[name]}; leave it out")
        if name in values:
            raise OptionError(f"{name} is given twice; give it once")
        if name in known:
            each, hint = known[name]
            values[name] = _convert(name, text, hint, each.metadata)
        else:
            values[name] = text
    try:
        option_sets(medium, values)
    except TypeError as error:
        raise OptionError(f"{error}".replace("keyword", "field")) from None
    if values.get("init", STARTS[0]) not in STARTS:
        raise OptionError(f"init '{values['init']}' is none of {', '.join(STARTS)}")
    look = values.get("look")
    if look is not None and look not in LOOKS:  # no file of the server
        raise OptionError(f"look '{look}' is none of {', '.join(LOOKS)}")
    return values


def option_sets(medium: Medium, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Create the option sets of a medium; a name that two sets have is given to both."""
    from_keywords(values, *medium.kinds)
    return tuple(
        kind(**{name: value for name, value in values.items() if name in hints_of(kind)})
        for kind in medium.kinds
    )


def _type(hint: Any, choices: tuple[str, ...]) -> str:
    arms = [arm for arm in (get_args(hint) or (hint,)) if arm is not type(None)]
    return "string" if choices or len(arms) > 1 else _TYPES[arms[0]]


def _convert(name: str, text: str, hint: Any, facts: Any) -> Any:
    """Convert a text to the type of an option; an empty one is the default of an option that may be None."""
    if type(None) in get_args(hint) and text in ("", "null", "None"):
        return None
    kind = _type(hint, choices_of(hint, facts))
    if kind == "boolean":
        if text.lower() not in (*_TRUE, *_FALSE):
            raise OptionError(f"{name} '{text}' is neither true nor false")
        return text.lower() in _TRUE
    number, shown = {"integer": (int, "a whole number"), "number": (float, "a number")}.get(kind, (str, ""))
    try:
        return number(text)
    except ValueError:
        raise OptionError(f"{name} '{text}' is not {shown}") from None


def _accepted(accept: str | None) -> Iterator[tuple[str, float]]:
    """Yield the media types of an `Accept` header with their weights."""
    for part in (accept or "*/*").lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        yield kind, weight


def accepts(accept: str | None, kind: str) -> bool:
    """Tell whether an `Accept` header takes a media type.

    Examples
    --------
    >>> accepts("text/html, image/*;q=0.5", "image/png")
    True
    """
    wanted = (kind, kind.split("/")[0] + "/*", "*/*")
    return any(each in wanted and weight > 0 for each, weight in _accepted(accept))


def choose_type(accept: str | None, offered: Mapping[str, str], usual: str) -> tuple[str, str]:
    """Choose the media type and suffix of a result by an `Accept` header; ApiError 406 if none is offered.

    `usual` is the suffix where any type will do.

    Examples
    --------
    >>> choose_type("image/webp;q=0.9, image/png", IMAGE_TYPES, ".jpg")
    ('image/png', '.png')
    >>> choose_type("text/html, */*;q=0.1", IMAGE_TYPES, ".jpg")
    ('image/jpeg', '.jpg')
    """
    first = next(kind for kind, suffix in offered.items() if suffix == usual)
    families = {first.split("/")[0] + "/*", "*/*"}
    best, found = 0.0, None
    for given, weight in _accepted(accept):
        kind = first if given in families else given
        if kind in offered and weight > best:
            best, found = weight, kind
    if found is None:
        why = f"cannot answer with '{accept}'; accept one of {', '.join(offered)}"
        raise ApiError(406, "not_acceptable", why)
    return found, offered[found]


def video(process: Process, task: dict[str, Any]) -> dict[str, Any]:
    """Stylize a video and write `output`."""
    from restyle.videos import VideoStylizer

    options, video_options, dubbing = option_sets(VIDEOS, task["options"])
    notes = list[str]()
    _check_length(task["content"], process.settings["max_media_seconds"])
    stylizer = VideoStylizer(
        _timed_styles(process, task["styles"]) or None,
        regions=process.regions(task) or None,
        audio_style=_sound_styles(task["audio_styles"]) or None,
        image_options=process.limited(options),
        options=video_options,
        audio_options=dubbing.of_sound,
        method=process.network,
    )
    shown = 0.0

    def watch(done: int, total: int | None) -> None:
        process.report(done / total if total else 0.0)

    def show(pixels: Any) -> None:
        nonlocal shown
        if time.monotonic() - shown >= PREVIEW_EVERY:
            shown = time.monotonic()
            _write_preview(pixels, Path(task["folder"], "preview.jpg"))
            process.previews += 1

    def report(fraction: float) -> None:
        process.report(fraction if stylizer.only_audio else 0.0)

    content, output = task["content"], task["output"]
    stylizer.write(content, output, watch=watch, report=report, tell=notes.append, show=show)
    return {"notes": [process.public(note) for note in dict.fromkeys(notes)]}


def audio(process: Process, task: dict[str, Any]) -> dict[str, Any]:
    """Stylize a sound and write `output`."""
    from restyle.sounds import api

    _check_length(task["content"], process.settings["max_media_seconds"])
    styles = _sound_styles(task["styles"])
    api.audio(task["content"], styles, output=task["output"], report=process.report, **task["options"])
    return {}


def _write_preview(pixels: Any, path: Path) -> None:
    """Write a frame [shape=(H, W, 3), uint8 or uint16] as a small JPEG."""
    from PIL import Image

    small = Image.fromarray(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8))
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    part = path.with_suffix(".part")
    small.save(part, "JPEG", quality=PREVIEW_QUALITY)
    os.replace(part, path)


def _timed_styles(process: Process, sources: list[list[Any]]) -> Any:
    """Return the styles of a video: a list, or {second: styles} if they have times."""
    if any(second is not None for _, _, second in sources):
        seconds = sorted({second for _, _, second in sources})
        return {at: process.weighted([each for each in sources if each[2] == at]) for at in seconds}
    return process.weighted(sources)


def _sound_styles(sources: list[list[Any]]) -> list[Any]:
    """Return the styles of a sound: the path of an upload or the name of a preset, with weights."""
    pairs = [(Path(each["path"]) if "path" in each else each["name"], weight) for each, weight, *_ in sources]
    return [name if weight is None else (name, weight) for name, weight in pairs]


def _check_length(path: str, limit: float) -> None:
    """Raise InputError if a video or sound says that it lasts longer than `limit` seconds."""
    import av

    from restyle.sounds.files import open_file

    try:
        with open_file(path) as container:
            seconds = (container.duration or 0) / av.time_base
    except (av.FFmpegError, ValueError):
        return  # its reader says what is wrong with it
    if seconds > limit:
        raise InputError(f"{path}: lasts {seconds:.0f} s; this server takes at most {limit} s")
