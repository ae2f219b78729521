"""Open media files with FFmpeg, safely."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

from restyle.types import PathLike

_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
# Formats that FFmpeg may open. Playlists are not among them, because they name other files.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg,dv,mxf,rm,nut,wtv,ivf,obu,h264,hevc,m4v,apng,"
    "yuv4mpegpipe,swf,bink,smk,roq,film_cpk,amv,webp,wav,mp3,aac,flac,aiff,caf,w64,ac3,eac3,dts,au,amr"
)
_OGG, _OGG_HEADER, _OGG_PAGE = b"OggS", 27, 1 << 16  # capture pattern; bytes of a header, of the longest page


def open_file(path: PathLike) -> Any:
    """Open a file with FFmpeg; its name is never a URL, and it may not refer to other files."""
    import av

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    container: Any = av.open(f"file:{os.fspath(path)}", options=options)
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and stream.layout.name == f"{context.channels} channels":
            context.layout = _LAYOUTS.get(context.channels, stream.layout.name)
    return container


class Part(io.RawIOBase):
    """A part of an open file, as a file of its own for libsndfile."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        super().__init__()
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
        data = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def ogg_links(path: PathLike) -> tuple[list[tuple[int, int]], bool]:
    """Find the links of an Ogg file, complete Ogg streams one after the other.

    Returns
    -------
    links : list of (start, end)
        In bytes; empty if the file is not Ogg.
    complete : bool
        Whether its last page is marked as such.

    Reference: RFC 3533.
    """
    starts: list[int] = []
    complete = before_first = True
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(4) != _OGG:
            return [], True
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
    return list(zip(starts, [*starts[1:], size], strict=True)), complete
