"""Loudness (ITU-R BS.1770, EBU R 128): measure it in a stream, and match a result to the content's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from restyle.sounds.content import Content, TemporarySound
from restyle.sounds.effects import limit_blocks
from restyle.sounds.silence import ContentLevel
from restyle.sounds.stft import Float

SILENT = float("-inf")
ABSOLUTE_GATE = -70.0  # LUFS: what FFmpeg reports where nothing passes the gate
GATING_BLOCK = 0.4  # seconds
FRAME = 1 << 15  # samples of a frame that FFmpeg gets
# Surround channels count 1.5 dB more and the low-frequency channel not at all; FFmpeg knows them by layout.
LAYOUTS = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1", 8: "7.1"}

CEILING = 0.891  # -1 dBFS, unless the content's own peaks are higher
HIGHEST_CEILING = 0.989
TOLERANCE = 0.1  # LU


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
        source = self._graph.add_abuffer(
            sample_rate=sr, format="flt", layout=self._layout, time_base=Fraction(1, sr)
        )
        self._graph.link_nodes(
            source, self._graph.add("ebur128", "metadata=1:framelog=quiet"), self._graph.add("abuffersink")
        ).configure()

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

        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(y).reshape(1, -1), format="flt", layout=self._layout
        )
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
    """Find the excerpt with the most energy in a stream.

    Excerpts are counted from the start of the sound, so the result does not depend on the block size.

    Parameters
    ----------
    samples : int > 0
        Length of an excerpt; the last one of the sound may be shorter.
    channels : int
    """

    def __init__(self, samples: int, channels: int) -> None:
        self._samples = samples
        self._loudest = np.zeros((0, channels), np.float32)
        self._energy = -1.0
        self._pending: list[Float] = []

    def add(self, y: Float) -> None:
        """Add a block [shape=(n, channels), float32]."""
        while len(y):
            room = self._samples - sum(map(len, self._pending))
            self._pending.append(y[:room].copy())
            if len(y) >= room:
                self._compare()
            y = y[room:]

    def excerpt(self) -> Float:
        """Return the loudest excerpt so far [shape=(n, channels), float32], empty before any block."""
        self._compare()
        return self._loudest

    def _compare(self) -> None:
        if not self._pending:
            return
        excerpt = np.concatenate(self._pending)
        self._pending = []
        energy = float((excerpt.astype(np.float64) ** 2).sum())
        if energy > self._energy:
            self._loudest, self._energy = excerpt, energy


@dataclass(frozen=True)
class LoudnessMatch:
    """Bring a rendered sound to the content's loudness, mixed with the content, without clipping.

    Silence of the content stays silence.

    Parameters
    ----------
    rendered : TemporarySound
    source : Content
    heard : LoudnessMeter
        Of the content.
    level : ContentLevel
        Of the content.
    remix : float, 0..1
        Share of the content in the result.
    size : int
        Samples of a block.
    """

    rendered: TemporarySound
    source: Content
    heard: LoudnessMeter
    level: ContentLevel
    remix: float
    size: int

    @property
    def ceiling(self) -> float:
        """Largest magnitude of a sample."""
        return min(max(self.heard.peak, CEILING), HIGHEST_CEILING)

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
        blocks = self._mixed(gain)
        if factor != 1:
            blocks = (block * np.float32(factor) for block in blocks)
        return limit_blocks(self.level.limit(blocks), self.source.sr, self.ceiling)

    def _mixed(self, gain: float) -> Iterator[Float]:
        if not self.remix:
            yield from (block * np.float32(gain) for block in self.rendered.blocks(self.size))
            return
        for block, own in zip(self.rendered.blocks(self.size), self.source.blocks(self.size), strict=True):
            yield np.float32((1 - self.remix) * gain) * block + np.float32(self.remix) * own
