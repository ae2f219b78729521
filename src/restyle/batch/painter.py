"""Paint one row: in a worker process, in a Ray actor, or in a loop. Networks and styles are loaded once."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from restyle.batch.check import check_target
from restyle.batch.journal import Finished, is_finished
from restyle.batch.keys import row_key, stamps
from restyle.batch.names import check_inside
from restyle.batch.results import checksum, sha256, size
from restyle.batch.rows import OPTION_SETS, Row
from restyle.errors import RestyleError
from restyle.files import check_readable
from restyle.options import (
    AudioOptions,
    DeviceName,
    EngineOptions,
    ImageOptions,
    OptimizeOptions,
    PhotoOptions,
    SaveOptions,
    VideoOptions,
    from_keywords,
)

if TYPE_CHECKING:
    from restyle.methods.regions import Regions
    from restyle.style import Style
    from restyle.stylizer import Stylizer

State = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What happened to a row.

    Parameters
    ----------
    row : Row
    state : "done", "skipped" or "failed"
        Skipped: the result is finished since an earlier run.
    reason : str
        Why it failed.
    entry : Finished or None
        For the journal, if it is done.
    staged : str
        The result, to be moved into place.
    notes : tuple of str
        Warnings.
    """

    row: Row
    state: State
    reason: str = ""
    entry: Finished | None = None
    staged: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What all rows share.

    Parameters
    ----------
    output : str
        The output folder.
    work : str
        Folder for results that are not finished, on the same file system.
    overwrite : bool
        Whether results may replace existing files.
    device, threads
        As in `EngineOptions`.
    """

    output: str
    work: str
    overwrite: bool = False
    device: DeviceName = "cpu"
    threads: int | None = None


class Painter:
    """Paints rows, one after the other.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stylizer = lru_cache(maxsize=2)(self._load)
        self._style = lru_cache(maxsize=64)(self._prepare)

    def __call__(self, row: Row, earlier: Finished | None = None) -> Outcome:
        """Paint a row to a file in the work folder, unless its result is finished; never raises.

        Parameters
        ----------
        row : Row
        earlier : Finished or None
            Entry of the journal for this output.
        """
        with collected_notes() as notes:
            outcome = guarded(row, lambda: self.paint(row, earlier))
        return replace(outcome, notes=tuple(dict.fromkeys(notes)))

    def paint(self, row: Row, earlier: Finished | None, content: bytes | None = None) -> Outcome:
        """Paint a row from its file, or from the bytes of a picture.

        Raises
        ------
        RestyleError, OSError
            The row cannot be done.
        """
        folder = Path(self.settings.output)
        target = folder / row.output
        if content is None:
            check_readable(row.content)
            digest = sha256(Path(row.content))
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
        """Write the result of a row to `target`, which may exist.

        Parameters
        ----------
        row : Row
        content : str or bytes
            Path of the content; of pictures also the bytes of the file.
        target : Path
            Its suffix chooses the format.
        """
        values = dict(row.options)
        if row.medium == "picture":
            image, method, saving = from_keywords(values, *OPTION_SETS["picture"])
            self._picture(row, content, target, image, method, replace(saving, overwrite=True))
        elif row.medium == "video":
            image, video = from_keywords(values, *OPTION_SETS["video"])
            self._video(row, str(content), target, image, replace(video, overwrite=True))
        else:
            self._sound(row, str(content), target, from_keywords(values, AudioOptions)[0])

    def _picture(
        self,
        row: Row,
        content: str | bytes,
        target: Path,
        options: ImageOptions,
        method: OptimizeOptions,
        saving: SaveOptions,
    ) -> None:
        style, method = self._style(row.model, row.styles, row.regions, options, method, stamps(row))
        self._stylizer(row.model).write(content, style, target, options, saving, method)

    def _video(
        self, row: Row, content: str, target: Path, options: ImageOptions, video: VideoOptions
    ) -> None:
        from restyle.videos.api import VideoStylizer

        stylizer = VideoStylizer(
            list(row.styles) or None,
            regions=list(row.regions) or None,
            image_options=options,
            options=video,
            method=self._stylizer(row.model).method,
        )
        stylizer.write(content, target, tell=logging.getLogger("restyle").warning)

    def _sound(self, row: Row, content: str, target: Path, options: AudioOptions) -> None:
        from restyle.sounds.api import audio

        audio(content, list(row.styles), output=target, overwrite=True, **vars(options))

    def _load(self, model: str) -> Stylizer:
        from restyle.stylizer import Stylizer

        engine = EngineOptions(model=model, device=self.settings.device, threads=self.settings.threads)
        return Stylizer(engine.model, device=engine.device, threads=engine.threads)

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
