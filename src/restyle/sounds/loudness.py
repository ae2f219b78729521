"""Loudness (ITU-R BS.1770, EBU R 128): measure it in a stream, and match a result to the content's.

Silence of the content stays silence in the finished sound, whatever the style and its loudness.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from restyle.sounds.effects import level_of, limit_blocks, with_margins
from restyle.sounds.sources import Content
from restyle.sounds.stft import Double, Float, allowed_rise

SILENT = float("-inf")
ABSOLUTE_GATE = -70.0  # LUFS: what FFmpeg reports where nothing passes the gate
GATING_BLOCK = 0.4  # seconds
FRAME = 1 << 15  # samples of a frame that FFmpeg gets
# Surround channels count 1.5 dB more and the low-frequency channel not at all; FFmpeg knows them by layout.
LAYOUTS = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1", 8: "7.1"}

CEILING = 0.891  # -1 dBFS, unless the content's own peaks are higher
HIGHEST_CEILING = 0.989
TOLERANCE = 0.1  # LU


IN_MEMORY = 1 << 28  # bytes of a `TemporarySound` before it goes to disk


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


class LoudnessMeter:
    """Integrated loudness and peak of a stream of blocks, by FFmpeg's `ebur128` filter.

    Examples
    --------
    >>> import numpy as np
    >>> meter = LoudnessMeter(48000, 1)
    >>> meter.add(np.sin(2 * np.pi * 997 * np.arange(96000) / 48000, dtype=np.float32)[:, None])
    >>> round(meter.integrated(), 1)
    -3.0
    """

    def __init__(self, sr: int, channels: int) -> None:
        import av.filter

        self.sr, self.peak = sr, 0.0
        self._samples, self._loudness = 0, ABSOLUTE_GATE
        self._first: Float | None = None
        self._layout = LAYOUTS.get(channels, f"{channels} channels")
        self._graph: Any = av.filter.Graph()
        source = self._graph.add_abuffer(None, sr, "flt", self._layout, time_base=Fraction(1, sr))
        meter = self._graph.add("ebur128", "metadata=1:framelog=quiet")
        self._graph.link_nodes(source, meter, self._graph.add("abuffersink")).configure()

    def add(self, y: Float) -> None:
        """Measure a block [shape=(n, channels), float32, -1..1]."""
        if not len(y):
            return
        self.peak = max(self.peak, float(np.abs(y).max()))
        if self._first is None:
            self._first = y[:1].copy()
        # The filter starts at rest, so a constant offset would begin with an audible step.
        for start in range(0, len(y), FRAME):
            self._push(y[start : start + FRAME] - self._first)

    def _push(self, y: Float) -> None:
        import av

        packed = np.ascontiguousarray(y).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate, frame.pts = self.sr, self._samples
        self._samples += len(y)
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull().metadata
            except (av.BlockingIOError, av.EOFError):
                return
            self._loudness = float(measured.get("lavfi.r128.I", self._loudness))

    def integrated(self) -> float:
        """Return the gated loudness so far in LUFS, or `SILENT` where nothing passes the gate.

        A sound shorter than a gating block is padded with zeros to one, and the result corrected for that.
        """
        correction = 0.0
        missing = round(GATING_BLOCK * self.sr) + 1 - self._samples
        if self._first is not None and missing > 0:
            correction = -10 * np.log10(self._samples / (self._samples + missing))
            self._push(np.zeros((missing, self._first.shape[1]), np.float32))
        return SILENT if self._loudness <= ABSOLUTE_GATE else self._loudness + correction


def loudness(y: Float, sr: int) -> float:
    """Integrated loudness in LUFS of a whole sound [shape=(n,) or (n, channels), float32, -1..1]."""
    sound = y[:, None] if y.ndim == 1 else y
    meter = LoudnessMeter(sr, sound.shape[1])
    meter.add(sound)
    return meter.integrated()


class LoudestExcerpt:
    """Find the excerpt of so many samples with the most energy in a stream; the last one may be shorter.

    Excerpts are counted from the start of the sound, so the result does not depend on the block size.
    """

    def __init__(self, samples: int, channels: int) -> None:
        self._samples, self._energy = samples, -1.0
        self._loudest = self._pending = np.zeros((0, channels), np.float32)

    def add(self, y: Float) -> None:
        """Add a block [shape=(n, channels), float32]."""
        self._pending = np.concatenate([self._pending, y])
        while len(self._pending) >= self._samples:
            self._compare()

    def excerpt(self) -> Float:
        """Return the loudest excerpt so far [shape=(n, channels), float32], empty before any block."""
        if len(self._pending):
            self._compare()
        return self._loudest

    def _compare(self) -> None:
        excerpt, self._pending = self._pending[: self._samples].copy(), self._pending[self._samples :]
        energy = float((excerpt.astype(np.float64) ** 2).sum())
        if energy > self._energy:
            self._loudest, self._energy = excerpt, energy


@dataclass(frozen=True)
class LoudnessMatch:
    """Bring a rendered sound to the content's loudness, mixed with the content, without clipping."""

    rendered: TemporarySound
    source: Content
    heard: LoudnessMeter  # of the content
    level: ContentLevel  # of the content
    remix: float  # share of the content in the result, 0..1
    size: int  # samples of a block

    def blocks(self, measured: LoudnessMeter) -> Iterator[Float]:
        """Yield the result [shape=(n, channels), float32]; `measured` is the meter of the rendered sound."""
        target, own = self.heard.integrated(), measured.integrated()
        if own == SILENT:
            return self._at(1.0, 1.0)
        gain = float(10 ** ((target - own) / 20))
        factor = 1.0
        for _ in range(4):  # silence, the limiter and the content's share change the loudness as well
            meter = LoudnessMeter(self.source.sr, self.source.channels)
            for block in self._at(gain, factor):
                meter.add(block)
            error = target - meter.integrated()
            if not np.isfinite(error) or abs(error) < TOLERANCE:
                break
            factor *= 10 ** (error / 20)
        return self._at(gain, factor)

    def _at(self, gain: float, factor: float) -> Iterator[Float]:
        """Yield the rendered sound at `gain`, mixed with the content, and all of it times `factor`."""
        blocks = (block * np.float32((1 - self.remix) * gain) for block in self.rendered.blocks(self.size))
        if self.remix:
            pairs = zip(blocks, self.source.blocks(self.size), strict=True)
            blocks = (block + np.float32(self.remix) * own for block, own in pairs)
        if factor != 1:
            blocks = (block * np.float32(factor) for block in blocks)
        ceiling = min(max(self.heard.peak, CEILING), HIGHEST_CEILING)
        return limit_blocks(self.level.limit(blocks), self.source.sr, ceiling)


REACH = 4  # hops of context, beyond which nothing influences a level


class ContentLevel:
    """Level of a content over time, collected block by block, which limits how loud a result may be.

    A loud offset or rumble is not heard, but a filter that removes it rings into silence. So the content is
    measured with and without, every `hop` samples, and the lower level counts.
    """

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._levels: list[Double] = []
        self._original: list[Double] = []

    def watch(self, blocks: Iterator[Float]) -> Iterator[Float]:
        """Measure the content as it is while it is read, in blocks of a multiple of the hop."""
        for window, part in with_margins(blocks, REACH * self._hop):
            self._original.append(self._of(window, part))
            yield window[part]

    def add(self, window: Float, part: slice) -> None:
        """Measure a part without rumble, which begins on a multiple of the hop, of a window [n, channels]."""
        self._levels.append(self._of(window, part))

    def _of(self, window: Float, part: slice) -> Double:
        return level_of(window, self._hop)[part.start // self._hop : -(-part.stop // self._hop)]

    def limit(self, blocks: Iterator[Float]) -> Iterator[Float]:
        """Yield a result of the content's length, lowered where it is much louder than the content's silence.

        The levels are absolute, so it works on a result that has its final loudness.
        """
        own = np.minimum(np.concatenate(self._levels), np.concatenate(self._original))
        most = own + allowed_rise(own, float(own.max()))
        done = 0
        for window, part in with_margins(blocks, REACH * self._hop):
            found = level_of(window, self._hop)
            at = (done - part.start) / self._hop + np.arange(len(found))
            gain = np.minimum(0, np.interp(at, np.arange(len(most)), most) - found)
            done += part.stop - part.start
            if not gain.any():
                yield window[part]
                continue
            samples = np.arange(part.start, part.stop) / self._hop
            factor = 10 ** (np.interp(samples, np.arange(len(gain)), gain) / 20)
            yield window[part] * factor[:, None].astype(np.float32)
