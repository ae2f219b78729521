"""Run the stages of a video until the end or an interrupt, and keep what is finished for `--resume`.

A video is encoded in independent segments. A folder `.NAME.parts` next to the output holds, for each one,

    00003.packets      the packets of the encoder, concatenated (absent for a folder of PNGs)
    00003.npz          time stamps and sizes of those packets, and checksums of the other two files; if it
                       exists, the segment is complete

and for the last one `00003.state.npz`, what the stages remember of earlier frames. `plan.json` identifies the
video, the styles and the options. The folder is removed when the result is complete. Before anything of it is
used, types, sizes and checksums are verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from restyle import __version__
from restyle.errors import OptionError, OutputError
from restyle.files import DISK_ERRORS, Parts, check_same_plan, flush, read_plan, unused
from restyle.methods.regions import Regions
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, VideoOptions
from restyle.types import PathLike
from restyle.videos.formats import Tell, VideoFrame
from restyle.videos.frames import FolderReader, FolderWriter, GifWriter, WebPReader
from restyle.videos.painter import VideoPainter
from restyle.videos.read import VideoReader
from restyle.videos.stages import SEGMENT, SegmentEnd, Stages, State
from restyle.videos.styles import TimedStyles, regions_digest
from restyle.videos.write import VideoWriter

Reader = VideoReader | FolderReader | WebPReader
Writer = VideoWriter | GifWriter | FolderWriter
Plan = dict[str, Any]

AHEAD = 4  # frames in the queues after reading and before writing
BETWEEN = 2  # frames in the queues around the network, as floats
QUEUE_BYTES = 400_000_000  # of the frames in one queue; if one alone takes more, the stages take turns
# Names of files in the folder, and of pictures in its folder `frames`
_OWN = re.compile(
    r"(plan\.json|\d{5}\.(packets|npz|state\.npz))(\.new)?|\d{5,}\.png|\.\d{5,}-[0-9a-f]+\.part\.png"
)
_HASHED = ("content", "style", "model", "version", "segment")  # of the plan
_FIELDS = ("pts", "dts", "duration", "size", "key")
_EMPTY = hashlib.sha256().hexdigest()
_DAMAGED = (  # what NumPy raises when it reads damaged files
    OSError, ValueError, EOFError, LookupError, TypeError, RuntimeError, MemoryError, SyntaxError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


def run(
    reader: Reader,
    painter: VideoPainter,
    writer: Writer,
    watch: Callable[[int], None],
    segments: Segments | None = None,
) -> BaseException | None:
    """Run all stages. Return the KeyboardInterrupt that stopped them; the frames done are then written."""
    import av

    stages, interrupt = Stages(), None
    height, width = reader.info.size
    at_most = QUEUE_BYTES // (3 * 4 * height * width)  # RGB as floats
    ahead, between = min(AHEAD, at_most), min(BETWEEN, at_most)
    try:
        items = stages.ahead(reader.items(segments.frames if segments else 0), ahead, nice=True)
        items = stages.ahead(painter.prepare(items), between, nice=True)
        items = stages.ahead(painter.paint(items), between)
        items = stages.ahead(painter.steady(items), between, nice=True)
        frames = stages.ahead(painter.finish(items), ahead, nice=True)
        try:
            # Ctrl-C arrives in this thread, so it never interrupts the writer.
            for done in stages.ahead(write_items(frames, writer, segments), AHEAD, nice=True):
                watch(done)
        except KeyboardInterrupt as stop:
            interrupt = stop
        finally:
            stages.close()
        writer.close()
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise  # `files.writing` has a message for it
        if isinstance(error, (OSError, av.FFmpegError)):
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot write the video: {reason}") from error
        raise
    return interrupt


def run_or_save(
    reader: Reader,
    painter: VideoPainter,
    writer: Writer,
    segments: Segments | None,
    keep: bool,
    temporary: Path,
    output: PathLike,
    watch: Callable[[int, int | None], None],
    tell: Tell,
) -> None:
    """Run all stages; after an interrupt save the partial result as `clip.partial.mp4`, and raise it again.

    With `keep` an error leaves the finished segments.
    """
    total = reader.info.frames
    try:
        interrupt = run(reader, painter, writer, lambda done: watch(done, total), segments)
    except BaseException:
        if segments and not keep:
            segments.remove()
        raise
    if interrupt is None:
        return
    if done := writer.frames:
        resumable = segments is not None and segments.count > 0
        path = Path(output)
        partial = unused(path.with_name(f"{path.stem}.partial{path.suffix}"))
        if resumable and temporary.is_dir():
            shutil.copytree(temporary, partial)
        else:
            os.replace(temporary, partial)
        line = f"{done} of {total} frames are in {partial}" if total else f"{done} frames are in {partial}"
        tell(f"{line}; resume=True continues from there" if resumable else line)
    raise interrupt


def write_items(items: Iterator[Any], writer: Writer, segments: Segments | None = None) -> Iterator[int]:
    """Write frames, packets and finished segments; yield the number of frames after each."""
    if segments and isinstance(writer, VideoWriter):
        writer.keep = segments.keep
    skipped = 0
    for item in items:
        if isinstance(item, SegmentEnd):
            if segments:
                writer.end_segment()
                segments.finish(item.state)
        elif not isinstance(item, VideoFrame):
            writer.copy(item)
        elif item.skipped:
            if segments and skipped % SEGMENT == 0 and not isinstance(writer, GifWriter):
                writer.append(*segments.packets(skipped // SEGMENT))
                yield writer.frames
            skipped += 1
        else:
            writer.write(item)
            yield writer.frames


class Segments:
    """The finished segments of one result.

    With `resume` an earlier run is continued; otherwise its segments are deleted, and `tell` is called.
    Raises OptionError if the earlier run had another `plan` (see `plan_of`), OutputError if another process
    writes the same result, or the folder cannot be created.
    """

    def __init__(self, output: PathLike, plan: Plan, resume: bool, tell: Tell = lambda line: None) -> None:
        self._parts = Parts(output, _OWN, ("frames",))
        self.folder = self._parts.folder
        self._shown = os.fspath(output)
        self._index: list[tuple[int, ...]] = []
        self._data: BinaryIO | None = None
        self._digest = hashlib.sha256()  # of the packets of the current segment
        self._plan = self.folder / "plan.json"
        self.plan: Plan = json.loads(json.dumps(plan))
        try:
            self._begin(resume, tell)
        except BaseException:
            self.leave()
            raise

    def _begin(self, resume: bool, tell: Tell) -> None:
        """Continue or delete the segments of an earlier run."""
        self.count = self._finished()
        earlier = read_plan(self._plan)
        self._remove_temporary(earlier.pop("temporary", None))
        if resume and self.count:
            check_same_plan(earlier, self.plan, self._shown, _HASHED)
            for index in range(self.count):
                self._check(index)
        elif self.count or earlier:
            if self.count:
                tell(
                    f"{self.frames} finished frames of an earlier run are discarded (resume=True keeps them)"
                )
            self._parts.clear()
            self.count = 0
        _write(self._plan, json.dumps(self.plan).encode())

    def _remove_temporary(self, name: object) -> None:
        """Remove the unfinished result of a killed run; its name in the plan is not trusted."""
        target = self.folder.parent / Path(str(name)).name
        if name and target.match(".restyle-*.part*"):  # of `files.writing`
            with contextlib.suppress(OSError):
                target.unlink()

    @property
    def frames(self) -> int:
        """Number of frames in the finished segments."""
        return self.count * SEGMENT

    def note_temporary(self, path: Path) -> None:
        """Record the unfinished result; if this run is killed, the next one removes it."""
        _write(self._plan, json.dumps({**self.plan, "temporary": os.fspath(path)}).encode())

    def state(self) -> State | None:
        """Return the state of the stages after the last finished segment."""
        return self._load(self.count - 1, ".state.npz")[0] if self.count else None

    def restore(self, restore: Callable[[State], None]) -> None:
        """Call a function with `state`, if there is one; OptionError if it cannot use it."""
        if (state := self.state()) is not None:
            try:
                restore(state)
            except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
                raise self._damaged() from error

    def keep(self, packet: Any) -> None:
        """Save a packet of the current segment."""
        if self._data is None:
            self._data = open(self._file(self.count, ".packets"), "wb")  # noqa: SIM115, until `finish`
        self._data.write(packet)
        self._digest.update(packet)
        self._index.append((packet.pts, packet.dts, packet.duration, packet.size, int(packet.is_keyframe)))

    def finish(self, state: State) -> None:
        """Mark the current segment as complete; `keep` has got all its packets."""
        if self._data is not None:
            self._data.flush()
            os.fsync(self._data.fileno())
            self._close()
        table = np.array(self._index, np.int64).reshape(-1, len(_FIELDS))
        digests = np.array([self._digest.hexdigest(), _save(self._file(self.count, ".state.npz"), state)])
        _save(self._file(self.count, ".npz"), {"packets": table, "sha256": digests})
        if self.count:
            self._file(self.count - 1, ".state.npz").unlink()
        self._index, self._digest = [], hashlib.sha256()
        self.count += 1

    def packets(self, index: int) -> tuple[Iterator[Any], list[int]]:
        """Return the packets of a finished segment, and the time stamps of its frames in display order."""
        table = self._load(index, ".npz")[0]["packets"].tolist()
        # A folder of PNGs has frames and no packets.
        return self._read_packets(index, table), sorted(row[0] for row in table) or list(range(SEGMENT))

    def leave(self) -> None:
        """Unlock the folder, and remove it if no segment is finished."""
        self._close()
        self._parts.leave(keep=self._finished() > 0)

    def remove(self) -> None:
        """Remove the folder."""
        self._parts.clear()
        self.leave()

    def _close(self) -> None:
        if self._data is not None:
            self._data.close()
            self._data = None

    def _check(self, index: int) -> None:
        """Raise OptionError unless the files of a segment are what `finish` wrote."""
        arrays, _ = self._load(index, ".npz")
        table, digests = arrays.get("packets", np.empty(0)), arrays.get("sha256", np.empty(0)).tolist()
        if table.dtype != np.int64 or table.ndim != 2 or table.shape[1] != len(_FIELDS) or len(digests) != 2:
            raise self._damaged()
        sizes = table[:, _FIELDS.index("size")]
        found, size = _EMPTY, 0
        try:
            if len(sizes):
                with open(self._file(index, ".packets"), "rb") as file:
                    found, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        except OSError as error:
            raise self._damaged() from error
        if (sizes < 0).any() or size != sizes.sum() or found != digests[0]:
            raise self._damaged()
        if index == self.count - 1 and self._load(index, ".state.npz")[1] != digests[1]:
            raise self._damaged()

    def _load(self, index: int, suffix: str) -> tuple[State, str]:
        """Return the arrays of a file, and its SHA-256."""
        try:
            content = self._file(index, suffix).read_bytes()
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                if sum(each.file_size for each in arrays.zip.infolist()) > len(content):
                    raise ValueError("compressed")  # by somebody else
                return dict(arrays), hashlib.sha256(content).hexdigest()
        except _DAMAGED as error:
            raise self._damaged() from error

    def _damaged(self) -> OptionError:
        return OptionError(
            f"cannot resume {self._shown}: the saved frames are damaged; start again without resume=True"
        )

    def _read_packets(self, index: int, table: list[list[int]]) -> Iterator[Any]:
        import av

        if not table:
            return
        with open(self._file(index, ".packets"), "rb") as data:
            for pts, dts, duration, size, key in table:
                packet: Any = av.Packet(data.read(size))
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
                yield packet

    def _finished(self) -> int:
        """Count the segments that are complete."""
        return next(index for index in itertools.count() if not self._file(index, ".npz").exists())

    def _file(self, index: int, suffix: str) -> Path:
        return self.folder / f"{index:05d}{suffix}"


def plan_of(
    content: PathLike,
    styles: TimedStyles,
    method: Arbitrary,
    image_options: ImageOptions,
    options: VideoOptions,
    regions: Regions | None = None,
) -> Plan:
    """Return everything that determines the frames of a result."""
    codes = hashlib.sha256()
    for second, style in styles:
        codes.update(np.float64(second).tobytes() + style.code.tobytes())
    if options.look is not None and os.path.isfile(options.look):
        codes.update(Path(options.look).read_bytes())
    if regions is not None:
        codes.update(regions_digest(regions).encode())
    all_options = {**asdict(image_options), **asdict(options)}
    for name in ("overwrite", "resume", "preview"):
        all_options.pop(name)
    files = sorted(Path(content).iterdir()) if os.path.isdir(content) else [Path(content)]
    stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files if each.is_file()]
    return {
        "content": hashlib.sha256(repr((os.path.realpath(content), stats)).encode()).hexdigest(),
        "style": codes.hexdigest(),
        "model": [method.record.name, *(each.sha256 for each in method.record.files)],
        "version": __version__,
        "segment": SEGMENT,
        **all_options,
    }


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    flush(temporary)
    os.replace(temporary, path)


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> str:
    """Write arrays, and return the SHA-256 of the file."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    _write(path, file.getvalue())
    return hashlib.sha256(file.getvalue()).hexdigest()
