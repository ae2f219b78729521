"""A file of plain rows of samples: for pictures too large for memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from restyle.files import Closing
from restyle.images.geometry import Box

STRIP_PIXELS = 1 << 21  # decoded, computed and written at a time

Samples = npt.NDArray[Any]


class RowFile(Closing):
    """Samples of a picture in a file without header, row by row; thread-safe.

    Parameters
    ----------
    path : Path
    shape : (H, W, C)
    dtype : uint8 or uint16
    new : bool
        Whether to create the file or replace it; otherwise it is continued.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: npt.DTypeLike, new: bool) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.row_bytes = shape[1] * shape[2] * self.dtype.itemsize
        self._lock = Lock()  # around every seek and what follows it
        self._file = open(path, "w+b" if new else "r+b", buffering=0)  # noqa: SIM115, closed by `close`

    @property
    def bytes(self) -> int:
        """Of the complete file."""
        return self.shape[0] * self.row_bytes

    def write(self, samples: Samples, top: int, left: int = 0) -> None:
        """Write a box of samples [shape=(n, w, C)] at a place."""
        lines = samples[None] if samples.shape[1] == self.shape[1] else samples
        start = top * self.row_bytes + left * self.shape[2] * self.dtype.itemsize
        for index, line in enumerate(lines):
            content = np.ascontiguousarray(line, self.dtype).data.cast("B")
            with self._lock:
                self._file.seek(start + index * self.row_bytes)
                while content:
                    content = content[self._file.write(content) :]

    def read(self, box: Box) -> Samples:
        """Read a box of samples [shape=(box.height, box.width, C)]."""
        out = np.empty((box.height, box.width, self.shape[2]), self.dtype)
        lines = out[None] if box.width == self.shape[1] else out
        start = box.top * self.row_bytes + box.left * self.shape[2] * self.dtype.itemsize
        for index, line in enumerate(lines):
            into = line.data.cast("B")
            with self._lock:
                self._file.seek(start + index * self.row_bytes)
                while into:
                    if not (count := self._file.readinto(into)):
                        raise OSError(None, "is shorter than it was", str(self.path))
                    into = into[count:]
        return out

    def rows(self, rows: slice) -> Samples:
        """Read complete rows."""
        return self.read(Box(rows.start, 0, rows.stop - rows.start, self.shape[1]))

    def strips(self, start: int = 0) -> Iterator[slice]:
        """Yield the rows from `start` on, as slices of about `STRIP_PIXELS`."""
        return strips(start, self.shape[0], self.shape[1])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def strips(start: int, stop: int, width: int) -> Iterator[slice]:
    """Yield rows as slices of at most `STRIP_PIXELS`, or of one row."""
    step = max(1, STRIP_PIXELS // width)
    for top in range(start, stop, step):
        yield slice(top, min(top + step, stop))


@contextmanager
def closing_after_error(file: RowFile) -> Iterator[None]:
    """Close a file if the block raises; otherwise leave it open for the caller."""
    try:
        yield
    except BaseException:
        file.close()
        raise
