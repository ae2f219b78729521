"""Paint one row: in a worker process, in a Ray actor, or in a loop. Networks and styles are loaded once."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from restyle import __version__
from restyle.batch.journal import Finished, checksum, is_finished, is_intact, left_tiles, size
from restyle.batch.lists import check_inside
from restyle.batch.rows import OPTION_SETS, Row
from restyle.errors import OutputError, RestyleError
from restyle.files import check_output, check_readable
from restyle.models import catalog
from restyle.models.style_files import is_path, preset_files, slug, split_weight
from restyle.options import (
    AudioOptions,
    DeviceName,
    ImageOptions,
    OptimizeOptions,
    PhotoOptions,
    from_keywords,
)

if TYPE_CHECKING:
    from restyle.methods.regions import Regions
    from restyle.style import Style
    from restyle.stylizer import Stylizer

State = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What happened to a row."""

    row: Row
    state: State  # skipped: the result is finished since an earlier run
    reason: str = ""  # why it failed
    entry: Finished | None = None  # for the journal, if it is done
    staged: str = ""  # path of the result, to be moved into place
    notes: tuple[str, ...] = ()  # warnings


@dataclass(frozen=True)
class Settings:
    """What all rows share."""

    output: str  # the output folder
    work: str  # folder for results that are not finished, on the same file system
    overwrite: bool = False  # whether results may replace existing files
    device: DeviceName = "cpu"
    threads: int | None = None


class Painter:
    """Paints rows, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stylizer = lru_cache(maxsize=2)(self._load)
        self._style = lru_cache(maxsize=64)(self._prepare)

    def __call__(self, row: Row, earlier: Finished | None = None) -> Outcome:
        """Paint a row to a file in the work folder, unless its result is `earlier`; never raises."""
        return noted(row, lambda: self.paint(row, earlier))

    def paint(self, row: Row, earlier: Finished | None, content: bytes | None = None) -> Outcome:
        """Paint a row from its file, or from the bytes of a picture; RestyleError or OSError if it fails."""
        folder = Path(self.settings.output)
        target = folder / row.output
        if content is None:
            check_readable(row.content)
            digest = catalog.file_sha256(Path(row.content))
        else:
            digest = hashlib.sha256(content).hexdigest()
        key = row_key(row, digest)
        if is_finished(earlier, key, target):
            return Outcome(row, "skipped")
        check_inside(folder, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        left = check_target(row, earlier, folder, overwrite=self.settings.overwrite)
        if left is not None:
            shutil.rmtree(left)
        start = time.monotonic()
        staged = Path(self.settings.work, f"{row.number}-{secrets.token_hex(6)}{target.suffix}")
        self.stylize(row, row.content if content is None else content, staged)  # and flush it
        seconds = round(time.monotonic() - start, 3)
        entry = Finished(row.output, key, checksum(staged), size(staged), float(seconds))
        return Outcome(row, "done", entry=entry, staged=str(staged))

    def stylize(self, row: Row, content: str | bytes, target: Path) -> None:
        """Write the result of a row to `target`, which may exist; its suffix chooses the format.

        `content` is a path, or the bytes of a picture's file.
        """
        values = dict(row.options)
        if row.medium == "picture":
            image, method, saving = from_keywords(values, *OPTION_SETS["picture"])
            style, method = self._style(row.model, row.styles, row.regions, image, method, stamps(row))
            saving = replace(saving, overwrite=True)
            self._stylizer(row.model).write(content, style, target, image, saving, method)
        elif row.medium == "video":
            from restyle.videos.api import VideoStylizer

            image, video = from_keywords(values, *OPTION_SETS["video"])
            stylizer = VideoStylizer(
                list(row.styles) or None,
                regions=list(row.regions) or None,
                image_options=image,
                options=replace(video, overwrite=True),
                method=self._stylizer(row.model).method,
            )
            stylizer.write(str(content), target, tell=logging.getLogger("restyle").warning)
        else:
            from restyle.sounds.api import audio

            (options,) = from_keywords(values, AudioOptions)
            audio(str(content), list(row.styles), output=target, overwrite=True, **vars(options))

    def _load(self, model: str) -> Stylizer:
        from restyle.stylizer import Stylizer

        return Stylizer(model, device=self.settings.device, threads=self.settings.threads)

    def _prepare(
        self,
        model: str,
        styles: tuple[str, ...],
        regions: tuple[str, ...],
        options: ImageOptions,
        method: OptimizeOptions,
        stamps: tuple[str, ...],
    ) -> tuple[Style | Regions | None, OptimizeOptions]:
        """Encode styles and choose the method; no style if there is only a look.

        `stamps` are the hashes of the styles' files, so that a changed file is encoded again.
        """
        from restyle.pipeline import prepare

        stylizer, given = self._stylizer(model), list(styles) or None
        encoded: Style | Regions | None = None
        if regions:
            encoded = stylizer.regions(list(regions), given, max_pixels=options.max_pixels)
        elif given or not isinstance(options, PhotoOptions) or options.look is None:
            encoded = stylizer.style(given)
        style, chosen, note = prepare(encoded, stylizer.method, options, method)
        if note:
            logging.getLogger("restyle").warning(note)
        return style, chosen


def guarded(row: Row, work: Callable[[], Outcome]) -> Outcome:
    """Call `work`; an error is the outcome of its row, and no reason to end the batch."""
    try:
        return work()
    except RestyleError as error:
        reason = str(error).removeprefix("bytes: ")
    except MemoryError:
        reason = "not enough memory; use fewer --workers"
    except OSError as error:
        reason = f"{error.filename or 'the system'}: {(error.strerror or str(error)).lower()}"
    except Exception as error:  # noqa: BLE001, an unknown fault must not stop the other rows
        reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if not reason.startswith(row.content):
        reason = f"{row.content}: {reason}"
    return Outcome(row, "failed", reason)


def noted(row: Row, work: Callable[[], Outcome]) -> Outcome:
    """Call `work` as `guarded`; warnings are notes of the outcome."""
    with collected_notes() as notes:
        outcome = guarded(row, work)
    return replace(outcome, notes=tuple(dict.fromkeys(notes)))


class _Collector(logging.Handler):
    """Keeps warnings as text."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Collect the warnings of restyle instead of printing them."""
    logger, handler = logging.getLogger("restyle"), _Collector()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def row_key(row: Row, content: str) -> str:
    """Hash everything that determines a result: the bytes of content and styles, options, model, version.

    `content` is the SHA-256 of the content.
    """
    parts = {
        "content": content,
        "styles": [row.styles, row.regions, stamps(row)],
        "options": row.options,
        "model": _model_digests(row.model),
        "suffix": os.path.splitext(row.output)[1],
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@lru_cache(maxsize=16)
def _model_digests(model: str) -> tuple[str, ...]:
    return tuple(hashlib.sha256(file.read()).hexdigest() for file in catalog.find(model).files)


@lru_cache(maxsize=16)
def _presets(model: str) -> dict[str, Path]:
    return preset_files(catalog.find(model))


def stamps(row: Row) -> tuple[str, ...]:
    """Hashes of the files that styles, regions and the look name, and of presets."""
    presets = {} if row.medium == "sound" else _presets(row.model)
    paths = [Path(name) if os.path.isfile(name) else presets.get(slug(name)) for name in _names(row)]
    return tuple(
        "" if path is None else _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns)
        for path in paths
    )


def _names(row: Row) -> Iterator[str]:
    """Names of styles, masks and the look, without weights."""
    from restyle.methods.regions import split_region

    for text in row.styles:
        yield split_weight(text)[0]
    for text in row.regions:
        mask, style = split_region(text)
        yield mask
        yield split_weight(style)[0]
    if (look := dict(row.options).get("look")) is not None:
        yield look


@lru_cache(maxsize=1024)
def _file_digest(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a style's file; read again if its size or time of change differs."""
    return catalog.file_sha256(path)


def check_target(row: Row, earlier: Finished | None, folder: Path, *, overwrite: bool) -> Path | None:
    """Check that a result may be written; return a folder of a killed run that is to be removed first.

    OutputError: something is in the output folder that may not be replaced. `earlier` is the entry of the
    journal for this output.
    """
    target = folder / row.output
    if not overwrite and earlier is not None and is_intact(target, earlier.sha256, earlier.size):
        raise OutputError(
            f"cannot write {target}: it is finished, but from another content, style, options or version;"
            " choose another folder or pass overwrite=True"
        )
    read = [name for name in _names(row) if os.path.isfile(name) or is_path(name)]
    check_output(target, overwrite=overwrite, inputs=[row.content, *read])
    return None if overwrite else left_tiles(target, earlier.sha256 if earlier else None)
