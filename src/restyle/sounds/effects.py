"""Filters and effects (rumble, transients, stereo image, limiter), and a stream in overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from restyle.sounds.stft import (
    FLOOR,
    LOUD,
    Bands,
    Complex,
    Double,
    Float,
    hann,
    moving_average,
    power_of,
    smooth,
    steadiness,
)

Block = TypeVar("Block")

LOWEST = 29.0  # Hz: half of the amplitude here is removed, everything below 25 Hz, nothing above 33 Hz
RUMBLE_SECONDS = 0.35  # half the length of that filter

MEDIAN_FRAMES, MEDIAN_BINS = 17, 17
SORTED_AT_ONCE = 1 << 22  # values

FAST, SLOW = 0.004, 0.05  # seconds of the envelope and of its surroundings
MOST = 12.0  # dB of gain
STEADY = 0.75  # percussive share of steady noise is a half; below this nothing is sharpened

SLOW_FRAMES = 101  # of 10 ms, over which the level is compared to itself
FREE_PULSE = 1.5  # dB that a steady level may move

COHERENCE_FRAMES = 9
IDENTICAL = 0.999  # coherence from which channels count as one
DELAY_RANGE = 0.008  # seconds

ATTACK = 0.005  # seconds of the limiter's fade before and after a peak


def remove_rumble(y: Float, sr: int) -> Float:
    """Remove a constant offset and everything below 25 Hz of [n] or [n, channels], with linear phase."""
    if not len(y):
        return y
    half = round(RUMBLE_SECONDS * sr)
    t = np.arange(-half, half + 1) / sr
    kernel = np.sinc(2 * LOWEST * t) * np.blackman(2 * half + 1)
    kernel /= kernel.sum()
    padded = np.pad(y.astype(np.float64), [(half, half)] + [(0, 0)] * (y.ndim - 1), mode="symmetric")
    size = 1 << (len(padded) + 2 * half).bit_length()
    response = np.fft.rfft(kernel, size).reshape(-1, *[1] * (y.ndim - 1))
    low = np.fft.irfft(np.fft.rfft(padded, size, axis=0) * response, size, axis=0)
    return (y - low[2 * half : 2 * half + len(y)]).astype(np.float32)


def without_rumble(blocks: Iterator[Float], sr: int) -> Iterator[Float]:
    """Apply `remove_rumble` to a stream; the result is that of the whole, in other blocks."""
    for window, part in with_margins(blocks, round(RUMBLE_SECONDS * sr)):
        yield remove_rumble(window, sr)[part]


def percussive_share(power: Float) -> Float:
    """Share of each frame's energy that is percussive, 0..1 (Fitzgerald 2010, median filtering).

    Takes a spectrogram [shape=(frames, bins), float32] of frames about every 10 ms.
    """
    S = np.sqrt(power)
    tonal = running_median(S, MEDIAN_FRAMES, 0) ** 2
    percussive = running_median(S, MEDIAN_BINS, 1) ** 2
    mask = percussive / np.maximum(tonal + percussive, 1e-20)
    return np.asarray((mask * power).sum(axis=1) / np.maximum(power.sum(axis=1), 1e-20), np.float32)


def running_median(S: Float, width: int, axis: int) -> Float:
    """Median of every `width` neighbors along an axis; the ends are mirrored."""
    x = np.moveaxis(S, axis, -1)
    half = min(width, x.shape[-1]) // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=-1)
    result = np.empty_like(x)
    rows = max(1, SORTED_AT_ONCE // (windows.shape[1] * windows.shape[2]))
    for start in range(0, len(x), rows):
        result[start : start + rows] = np.partition(windows[start : start + rows], half, axis=-1)[..., half]
    return np.moveaxis(result, -1, axis)


def sharpen_transients(y: Float, content: Float, share: Float, hop: int, sr: int) -> Float:
    """Where the content is percussive, make the envelope rise and fall as fast as the content's.

    Spectrogram frames blur a transient over up to half a window before it. Sounds are [n, channels]; `share`
    is the `percussive_share` every `hop` samples.
    """
    weight = np.clip((share - STEADY) / (1 - STEADY), 0, 1)
    if not float(weight.max(initial=0)):
        return y
    level = _contrast(content, sr) - _contrast(y, sr)
    gain = np.interp(np.arange(len(y)), np.arange(len(weight)) * hop, weight) * np.clip(level, -MOST, MOST)
    factor = 10 ** (moving_average(gain, max(1, round(FAST * sr) // 2)) / 20)
    return (y * factor[:, None]).astype(np.float32)


def _contrast(y: Float, sr: int) -> Double:
    """Level relative to that of the surroundings, in dB [shape=(n,)]."""
    power = (y.astype(np.float64) ** 2).mean(axis=1)
    floor = 1e-6 * float(power.mean()) + 1e-20
    fast, slow = (moving_average(power, max(1, round(seconds * sr) // 2)) + floor for seconds in (FAST, SLOW))
    return np.asarray(10 * np.log10(fast / slow), np.float64)


def hold_level(y: Float, content: Float, sr: int) -> Float:
    """Where the content's level is steady, keep the result's from pulsating; both are [n, channels].

    Band levels by frame cannot: a grain may begin and decay within a frame.
    """
    hop = max(1, sr // 100)
    own, found = (level_of(each, hop)[:, None] for each in (content, y))
    gap = found - own
    usual = np.median(gap[own >= own.max() - LOUD])
    slow = usual + np.clip(smooth(gap, SLOW_FRAMES) - usual, -FREE_PULSE, FREE_PULSE)
    pulse = gap - slow
    gain = np.clip(np.clip(pulse, -FREE_PULSE, FREE_PULSE) - pulse, -MOST, MOST) * steadiness(own)
    factor = 10 ** (np.interp(np.arange(len(y)), np.arange(len(gain)) * hop, gain[:, 0]) / 20)
    return np.asarray(y * factor[:, None], np.float32)


def level_of(y: Float, hop: int) -> Double:
    """Level of a sound [shape=(n, channels)] over 4 hops, every hop [shape=(frames,), float64, dB]."""
    power = moving_average((y.astype(np.float64) ** 2).mean(axis=1), 2 * hop)[::hop]
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR)), np.float64)


def match_coherence(y: Float, channels: Sequence[Complex], bands: Bands) -> list[Float]:
    """Turn a mono sound into channels that are as coherent, band by band, as those of another sound.

    As in parametric stereo (Breebaart et al. 2005): a channel gets a share of the decorrelated sound. Differs
    from the paper: any number of channels, by the Cholesky factor of their coherence matrix. Takes the STFTs
    of the other sound's channels, on the grid of `bands`; each result [n] has the levels of `y`.
    """
    count = len(channels)
    if count == 1:
        return [y]
    coherence = coherences(channels, bands)
    if float(coherence.min()) > IDENTICAL:
        return [y] * count
    if count == 2:
        # Rotate both channels by half the angle, so that neither is blurred more than the other.
        angle = bands.to_bins(0.5 * np.arccos(np.clip(coherence[..., 0, 1], -1, 1)))
        near, far = bands.stft(y) * np.cos(angle), bands.stft(decorrelate(y, bands.sr)) * np.sin(angle)
        return [bands.istft(near + far, len(y)), bands.istft(near - far, len(y))]
    # The loudest channel is the sound itself.
    order = np.argsort([-float(power_of(D).sum()) for D in channels], kind="stable")
    factor = _cholesky(coherence[..., order[:, None], order].astype(np.float64))
    factor /= np.linalg.norm(factor, axis=-1, keepdims=True)
    sums: list[Complex] = []
    for source in range(count):
        D = bands.stft(y if source == 0 else decorrelate(y, bands.sr, source))
        for place in range(source, count):
            part = D * bands.to_bins(factor[..., place, source])
            if source == 0:
                sums.append(part)
            else:
                sums[place] = sums[place] + part
    return [bands.istft(sums[place], len(y)) for place in np.argsort(order)]


def _cholesky(matrix: Double) -> Double:
    """Lower triangular factors of matrices that may be slightly indefinite, because each was smoothed."""
    values, vectors = np.linalg.eigh(matrix)
    positive = (vectors * np.maximum(values, 1e-3)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return np.asarray(np.linalg.cholesky(positive), np.float64)


def coherences(channels: Sequence[Complex], bands: Bands) -> Float:
    """Coherence of all pairs [shape=(frames, bands, channels, channels), float32, -1..1]."""
    bank, count = bands.bank.T, len(channels)
    power = [smooth(power_of(D) @ bank, COHERENCE_FRAMES) for D in channels]
    result = np.ones((*power[0].shape, count, count), np.float32)
    for first in range(count):
        for second in range(first + 1, count):
            cross = (channels[first] * channels[second].conj()).real.astype(np.float32) @ bank
            scale = np.sqrt(power[first] * power[second])
            value = np.clip(smooth(cross, COHERENCE_FRAMES) / np.maximum(scale, 1e-20), -1, 1)
            result[..., first, second] = result[..., second, first] = value
    return result


def decorrelate(y: Float, sr: int, seed: int = 0) -> Float:
    """Apply an all-pass filter whose delay varies at random over frequency."""
    size = len(y) + sr // 10
    frequency = np.fft.rfftfreq(size, 1 / sr)
    knots = np.geomspace(50, sr / 2, 60)
    delay = np.interp(frequency, knots, np.random.default_rng(seed).uniform(-DELAY_RANGE, DELAY_RANGE, 60))
    phase = 2 * np.pi * np.cumsum(delay) * (frequency[1] - frequency[0])
    padded = np.pad(y, (sr // 20, size - len(y) - sr // 20))
    filtered = np.fft.irfft(np.fft.rfft(padded) * np.exp(-1j * phase), size)
    return filtered[sr // 20 : sr // 20 + len(y)].astype(np.float32)


def limit(y: Float, sr: int, ceiling: float) -> Float:
    """Keep every sample [n, channels] within the ceiling by a smooth gain that all channels share.

    The limiter looks ahead: the gain falls before a peak, and nothing is clipped.
    """
    peak = np.abs(y).max(axis=1) if y.size else np.zeros(len(y), np.float32)
    if not len(y) or float(peak.max()) <= ceiling:
        return y
    reach = max(1, round(ATTACK * sr))
    needed = np.minimum(1, ceiling / np.maximum(peak, 1e-9)).astype(np.float32)
    # The minimum over `reach` on either side, averaged over the same width, is at most `needed` at a peak.
    lowest = _running_minimum(np.pad(needed, reach, constant_values=1), 2 * reach + 1)
    window = hann(2 * reach + 2)[1:].astype(np.float64)
    window /= window.sum()
    gain = _convolve(np.pad(lowest, reach, mode="edge"), window)
    return (y * np.minimum(gain, 1)[:, None]).astype(np.float32)


def limit_blocks(blocks: Iterator[Float], sr: int, ceiling: float) -> Iterator[Float]:
    """Apply `limit` to a stream; the result is that of the whole."""
    for block, part in with_margins(blocks, 2 * max(1, round(ATTACK * sr))):
        yield limit(block, sr, ceiling)[part]


def _running_minimum(x: Float, width: int) -> Float:
    """Minimum of each `width` neighbors (van Herk 1992)."""
    count = len(x) - width + 1
    blocks = -(-len(x) // width)
    padded = np.pad(x, (0, blocks * width - len(x)), constant_values=1).reshape(blocks, width)
    forward = np.minimum.accumulate(padded, axis=1).ravel()
    backward = np.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.asarray(np.minimum(backward[:count], forward[width - 1 : width - 1 + count]), np.float32)


def _convolve(x: Float, window: Double) -> Float:
    size = 1 << (len(x) + len(window)).bit_length()
    full = np.fft.irfft(np.fft.rfft(x.astype(np.float64), size) * np.fft.rfft(window, size), size)
    return np.asarray(full[len(window) - 1 : len(x)], np.float32)


def regroup(parts: Iterator[Float], frames: int) -> Iterator[Float]:
    """Yield the same samples in blocks of `frames`."""
    pending: list[Float] = []
    count = 0
    for part in parts:
        pending.append(part)
        count += len(part)
        while count >= frames:
            joined = np.concatenate(pending)
            yield joined[:frames]
            pending, count = [joined[frames:]], count - frames
    if count:
        yield np.concatenate(pending)


def in_windows(method: Callable[[Float], Float], blocks: Iterator[Float], overlap: int) -> Iterator[Float]:
    """Apply a method to overlapping windows of a stream and crossfade the results.

    A window is a block [n, channels] with the end of the previous window in front: the overlap in samples,
    fewer than a block has. The results have as many samples in total as the blocks.
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


def with_last(blocks: Iterator[Block]) -> Iterator[tuple[Block, bool]]:
    """Yield each block and whether it is the last."""
    previous: Block | None = None
    for block in blocks:
        if previous is not None:
            yield previous, False
        previous = block
    if previous is not None:
        yield previous, True


def with_margins(blocks: Iterator[Float], reach: int) -> Iterator[tuple[Float, slice]]:
    """Yield windows of a stream, and where its parts are in them, with up to `reach` samples on each side."""
    kept: Float | None = None  # the end of the last window: context, and what comes next
    start = 0
    for block, last in with_last(blocks):
        window = block if kept is None else np.concatenate([kept, block])
        stop = len(window) if last else max(start, len(window) - reach)
        yield window, slice(start, stop)
        kept = window[max(0, stop - reach) :]
        start = min(reach, stop)


def _crossfade(old: Float, new: Float, edge: int) -> Float:
    """Fade at constant power, whatever the correlation, and away from the windows' ends."""
    ramp = np.clip((np.arange(len(old)) - edge) / max(1, len(old) - 2 * edge), 0, 1)
    fade = (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32)[:, None]
    power = float((old**2).sum() * (new**2).sum())
    correlation = float(np.clip((old * new).sum() / np.sqrt(power), 0, 1)) if power > 0 else 1.0
    level = np.sqrt(fade**2 + (1 - fade) ** 2 + 2 * correlation * fade * (1 - fade))
    return np.asarray(((1 - fade) * old + fade * new) / level, np.float32)
