"""Tasks of a worker process for videos and sounds."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from restyle.errors import InputError
from restyle.studio.fields import VIDEOS, option_sets

if TYPE_CHECKING:
    from restyle.studio.process import Process

PREVIEW_SIDE = 1024  # px, of a frame of a video
PREVIEW_QUALITY = 85
PREVIEW_EVERY = 2.0  # seconds


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

    stylizer.write(
        task["content"],
        task["output"],
        watch=watch,
        report=lambda fraction: process.report(fraction if stylizer.only_audio else 0.0),
        tell=notes.append,
        show=show,
    )
    return {"notes": [process.public(note) for note in dict.fromkeys(notes)]}


def audio(process: Process, task: dict[str, Any]) -> dict[str, Any]:
    """Stylize a sound and write `output`."""
    from restyle.sounds import api

    _check_length(task["content"], process.settings["max_media_seconds"])
    api.audio(
        task["content"],
        _sound_styles(task["styles"]),
        output=task["output"],
        report=process.report,
        **task["options"],
    )
    return {}


def _write_preview(pixels: Any, path: Path) -> None:
    """Write a frame [shape=(H, W, 3), uint8 or uint16] as a small JPEG."""
    from PIL import Image

    small = Image.fromarray(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8))
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    part = path.with_suffix(".part")
    part.write_bytes(buffer.getvalue())
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
