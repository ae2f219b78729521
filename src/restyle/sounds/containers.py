"""Links of chained sound files, and sizes that their headers do not state."""

from __future__ import annotations

import io
import mmap
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from restyle.types import PathLike

_CHUNKS = {b"RIFF": "<I", b"FORM": ">I"}  # how formats made of chunks (WAV, AIFF) write a size
_OGG, _OGG_HEADER, _OGG_PAGE = b"OggS", 27, 1 << 16  # capture pattern; bytes of a header, of the longest page


class Part(io.RawIOBase):
    """A part of an open file, as a file of its own for libsndfile, with `corrected` bytes by their places."""

    def __init__(
        self, file: BinaryIO, start: int, end: int, corrected: Mapping[int, bytes] | None = None
    ) -> None:
        super().__init__()
        self._corrected = corrected or {}
        self._file, self._start, self._size, self._place = file, start, end - start, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._place)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._size - self._place))))
        for place, right in self._corrected.items():
            for at, byte in enumerate(right, place - self._place):
                if 0 <= at < len(data):
                    data[at] = byte
        buffer[: len(data)] = bytes(data)
        self._place += len(data)
        return len(data)


def find_links(path: PathLike) -> tuple[list[tuple[int, int]], bool]:
    """Find the links of an Ogg, FLAC, WAV or AIFF file: complete files one after the other.

    Returns
    -------
    links : list of (start, end)
        In bytes; empty if the file has another format.
    complete : bool
        Whether the last page of an Ogg file is marked as such; True for the others.
    """
    complete = True
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        kind = file.read(4)
        if kind == _OGG:
            starts, complete = _ogg_starts(file, size)
        elif kind == b"fLaC":
            starts = _flac_starts(file)
        elif kind in _CHUNKS:
            starts = _chunk_starts(file, kind)
        else:
            return [], True
    return list(zip(starts, [*starts[1:], size][: len(starts)], strict=True)), complete


def _ogg_starts(file: BinaryIO, size: int) -> tuple[list[int], bool]:
    """Reference: RFC 3533."""
    starts: list[int] = []
    complete = before_first = True
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(_OGG_HEADER)
        table = file.read(head[-1]) if len(head) == _OGG_HEADER else b""
        if head[:4] != _OGG:  # damaged: look for the next page
            found = (head + table + file.read(_OGG_PAGE)).find(_OGG, 1)
            place += found if found > 0 else _OGG_PAGE
            continue
        begins, ends = bool(head[5] & 2), bool(head[5] & 4)
        if begins and before_first:
            starts.append(place)
        # Several streams may begin together: a link starts at the first of them.
        before_first = not begins
        place += len(head) + len(table) + sum(table)
        complete = ends and place <= size
    return starts, complete


def count_streams(path: PathLike) -> int:
    """Return how many streams begin together at the start of an Ogg file; 1 for another file."""
    count = 0
    with open(path, "rb") as file:
        while len(head := file.read(_OGG_HEADER)) == _OGG_HEADER and head[:4] == _OGG and head[5] & 2:
            count += 1
            file.seek(sum(file.read(head[-1])), io.SEEK_CUR)
    return max(1, count)


def _flac_starts(file: BinaryIO) -> list[int]:
    """A FLAC file states its size nowhere, so that the next one is found by its first bytes (RFC 9639)."""
    starts: list[int] = []
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = 0
        while place >= 0:
            kind, *length = data[place + 4 : place + 8] or (1, 0)
            if kind & 0x7F == 0 and bytes(length) == b"\0\0\x22":  # STREAMINFO of 34 bytes
                starts.append(place)
            place = data.find(b"fLaC", place + 4)
    return starts or [0]


def _chunk_starts(file: BinaryIO, kind: bytes) -> list[int]:
    starts, place = [0], 0
    while True:
        file.seek(place + 4)
        place += 8 + struct.unpack(_CHUNKS[kind], file.read(4).ljust(4, b"\0"))[0]
        for start in (place, place + 1):  # some programs pad to an even size
            file.seek(start)
            if file.read(4) == kind:
                starts.append(start)
                place = start
                break
        else:
            return starts


def stated_sizes(path: PathLike) -> dict[int, bytes]:
    """Return the right sizes, by their places, for a WAV that states no size for its samples, or 0.

    Programs that write to a pipe leave such files; the samples reach to the end. Empty for all other files.
    Reference: EBU Tech 3306 (RF64).
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return {}
        wide, place, start = 0, 12, 0
        while place + 8 <= size and not start:
            file.seek(place)
            name, length = struct.unpack("<4sI", file.read(8))
            place += 8
            if name == b"data":
                start = place
                if wide:
                    file.seek(wide + 8)
                    length = int.from_bytes(file.read(8), "little")
                if 0 < length < 2**63:
                    return {}
            elif name == b"ds64":
                wide = place
            place += length + length % 2
        if not start or _are_chunks(file, start, size):
            return {}
    if wide:
        return {wide: struct.pack("<2Q", size - 8, size - start)}
    most = 2**32 - 1
    return {4: struct.pack("<I", min(most, size - 8)), start - 4: struct.pack("<I", min(most, size - start))}


def _are_chunks(file: BinaryIO, place: int, size: int) -> bool:
    """Tell whether a file consists of RIFF chunks from a place to its end."""
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if not all(32 <= letter < 127 for letter in name):
            return False
        place += 8 + length + length % 2
    return place == size
