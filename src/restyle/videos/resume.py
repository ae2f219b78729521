"""What a killed run leaves behind, so that `--resume` can go on from it.

A film is encoded in segments that do not lean on one another. Beside the unfinished result there is a folder
`.NAME.parts` with, for each finished segment,

    00003.packets      what the encoder gave, one packet after the other (nothing for a folder of PNGs)
    00003.npz          stamps and sizes of those packets; its presence says that the segment is complete

and, for the last one, `00003.state.npz`: what the stages remember from frame to frame. `plan.json` says of
what film, style and options the segments are. The folder goes when the result is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from restyle import __version__
from restyle.errors import OptionError, OutputError
from restyle.files import flush
from restyle.methods.regions import Regions
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, VideoOptions
from restyle.types import PathLike
from restyle.videos.masks import regions_digest
from restyle.videos.painter import SEGMENT, State
from restyle.videos.read import Tell
from restyle.videos.timeline import TimedStyles

Plan = dict[str, Any]

_FIELDS = ("pts", "dts", "duration", "size", "key")


class Segments:
    """The finished segments of one result.

    Parameters
    ----------
    output : path
        The result.
    plan : dict
        Of `plan_of`.
    resume : bool
        Whether to go on from an earlier run; otherwise its segments are thrown away, which `tell` says.

    Raises
    ------
    OptionError
        The earlier run was of another film, or had other options.
    OutputError
        Another run is at work on the same result, or the folder cannot be made.
    """

    def __init__(self, output: PathLike, plan: Plan, resume: bool, tell: Tell = lambda line: None) -> None:
        target = Path(os.path.realpath(output))
        self.folder = target.with_name(f".{target.name[:200]}.parts")
        self._shown = os.fspath(output)
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = _locked(self.folder / "lock")
        except BlockingIOError as error:
            raise OutputError(f"cannot write {self._shown}: another restyle is at work on it") from error
        except OSError as error:
            raise OutputError(f"cannot write {self._shown}: {(error.strerror or '').lower()}") from error
        try:
            self._begin(plan, resume, tell)
        except BaseException:
            self.leave()
            raise

    def _begin(self, plan: Plan, resume: bool, tell: Tell) -> None:
        self._plan = self.folder / "plan.json"
        self.count = len(self._indices())
        earlier = _read(self._plan)
        with contextlib.suppress(OSError):
            Path(earlier.pop("temporary", "") or self.folder / "none").unlink()  # of a run that was killed
        if resume and self.count:
            _check_same(earlier, plan, self._shown)
        elif self.count or earlier:
            if self.count:
                tell(
                    f"{self.frames} finished frames of an earlier run are discarded (resume=True keeps them)"
                )
            self._clear()
            self.count = 0
        plan = json.loads(json.dumps(plan))
        _write(self._plan, json.dumps(plan).encode())
        self.plan = plan
        self._index: list[tuple[int, ...]] = []
        self._data: BinaryIO | None = None

    @property
    def frames(self) -> int:
        """Frames of the finished segments."""
        return self.count * SEGMENT

    def note_temporary(self, path: Path) -> None:
        """Remember the unfinished result, so that a later run removes it if this one is killed."""
        _write(self._plan, json.dumps({**self.plan, "temporary": os.fspath(path)}).encode())

    def state(self) -> State | None:
        """What the stages remembered after the last finished segment."""
        if not self.count:
            return None
        with np.load(self._file(self.count - 1, ".state.npz"), allow_pickle=False) as arrays:
            return dict(arrays)

    def keep(self, packet: Any) -> None:
        """Keep a packet of the segment at work."""
        if self._data is None:
            self._data = open(self._file(self.count, ".packets"), "wb")  # noqa: SIM115, until `finish`
        self._data.write(packet)
        self._index.append((packet.pts, packet.dts, packet.duration, packet.size, int(packet.is_keyframe)))

    def finish(self, state: State) -> None:
        """Say that the segment at work is complete, all its packets given to `keep`."""
        if self._data is not None:
            self._data.flush()
            os.fsync(self._data.fileno())
            self._data.close()
            self._data = None
        columns = np.array(self._index, np.int64).reshape(-1, len(_FIELDS)).T
        _save(self._file(self.count, ".state.npz"), state)
        _save(self._file(self.count, ".npz"), dict(zip(_FIELDS, columns, strict=True)))
        if self.count:
            self._file(self.count - 1, ".state.npz").unlink()
        self._index = []
        self.count += 1

    def packets(self, index: int) -> tuple[Iterator[Any], list[int]]:
        """Packets of a finished segment, and the stamps of its frames in the order of showing."""
        with np.load(self._file(index, ".npz"), allow_pickle=False) as arrays:
            table = {name: arrays[name].tolist() for name in _FIELDS}
        # A folder of PNGs has no packets; its frames count all the same.
        return self._read_packets(index, table), sorted(table["pts"]) or list(range(SEGMENT))

    def leave(self) -> None:
        """Let go of the folder, and remove it if no segment is finished."""
        if self._data_open:
            self._data.close()  # type: ignore[union-attr]
            self._data = None
        _unlock(self._lock)
        if not self._indices():
            shutil.rmtree(self.folder, ignore_errors=True)

    def remove(self) -> None:
        """Remove the folder: the result is complete, or shall not be."""
        self._clear()
        self.leave()

    @property
    def _data_open(self) -> bool:
        return getattr(self, "_data", None) is not None

    def _read_packets(self, index: int, table: dict[str, list[int]]) -> Iterator[Any]:
        import av

        if not table["size"]:
            return
        with open(self._file(index, ".packets"), "rb") as data:
            for pts, dts, duration, size, key in zip(*(table[name] for name in _FIELDS), strict=True):
                packet: Any = av.Packet(data.read(size))
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
                yield packet

    def _indices(self) -> list[Path]:
        found: list[Path] = []
        while (path := self._file(len(found), ".npz")).exists():
            found.append(path)
        return found

    def _clear(self) -> None:
        for path in list(self.folder.iterdir()) if self.folder.is_dir() else ():
            if path.name != "lock":
                with contextlib.suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _file(self, index: int, suffix: str) -> Path:
        return self.folder / f"{index:05d}{suffix}"


def plan_of(
    content: PathLike,
    styles: TimedStyles,
    method: Arbitrary,
    pictures: ImageOptions,
    film: VideoOptions,
    regions: Regions | None = None,
) -> Plan:
    """Everything that decides what the frames of a result are."""
    codes = hashlib.sha256()
    for second, style in styles:
        codes.update(np.float64(second).tobytes() + style.code.tobytes())
    if regions is not None:
        codes.update(regions_digest(regions).encode())
    options = {**asdict(pictures), **asdict(film)}
    for name in ("overwrite", "resume"):
        options.pop(name)
    files = sorted(Path(content).iterdir()) if os.path.isdir(content) else [Path(content)]
    stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files if each.is_file()]
    return {
        "content": hashlib.sha256(repr((os.path.realpath(content), stats)).encode()).hexdigest(),
        "style": codes.hexdigest(),
        "model": [method.record.name, *(each.sha256 for each in method.record.files)],
        "version": __version__,
        "segment": SEGMENT,
        **options,
    }


def _check_same(earlier: Plan, plan: Plan, shown: str) -> None:
    for name, value in json.loads(json.dumps(plan)).items():
        if earlier.get(name) == value:
            continue
        if name in ("content", "style", "model", "version", "segment"):
            what = f"another {name}"
        else:
            what = f"{name.replace('_', '-')} {earlier.get(name)}, not {value}"
        raise OptionError(
            f"cannot resume {shown}: the earlier run had {what};"
            " give the same, or start again without resume=True"
        )


def _read(path: Path) -> Plan:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    flush(temporary)
    os.replace(temporary, path)


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    flush(temporary)
    os.replace(temporary, path)


def _locked(path: Path) -> BinaryIO:
    """Open a file that one process at a time can have; a process that dies lets go of it."""
    file = open(path, "wb")  # noqa: SIM115, it is the lock
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise BlockingIOError from error
    return file


def _unlock(file: BinaryIO) -> None:
    path = file.name
    file.close()
    with contextlib.suppress(OSError):
        os.unlink(path)
