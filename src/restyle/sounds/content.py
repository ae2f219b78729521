"""Sounds that are read block by block as often as wanted: the content, and what was made of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.sounds.read import MAX_CHANNELS, SoundReader
from restyle.types import PathLike, SoundLike

Float = NDArray[np.float32]

IN_MEMORY = 1 << 28  # bytes of a tape before it goes to a temporary file


class Content:
    """A sound that can be read from its start any number of times.

    Parameters
    ----------
    source : path, or np.ndarray [shape=(n,) or (n, channels), float -1..1 or int16]
    sr : int or None
        Sample rate of an array.
    """

    def __init__(self, source: SoundLike, sr: int | None = None) -> None:
        self.path: PathLike | None = None
        self.start = 0.0  # second of the first sample on a container's clock; known once blocks were read
        self._samples: Float | None = None
        if isinstance(source, str | os.PathLike):
            self.path = source
            with SoundReader(source) as reader:
                self.sr, self.channels = reader.info.sr, reader.info.channels
                self.depth, self.frames = reader.info.depth, reader.info.frames
            return
        if sr is None:
            raise InputError("an array has no sample rate; give sr=44100 or what it is")
        self._samples = samples_of(source)
        self.sr, self.depth = sr, "PCM_16"
        self.frames, self.channels = self._samples.shape

    def blocks(self, frames: int) -> Iterator[Float]:
        """Blocks [shape=(n, channels), float32]."""
        if self._samples is not None:
            for start in range(0, len(self._samples), frames):
                yield self._samples[start : start + frames]
            return
        assert self.path is not None
        with SoundReader(self.path) as reader:
            for block in reader.blocks(frames):
                self.start = reader.start
                yield block


class Tape:
    """A sound written once and read as often as wanted: in memory while it is short, then on disk."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed in __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, y: Float) -> None:
        """Append a block [shape=(n, channels), float32]."""
        self._file.write(y.astype(np.float32, copy=False).tobytes())

    def blocks(self, frames: int) -> Iterator[Float]:
        """Blocks of `frames` samples from the start, the last one shorter."""
        self._file.seek(0)
        while data := self._file.read(frames * self._channels * 4):
            yield np.frombuffer(data, np.float32).reshape(-1, self._channels)


def samples_of(array: Any) -> Float:
    """An array that a caller gave, checked [shape=(n, channels), float32]."""
    y = np.asarray(array)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or not y.size:
        raise InputError(f"sound of shape {np.shape(array)}; give (samples,) or (samples, channels)")
    if y.shape[1] > MAX_CHANNELS:
        raise InputError(
            f"sound of shape {np.shape(array)} has {y.shape[1]} channels; give (samples, channels)"
        )
    if y.dtype == np.int16:
        return (y / np.float32(32768)).astype(np.float32)
    if y.dtype.kind != "f":
        raise InputError(f"sound of type {y.dtype}; give float in -1..1, or int16")
    if not np.isfinite(y).all():
        raise InputError("sound holds NaN or infinity; replace them first")
    return y.astype(np.float32)


def like(y: Float, array: Any) -> NDArray[Any]:
    """A result [shape=(n, channels), float32] in the shape and type of what a caller gave."""
    given = np.asarray(array)
    result: NDArray[Any] = y.reshape(given.shape)
    if given.dtype == np.int16:
        result = np.clip(np.round(result * 32768), -32768, 32767)
    return result.astype(given.dtype)
