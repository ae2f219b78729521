"""Sounds in blocks: content that is read several times, a temporary store, overlapping windows."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.files import check_is_path
from restyle.sounds.files import MAX_CHANNELS
from restyle.sounds.read import LARGEST, SoundReader
from restyle.sounds.stft import Float
from restyle.types import PathLike, SoundLike

log = logging.getLogger("restyle.sounds")

IN_MEMORY = 1 << 28  # bytes of a `TemporarySound` before it goes to disk


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
        self.start = 0.0  # time of the first sample in its container; known once blocks were read
        self._samples: Float | None = None
        self._told = False  # what is missing or left out, when the content was first read to its end
        if isinstance(source, str | os.PathLike):
            self.path = source
            with SoundReader(source) as reader:
                self.sr, self.channels = reader.info.sr, reader.info.channels
                self.depth, self.frames = reader.info.depth, reader.info.frames
            return
        if isinstance(source, (bytes, bytearray)) or hasattr(source, "read"):
            check_is_path(source, "content")
        if sr is None:
            raise InputError("an array has no sample rate; pass sr, for example sr=44100")
        self._samples = to_samples(source)
        self.sr, self.depth = sr, "PCM_16"
        self.frames, self.channels = self._samples.shape

    def blocks(self, frames: int) -> Iterator[Float]:
        """Yield blocks [shape=(n, channels), float32]."""
        if self._samples is not None:
            for start in range(0, len(self._samples), frames):
                yield self._samples[start : start + frames]
            return
        assert self.path is not None
        tell = (lambda line: None) if self._told else log.warning
        with SoundReader(self.path, tell) as reader:
            for block in reader.blocks(frames):
                self.start = reader.start
                yield block
        self._told = True


class TemporarySound:
    """A sound that is written once and read several times: short ones in memory, long ones on disk."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed in __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, y: Float) -> None:
        """Append a block [shape=(n, channels), float32]."""
        self._file.write(y.astype(np.float32, copy=False).tobytes())

    def blocks(self, frames: int) -> Iterator[Float]:
        """Yield blocks of `frames` samples from the start; the last one may be shorter."""
        self._file.seek(0)
        while data := self._file.read(frames * self._channels * 4):
            yield np.frombuffer(data, np.float32).reshape(-1, self._channels)


def to_samples(array: Any) -> Float:
    """Check and convert a caller's array [shape=(n, channels), float32]."""
    y = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or not y.size:
        raise InputError(f"sound of shape {np.shape(array)}; pass (samples,) or (samples, channels)")
    if y.shape[1] > MAX_CHANNELS:
        raise InputError(
            f"sound of shape {np.shape(array)} has {y.shape[1]} channels; pass (samples, channels)"
        )
    if _is_16_bit(y):
        return (y / np.float32(32768)).astype(np.float32)
    if y.dtype.kind != "f":
        raise InputError(f"sound of type {y.dtype}; pass float in -1..1, or int16")
    if not (np.abs(y) <= LARGEST).all():
        raise InputError("sound contains NaN, infinity or values far beyond -1 to 1; replace them first")
    return y.astype(np.float32)


def _is_16_bit(y: NDArray[Any]) -> bool:
    """Tell whether an array holds int16, in any byte order."""
    return y.dtype.kind == "i" and y.dtype.itemsize == 2


def from_samples(y: Float, array: Any) -> NDArray[Any]:
    """Convert a result [shape=(n, channels), float32] to the shape and type of a caller's array."""
    original = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    result: NDArray[Any] = y.reshape(original.shape)
    if _is_16_bit(original):
        result = np.clip(np.round(result * 32768), -32768, 32767)
    return result.astype(original.dtype)


# --------------------------------------------------------------------------------------------- windows


def in_windows(method: Callable[[Float], Float], blocks: Iterator[Float], overlap: int) -> Iterator[Float]:
    """Apply a method to overlapping windows of a stream and crossfade the results.

    Parameters
    ----------
    method : function of a window [shape=(n, channels), float32] to one of the same shape
    blocks : iterator of np.ndarray [shape=(n, channels), float32]
        A window is a block with the end of the previous window in front.
    overlap : int
        Samples that two windows share, fewer than a block has.

    Yields
    ------
    y : np.ndarray [shape=(n, channels), float32]
        As many samples in total as the blocks have.
    """
    edge = overlap // 4
    tail: Float | None = None  # the end of the last result, which will be faded out
    context: Float | None = None
    for block, last in with_last(blocks):
        window = block if context is None else np.concatenate([context, block])
        result = method(window)
        if tail is not None:
            result = np.concatenate([_crossfade(tail, result[: len(tail)], edge), result[len(tail) :]])
        cut = 0 if last else min(overlap, len(window))
        tail = result[len(result) - cut :]
        context = window[len(window) - cut :]
        yield result[: len(result) - cut]


def with_last(blocks: Iterator[Float]) -> Iterator[tuple[Float, bool]]:
    """Yield each block and whether it is the last."""
    previous: Float | None = None
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    if previous is not None:
        yield previous, True


def with_margins(blocks: Iterator[Float], reach: int) -> Iterator[tuple[Float, slice]]:
    """Yield the parts of a stream with up to `reach` samples of context on both sides.

    Yields
    ------
    window : np.ndarray [shape=(m, channels), float32]
    part : slice
        Where the part is in the window. The parts in turn are the stream.
    """
    before: Float | None = None
    rest: Float | None = None
    for block, last in with_last(blocks):
        new = block if rest is None else np.concatenate([rest, block])
        start = 0 if before is None else len(before)
        window = new if before is None else np.concatenate([before, new])
        stop = len(window) if last else max(start, len(window) - reach)
        yield window, slice(start, stop)
        rest = window[stop:]
        before = window[max(0, stop - reach) : stop]


def _crossfade(old: Float, new: Float, edge: int) -> Float:
    """Fade at constant power, whatever the correlation, and away from the windows' ends."""
    ramp = np.clip((np.arange(len(old)) - edge) / max(1, len(old) - 2 * edge), 0, 1)
    fade = (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32)[:, None]
    power = float((old**2).sum() * (new**2).sum())
    correlation = float(np.clip((old * new).sum() / np.sqrt(power), 0, 1)) if power > 0 else 1.0
    level = np.sqrt(fade**2 + (1 - fade) ** 2 + 2 * correlation * fade * (1 - fade))
    result: Float = (((1 - fade) * old + fade * new) / level).astype(np.float32)
    return result
