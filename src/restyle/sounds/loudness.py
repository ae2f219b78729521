"""Loudness of programmes by ITU-R BS.1770-5 and EBU R 128, measured while the sound streams by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.stft import Float

Double = NDArray[np.float64]

SILENT = float("-inf")
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU under the mean of what passes the absolute gate
_MEMORY = 0.25  # seconds after which the weighting filter has forgotten (by over 200 dB)


@lru_cache(maxsize=8)
def k_weighting(sr: int, size: int) -> NDArray[np.complex128]:
    """Frequency response of the K-weighting at one sample rate.

    The standard tabulates the two biquads for 48 kHz; here they are made for any rate from the analogue
    prototypes that give that table (a shelf at 1682 Hz of 4 dB, a high pass at 38 Hz).

    Returns
    -------
    response : np.ndarray [shape=(size // 2 + 1,), complex128]
    """
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)

    def biquad(b: tuple[float, float, float], a: tuple[float, float, float]) -> NDArray[np.complex128]:
        result: NDArray[np.complex128] = (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
        return result

    k, q = np.tan(np.pi * 1681.974450955533 / sr), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    denominator = (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k)
    shelf = biquad(
        (high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k), denominator
    )
    k, q = np.tan(np.pi * 38.13547087602444 / sr), 0.5003270373238773
    scale = 1 + k / q + k * k
    return shelf * biquad((1, -2, 1), (1, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale))


def channel_weights(channels: int) -> Double:
    """Weights of the standard: surround channels count 1.5 dB more, the low-frequency channel not at all.

    Six and eight channels are taken in the order of WAV files: L R C LFE and surrounds.
    """
    weights = np.ones(channels)
    if channels in (6, 8):
        weights[3] = 0
        weights[4:] = 1.41
    elif channels == 5:
        weights[3:] = 1.41
    return weights


class LoudnessMeter:
    """Integrated loudness of a stream of blocks.

    Examples
    --------
    >>> import numpy as np
    >>> meter = LoudnessMeter(48000, 1)
    >>> meter.add(np.sin(2 * np.pi * 997 * np.arange(96000) / 48000, dtype=np.float32)[:, None])
    >>> round(meter.integrated(), 1)
    -3.0
    """

    def __init__(self, sr: int, channels: int) -> None:
        self.sr, self.peak = sr, 0.0
        self._weights = channel_weights(channels)
        self._tail = np.zeros((0, channels), np.float32)
        self._step = max(1, round(0.1 * sr))
        self._energies: list[Double] = []  # one sum for each 100 ms
        self._rest = np.zeros(0)

    def add(self, y: Float) -> None:
        """Hear a block.

        Parameters
        ----------
        y : np.ndarray [shape=(n, channels), float32, -1..1]
        """
        if not len(y):
            return
        self.peak = max(self.peak, float(np.abs(y).max()))
        if not len(
            self._tail
        ):  # filters at rest on the first sample: an offset is no sound, nor its beginning
            self._tail = np.repeat(y[:1], round(_MEMORY * self.sr), axis=0)
        context = np.concatenate([self._tail, y])
        size = 1 << (len(context) - 1).bit_length()
        response = k_weighting(self.sr, size)[:, None]
        weighted = np.fft.irfft(np.fft.rfft(context, size, axis=0) * response, size, axis=0)
        # The circular transform spoils only the start of the tail, which was heard before.
        power = (weighted[len(self._tail) : len(context)] ** 2) @ self._weights
        self._tail = context[len(context) - len(self._tail) :]
        power = np.concatenate([self._rest, power])
        whole = len(power) // self._step
        self._energies.append(power[: whole * self._step].reshape(whole, self._step).sum(axis=1))
        self._rest = power[whole * self._step :]

    def integrated(self) -> float:
        """Gated loudness of all that was heard, in LUFS; `SILENT` when nothing passes the gate.

        A sound shorter than one gating block (400 ms) is measured whole, which the standard leaves open.
        """
        energies = np.concatenate([*self._energies, np.zeros(0)])
        if len(energies) < 4:
            samples = len(energies) * self._step + len(self._rest)
            mean = (energies.sum() + self._rest.sum()) / max(samples, 1)
            level = float(_loudness(np.array([mean]))[0])
            return level if level > _ABSOLUTE_GATE else SILENT
        blocks = np.convolve(energies, np.ones(4), "valid") / (4 * self._step)
        blocks = blocks[_loudness(blocks) > _ABSOLUTE_GATE]
        if not len(blocks):
            return SILENT
        gate = float(_loudness(np.array([blocks.mean()]))[0]) + _RELATIVE_GATE
        return float(_loudness(np.array([blocks[_loudness(blocks) > gate].mean()]))[0])


def loudness(y: Float, sr: int) -> float:
    """Integrated loudness of a whole sound, in LUFS.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (n, channels), float32, -1..1]
    """
    sound = y[:, None] if y.ndim == 1 else y
    meter = LoudnessMeter(sr, sound.shape[1])
    for start in range(0, len(sound), 20 * sr):
        meter.add(sound[start : start + 20 * sr])
    return meter.integrated()


def _loudness(mean_square: Double) -> Double:
    result: Double = -0.691 + 10 * np.log10(np.maximum(mean_square, 1e-30))
    return result


class LoudestExcerpt:
    """Find the excerpt of a given length with the most energy, in a sound that arrives in blocks.

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
