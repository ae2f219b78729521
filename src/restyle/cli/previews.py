"""What a slow method has made so far, in a file that is refreshed as it goes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EVERY = 2.0  # seconds between refreshes
PEAK = 0.98


class SoundPreview:
    """A sound file that is written anew at most every `EVERY` seconds, and once more at the end.

    Parameters
    ----------
    path : path
    overwrite : bool
        Whether a file that is there before the first writing may be replaced.
    inputs : list of path
        Files that are never replaced.
    """

    def __init__(self, path: str, *, overwrite: bool, inputs: list[str]) -> None:
        from restyle.files import check_output
        from restyle.sounds.files import check_suffix

        check_suffix(path)
        check_output(path, overwrite=overwrite, inputs=inputs)
        self.path, self._overwrite, self._inputs = path, overwrite, inputs
        self._written = float("-inf")
        self._waiting: tuple[NDArray[np.float32], int] | None = None

    def __enter__(self) -> SoundPreview:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._waiting is not None:
            self._write()

    def __call__(self, y: NDArray[np.float32], sr: int) -> None:
        """Take note of a waveform [shape=(n,), float32]; write it if the last writing is long ago."""
        self._waiting = (y.copy(), sr)
        if time.monotonic() - self._written >= EVERY:
            self._write()

    def _write(self) -> None:
        from restyle.files import writing
        from restyle.sounds.files import SoundWriter

        assert self._waiting is not None
        y, sr = self._waiting
        peak = float(abs(y).max()) if len(y) else 0.0
        with (
            writing(self.path, self._overwrite, self._inputs) as temporary,
            SoundWriter(os.fspath(temporary), sr, 1) as writer,
        ):
            writer.write((y * min(1.0, PEAK / max(peak, PEAK)))[:, None])
        # From now on the file is this run's own.
        self._written, self._waiting, self._overwrite = time.monotonic(), None, True
