"""One sound for several channels, as coherent with each other, band by band, as those of another sound.

As in parametric stereo (Breebaart et al. 2005): a channel that goes its own way gets a share of the sound
with other phases. Differs from the paper: any number of channels, by the Cholesky factor of their coherences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import Bands, power_of, smoothed
from restyle.sounds.stft import Complex, Float

OVER = 9  # frames over which coherence is measured
ALIKE = 0.999  # coherence from which channels are one
SPREAD = 0.008  # seconds by which the delay of a diffused sound wanders


def widened(y: Float, channels: Sequence[Complex], bands: Bands) -> list[Float]:
    """As many voices as there are channels.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        The sound of them all.
    channels : sequence of np.ndarray [shape=(frames, bins), complex64]
        STFTs, on the grid of `bands`, of the channels whose coherence is wanted.

    Returns
    -------
    voices : list of np.ndarray [shape=(n,), float32]
        Each with the levels of `y`.
    """
    count = len(channels)
    if count == 1:
        return [y]
    coherence = coherences(channels, bands)
    if float(coherence.min()) > ALIKE:
        return [y] * count
    if count == 2:
        # Both move away from the sound by half the angle, so that neither side is the blurred one.
        angle = bands.spread(0.5 * np.arccos(np.clip(coherence[..., 0, 1], -1, 1)))
        near, far = bands.stft(y) * np.cos(angle), bands.stft(diffused(y, bands.sr)) * np.sin(angle)
        return [bands.istft(near + far, len(y)), bands.istft(near - far, len(y))]
    # The loudest channel is the sound itself.
    order = np.argsort([-float(power_of(D).sum()) for D in channels], kind="stable")
    factor = _factor(coherence[..., order[:, None], order].astype(np.float64))
    factor /= np.linalg.norm(factor, axis=-1, keepdims=True)
    sums: list[Complex | None] = [None] * count
    for source in range(count):
        D = bands.stft(y if source == 0 else diffused(y, bands.sr, source))
        for place in range(source, count):
            part = D * bands.spread(factor[..., place, source])
            before = sums[place]
            sums[place] = part if before is None else before + part
    voices = {int(order[place]): bands.istft(D, len(y)) for place, D in enumerate(sums) if D is not None}
    return [voices[number] for number in range(count)]


def _factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangles whose products with themselves are the matrices, as nearly as there are any."""
    # Smoothed one by one, the coherences of many channels may contradict each other a little.
    values, vectors = np.linalg.eigh(matrix)
    possible = (vectors * np.maximum(values, 1e-3)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    result: NDArray[np.float64] = np.linalg.cholesky(possible)
    return result


def coherences(channels: Sequence[Complex], bands: Bands) -> Float:
    """Coherence of every two channels [shape=(frames, bands, channels, channels), float32, -1..1]."""
    bank, count = bands.bank.T, len(channels)
    power = [smoothed(power_of(D) @ bank, OVER) for D in channels]
    result = np.ones((*power[0].shape, count, count), np.float32)
    for first in range(count):
        for second in range(first + 1, count):
            cross = (channels[first] * channels[second].conj()).real.astype(np.float32) @ bank
            scale = np.sqrt(power[first] * power[second])
            value = np.clip(smoothed(cross, OVER) / np.maximum(scale, 1e-20), -1, 1)
            result[..., first, second] = result[..., second, first] = value
    return result


def diffused(y: Float, sr: int, seed: int = 0) -> Float:
    """The same magnitudes, other phases: an all-pass filter whose delay wanders over frequency."""
    size = len(y) + sr // 10
    frequency = np.fft.rfftfreq(size, 1 / sr)
    knots = np.geomspace(50, sr / 2, 60)
    delay = np.interp(frequency, knots, np.random.default_rng(seed).uniform(-SPREAD, SPREAD, 60))
    phase = 2 * np.pi * np.cumsum(delay) * (frequency[1] - frequency[0])
    padded = np.pad(y, (sr // 20, size - len(y) - sr // 20))
    turned = np.fft.irfft(np.fft.rfft(padded) * np.exp(-1j * phase), size)
    return turned[sr // 20 : sr // 20 + len(y)].astype(np.float32)
