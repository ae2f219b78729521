"""Methods as candidates of an evaluation, from settings such as `strength=0.6 keep-colors`.

Settings are the fields of the option sets of images and videos; a new option or method needs no change here.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

import restyle
from restyle.errors import OptionError
from restyle.evaluate.bench import shrunk
from restyle.evaluate.pairs import Pair
from restyle.evaluate.run import Candidate
from restyle.evaluate.videos import frames_of
from restyle.images import picture as images
from restyle.methods import table
from restyle.models import catalog
from restyle.options import (
    CallKeywords,
    EngineOptions,
    OptimizeOptions,
    OptionSet,
    PhotoOptions,
    VideoOptions,
    from_text,
)
from restyle.types import FloatArray, from_unit, to_unit
from restyle.videos.read import VideoReader

# The evaluation decides these itself, or they write files.
_EXCLUDED = {
    "size", "crop", "max_pixels", "quality", "overwrite", "codec", "fps", "device", "threads", "resume",
    "preview", "save_every",
}  # fmt: skip


def method_candidate(settings: str, engine: EngineOptions, folder: Path, size: int) -> Candidate:
    """Make a candidate of a method with these settings.

    Parameters
    ----------
    settings : str
        Words `OPTION=VALUE`, or `OPTION` alone for flags; also `model=NAME`.
    engine : EngineOptions
        The model if the settings name none, device and threads.
    folder : Path
        For frames of videos; the caller removes it.
    size : int
        Short side in px to which videos are scaled; pictures come scaled.

    Raises
    ------
    OptionError, ModelError
        An unknown option or model.
    """
    keywords = parsed(settings)
    model = str(keywords.pop("model", engine.model))
    of_video = {each.name for each in fields(VideoOptions)} - set(CallKeywords.__annotations__)
    of_picture = {name: value for name, value in keywords.items() if name not in of_video}
    of_picture.setdefault("method", table.DEFAULTS[-1])  # the row is named after the network
    stylizer = restyle.Stylizer(model, device=engine.device, threads=engine.threads)
    style = lru_cache(maxsize=64)(stylizer.style)

    def picture(pair: Pair, content: FloatArray) -> FloatArray:
        result: Any = stylizer(from_unit(content, np.uint8), style(pair.style), **of_picture)
        return to_unit(result)

    def video(pair: Pair, frames: int) -> Path:
        source, target = (Path(tempfile.mkdtemp(dir=folder, prefix=each)) for each in ("content-", "result-"))
        for index, frame in enumerate(frames_of(pair.content, frames)):
            small = from_unit(shrunk(frame, size), np.uint8)
            images.save_image(images.from_array(small), source / f"{index:05d}.png")
        return restyle.video(
            source,
            str(pair.style),
            output=f"{target / 'frames'}/",
            fps=_rate(pair.content),
            model=model,
            device=engine.device,
            threads=engine.threads,
            **keywords,
        )

    name = catalog.find(model).name if model in catalog.records() else Path(model).name
    facts = {"model": name, "version": version_of(model), "settings": settings}
    return Candidate(
        f"{name} {settings}".strip(),
        picture,
        video,
        timed=True,
        facts=facts,
        prepare=lambda pair: style(pair.style),
    )


def version_of(model: str) -> str:
    """Identify a version of a model by its weights: 8 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in catalog.find(model).files:
        digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:8]


def parsed(settings: str) -> dict[str, Any]:
    """Parse settings to keywords, checked by the option sets.

    Examples
    --------
    >>> parsed("strength=0.6 keep-colors")
    {'strength': 0.6, 'keep_colors': 'luminance'}
    """
    known = {one.name: (owner, one, hint) for owner, one, hint in _options()}
    found: dict[str, Any] = {}
    for word in settings.split():
        shown, given, text = word.partition("=")
        name = shown.removeprefix("--").replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0].replace('_', '-')}'?" if near else ""
            raise OptionError(f"run '{settings}': unknown setting '{shown}'{hint}")
        owner, one, annotation = known[name]
        if name in found:
            raise OptionError(f"run '{settings}': '{shown}' is given twice")
        found[name] = _value(text if given else None, one, annotation, settings)
    for owner in {known[name][0] for name in found}:
        own = {one.name for one in fields(owner)}  # type: ignore[arg-type]
        owner(**{name: value for name, value in found.items() if name in own})  # raises OptionError
    return found


def _options() -> Iterator[tuple[type[OptionSet], Any, Any]]:
    """Every option allowed in settings, with the set that checks it."""
    for owner in (PhotoOptions, VideoOptions, EngineOptions, OptimizeOptions):
        hints = get_type_hints(owner)
        for one in fields(owner):
            if one.name not in _EXCLUDED:
                yield owner, one, hints[one.name]


def _value(text: str | None, one: Any, hint: Any, settings: str) -> Any:
    """Convert a value to the type of its option."""
    shown = one.name.replace("_", "-")
    if text is None:
        if hint is bool:
            return True
        if "bare" in one.metadata:
            return one.metadata["bare"]
        raise OptionError(f"run '{settings}': {shown} needs a value, {shown}=...")
    try:
        return from_text(text, one, hint)
    except OptionError as error:
        raise OptionError(f"run '{settings}': {error}") from None


def _rate(path: Path) -> float:
    """Frame rate of a video; 25 if unknown."""
    with VideoReader(path) as reader:
        return float(reader.info.rate or 25)
