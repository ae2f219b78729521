"""Stylize a picture that is too large for memory, from file to file.

    file -> rows on disk -> thumbnail -> method -> painting -> rows with the photo's detail, on disk -> file

The painting, and the rows as they are finished, are kept in the folder `.NAME.parts` beside the result:

    plan.json      what the result depends on
    painting.npz   the painting, if it is smaller than the picture
    rows           finished samples
    journal        a line for each: what, from which row to which, SHA-256

After a kill, `resume=True` continues with the rows whose checksums are right.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from restyle import __version__, pipeline
from restyle.errors import OutputError
from restyle.files import STANDARD_STREAM, Parts, check_output, check_same_plan, read_plan, writing
from restyle.images import encode, exif, formats, stream
from restyle.images.geometry import Box, strips
from restyle.images.looks import apply_look, load_look
from restyle.images.picture import Picture
from restyle.images.resize import Enlargement
from restyle.images.stream import RowFile, RowReader, StreamedPicture
from restyle.methods import table
from restyle.methods.protocol import Settings, Stopped
from restyle.methods.regions import Regions
from restyle.models.session import free_memory
from restyle.options import ImageOptions, PhotoOptions
from restyle.style import Style
from restyle.types import FloatArray, PathLike

log = logging.getLogger("restyle.images")

FORMAT = "restyle-rows/1"
_PAINTING = 0.5  # share of the progress; the rest is the rows
_OWN = re.compile(r"plan\.json|painting\.npz|rows|journal|source|encoded\.jpg")
_LINE = re.compile(r"(painting|rows) (\d{1,9}) (\d{1,9}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Job:
    """A large picture to stylize.

    `reader` reads `source`; without a style only a look is applied; `settings` has `files`, the result.
    """

    source: PathLike
    reader: RowReader
    style: Style | None
    settings: Settings

    @property
    def options(self) -> ImageOptions:
        return self.settings.image

    @property
    def box(self) -> Box:
        """Part of the upright picture that is used."""
        return pipeline.framing(stream.upright_size(self.reader), self.options)

    @property
    def form(self) -> formats.Format:
        """Format of the result."""
        return formats.output_format(self.output)

    @property
    def output(self) -> PathLike:
        assert self.settings.files is not None
        return self.settings.files.output


def open_job(source: object, style: Style | Regions | None, settings: Settings) -> Job | None:
    """Open a picture for streaming; None if it is small enough for memory, or must be there as a whole.

    InputError if the file cannot be used, or does not fit into memory where it must.
    """
    if not isinstance(source, (str, os.PathLike)) or os.fspath(source) == STANDARD_STREAM:
        return None
    reader = stream.open_rows(source, settings.image.max_pixels)
    if reader is None:
        return None
    if reason := _needs_whole(reader, style, settings):
        pixels, regions = reader.size[0] * reader.size[1], isinstance(style, Regions)
        stream.check_memory(source, pixels, settings.image, free_memory(), regions=regions, why=reason)
        log.info("%s: is read into memory: %s not done in strips", source, reason)
        return None
    assert not isinstance(style, Regions)
    pipeline.check_method(settings.method, settings.image, settings.callback)
    table.network_device(settings.device, settings.method.chosen)
    return Job(source, reader, style, settings)


def _needs_whole(reader: RowReader, style: Style | Regions | None, settings: Settings) -> str:
    """Say what cannot be done in strips, for a message: "regions are"; empty if nothing."""
    options, method = settings.image, settings.method
    assert settings.files is not None
    form = formats.output_format(settings.files.output)
    if not form.rows or os.fspath(settings.files.output) == STANDARD_STREAM:
        return f"{form.name} is"
    if isinstance(style, Regions):
        return "regions are"
    for name in ("keep_colors", "colors_only", "size"):
        if getattr(options, name):
            return f"{name.replace('_', '-')} is"
    if method.preview or method.save_every:
        return "previews are"
    if style is None:
        return ""
    if options.strength == 0:
        return "strength 0 is"
    if not table.find(method.chosen).streams:
        return f"method '{method.chosen}' is"
    size = stream.upright_size(reader)
    box = pipeline.framing(size, options)
    return table.load(method.chosen).needs_whole((box.height, box.width), options)


class Progress:
    """What is finished of a result, in the folder beside it: see `files.Parts`.

    OptionError if an earlier run is to be resumed that had another plan.
    """

    def __init__(self, output: PathLike, plan: dict[str, Any], resume: bool) -> None:
        self.parts = Parts(output, _OWN)
        self.folder = self.parts.folder
        self._journal, self._plan = self.folder / "journal", self.folder / "plan.json"
        self.keep = False
        try:
            plan = json.loads(json.dumps({"format": FORMAT, **plan}))
            earlier = read_plan(self._plan)
            if resume and earlier.get("format") == FORMAT:
                check_same_plan(
                    earlier, plan, os.fspath(output), ("content", "style", "model", "version", "format")
                )
            else:
                self.parts.clear()
                self._plan.write_text(json.dumps(plan))
        except BaseException:
            self.parts.leave(keep=True)
            raise

    def lines(self, what: str) -> Iterator[tuple[int, int, str]]:
        """Yield the complete lines of the journal about `what`: rows from, to, and their SHA-256."""
        try:
            text = self._journal.read_text("ascii", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            if (found := _LINE.fullmatch(line)) and found[1] == what:
                yield int(found[2]), int(found[3]), found[4]

    def note(self, what: str, top: int, bottom: int, content: bytes | memoryview) -> None:
        """Add a line to the journal; its content is in its file already."""
        with open(self._journal, "a", encoding="ascii") as journal:
            journal.write(f"{what} {top} {bottom} {hashlib.sha256(content).hexdigest()}\n")
        self.keep = True

    def painting(self, size: tuple[int, int], make: Callable[[], Enlargement | None]) -> Enlargement | None:
        """Return the painting of an earlier run if it is intact; otherwise make it, and forget rows."""
        path = self.folder / "painting.npz"
        for _, _, digest in self.lines("painting"):
            content = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(content).hexdigest() == digest:
                self.keep = True
                with np.load(path, allow_pickle=False) as found:
                    saved = dict(found)
                return Enlargement(saved["painted"], saved.get("small"), size, float(saved["strength"]))
        if (made := make()) is None:
            return None
        self._journal.unlink(missing_ok=True)
        arrays = {"painted": made.painted, "strength": np.float32(made.strength)}
        if made.small is not None:
            arrays["small"] = made.small
        with open(path, "wb") as file:
            np.savez(file, allow_pickle=False, **cast("dict[str, Any]", arrays))
        self.note("painting", 0, 0, path.read_bytes())
        return made

    def rows(self, shape: tuple[int, int, int], dtype: Any) -> tuple[RowFile, int]:
        """Open the finished rows, and return how many of them are intact."""
        path, done = self.folder / "rows", 0
        new = not path.is_file()
        file = RowFile(path, shape, dtype, new=new)
        for top, bottom, digest in () if new else self.lines("rows"):
            if top != done or not top < bottom <= shape[0]:
                break
            try:
                content = file.rows(slice(top, bottom))
            except OSError:
                break
            if hashlib.sha256(content.data.cast("B")).hexdigest() != digest:
                break
            done, self.keep = bottom, True
        return file, done

    def leave(self, finished: bool) -> None:
        """Unlock the folder; keep it only if it holds something for the next run."""
        for name in ("source", "encoded.jpg"):
            (self.folder / name).unlink(missing_ok=True)
        self.parts.leave(keep=self.keep and not finished)


def write(job: Job) -> Path:
    """Stylize a large picture, write the result, and return its path.

    Raises
    ------
    InputError, OptionError, OutputError
        The file is damaged; another run is resumed; there is not enough space on the disk.
    KeyboardInterrupt
        By Ctrl-C, with a message.
    """
    files, options, shown = job.settings.files, job.options, os.fspath(job.source)
    assert files is not None
    overwrite = files.saving.overwrite
    check_output(job.output, overwrite=overwrite, inputs=files.inputs)
    box, form = job.box, job.form
    if form is formats.JPEG and max(box.height, box.width) > formats.JPEG_SIDE:
        raise OutputError(
            f"cannot write {os.fspath(job.output)}: JPEG cannot hold {box.width} x {box.height} pixels;"
            " write TIFF, PNG or Deep Zoom (.dzi)"
        )
    _check_disk(job)
    progress = Progress(job.output, _plan(job), job.settings.method.resume)
    finished = False
    try:
        with stream.unpack(job.reader, progress.folder / "source", shown) as samples:
            photo = StreamedPicture(job.reader, samples, shown, box, options.brightness, options.contrast)
            file, picture = _fill(job, photo, progress)
        with file:
            block = picture.exif and exif.with_size(picture.exif, box.width, box.height)
            profile = picture.icc if form.metadata else None
            quality = files.saving.quality
            if form is formats.DEEP_ZOOM:
                encode.write_deep_zoom(encode.vips_image(file), job.output, quality, overwrite, files.inputs)
            else:
                with writing(job.output, overwrite=overwrite, inputs=files.inputs) as temporary:
                    encode.encode_rows(file, form, quality, temporary, icc=profile, exif=block)
        finished = True
    except (KeyboardInterrupt, Stopped):
        more = "; resume=True continues" if progress.keep else ""
        raise KeyboardInterrupt(f"{os.fspath(job.output)} is not finished{more}") from None
    except OSError as error:
        raise OutputError(f"cannot write {os.fspath(job.output)}: {error.strerror or error}") from error
    finally:
        progress.leave(finished)
    return Path(job.output)


def _fill(job: Job, photo: StreamedPicture, progress: Progress) -> tuple[RowFile, Picture]:
    """Stylize a picture into a file of rows; return it with a pixel of the photo, for its metadata."""
    sample = photo.read(Box(0, 0, 1, 1))
    form, options = job.form, job.options
    if sample.alpha is not None and not form.alpha:
        log.warning("%s: %s has no transparency; the image is placed on white", job.output, form.name)
    profile = sample.icc if form.metadata else None
    dtype = np.dtype(np.uint16 if form.deep and sample.depth == 16 else np.uint8)
    bands = 4 if sample.alpha is not None and form.alpha else 3
    named = options.look if isinstance(options, PhotoOptions) else None
    look = None if named is None else load_look(named)
    painting = None if job.style is None else _painting(job, job.style, photo, progress)
    with ExitStack() as stack:
        file, done = progress.rows((*photo.size, bands), dtype)
        stack.enter_context(file)
        if done:
            log.info("%s: continued at row %d of %d", job.output, done, photo.size[0])
        for rows, content, pixels in _painted_rows(job, photo, painting, done):
            if look is not None:
                pixels = apply_look(look, pixels, options.strength if job.style is None else 1.0)
            result = replace(content, pixels=pixels, gray=False)
            samples = np.ascontiguousarray(encode.to_samples(result, profile, dtype, alpha=form.alpha))
            file.write(samples, rows.start)
            progress.note("rows", rows.start, rows.stop, samples.data.cast("B"))
        stack.pop_all()  # it stays open
    job.settings.report(1.0)
    return file, sample


def _painting(job: Job, style: Style, photo: StreamedPicture, progress: Progress) -> Enlargement | None:
    """Paint the picture small; None if it is painted at its own size."""
    report = job.settings.report
    method = table.load(job.settings.method.chosen)
    settings = replace(job.settings, report=lambda part: report(_PAINTING * part))
    return progress.painting(
        photo.size, lambda: method.plan_rows(photo.thumbnail, photo.size, style, settings)
    )


def _painted_rows(
    job: Job, photo: StreamedPicture, painting: Enlargement | None, start: int
) -> Iterator[tuple[slice, Picture, FloatArray]]:
    """Yield strips from row `start` on, with their content and their painting [n, W, 3]."""
    options, (height, width) = job.options, photo.size
    if painting is None and job.style is not None:

        def read(box: Box) -> FloatArray:
            return photo.visible(photo.read(box), box)

        network, report, thumbnail = job.settings.network, job.settings.report, photo.thumbnail()[0]
        for top, band in network.stylize_rows(
            read, photo.size, thumbnail, job.style.code, options.strength, report, start
        ):
            for rows in strips(max(top, start), top + len(band), width):
                yield rows, photo.rows(rows), band[rows.start - top : rows.stop - top]
        return
    mixed = (
        options.strength < 1 and job.style is not None and not table.find(job.settings.method.chosen).strength
    )
    for rows in strips(start, height, width):
        content = photo.rows(rows)
        pixels = content.pixels
        if painting is not None:
            visible = photo.visible(content, Box(rows.start, 0, content.height, width))
            pixels = painting.rows(visible, rows.start)
            if mixed:
                pixels = visible + np.float32(options.strength) * (pixels - visible)
        yield rows, content, pixels
        job.settings.report(_PAINTING + (1 - _PAINTING) * rows.stop / height)


def _check_disk(job: Job) -> None:
    """Raise OutputError if the disk has too little space for the samples of source and result."""
    height, width = stream.upright_size(job.reader)
    source = height * width * job.reader.bands * job.reader.dtype.itemsize
    result = job.box.height * job.box.width * job.reader.dtype.itemsize * max(3, job.reader.bands)
    needed, folder = source + 2 * result, Path(os.path.realpath(job.output)).parent
    free = shutil.disk_usage(folder).free
    line = f"needs {needed / 1e9:.1f} GB in '{folder}' until it is finished"
    if free < needed:
        raise OutputError(f"cannot write {os.fspath(job.output)}: {line}, and {free / 1e9:.1f} GB are free")
    log.warning("%s: has %d megapixels; %s", job.source, height * width // 1_000_000, line)


def _plan(job: Job) -> dict[str, Any]:
    """Return everything that determines the rows of a result."""
    status, record = os.stat(job.source), job.settings.network.record
    style = hashlib.sha256()
    if job.style is not None:
        style.update(job.style.code.tobytes())
        if table.find(job.settings.method.chosen).pictures:
            for each in job.style.exemplars():
                style.update(repr((each.pixels.shape, each.weight, each.scale)).encode())
                style.update(each.pixels.tobytes())
    options = {**asdict(job.options), **asdict(job.settings.method)}
    for name in ("resume", "max_pixels"):
        options.pop(name)
    content = (os.path.realpath(job.source), status.st_size, status.st_mtime_ns)
    return {
        "content": hashlib.sha256(repr(content).encode()).hexdigest(),
        "style": style.hexdigest(),
        "model": [record.name, *(each.sha256 for each in record.files)],
        "version": __version__,
        "suffix": Path(job.output).suffix.lower(),
        **options,
    }
