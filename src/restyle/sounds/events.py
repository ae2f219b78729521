"""Struck and dropped sounds: whole events of a style, placed at the onsets of the content and left to decay.

Frames of 93 ms cannot ring: a mosaic of bells is a sustained mixture, one of rain is hiss without drops. So a
style that consists of events is cut into these: in the bands that rise at an onset, an event lasts until it
has decayed. Where another event begins in the band before that, the decay goes on with its own slope and
frequencies (as a phase vocoder does that is frozen; Laroche and Dolson 1999). The rest of the style, such as
the hiss of rain, stays with the mosaic.

Events are chosen by similarity and added, as in concatenative synthesis (Schwarz 2006). Between the content's
onsets the style's own rhythm goes on, so that noise is struck as well.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import Bands, amplitude, power_of
from restyle.sounds.nmf import pool, signature
from restyle.sounds.stft import Complex, Float, frame_count, hann, resample

EVENTFUL = 0.06  # dB: onset strength from which a style consists of events, if they are
STRUCK = 3.0  # asymmetry from which they are struck: they begin fast and decay slowly,
MOSTLY = 0.6  # and are this share of the loudness; or
DROPPED = 0.4  # share up to which they are drops in something steady,
SWELLING = 0.8  # unless their asymmetry is below this
MOST = 64  # events that are kept, the strongest
DECAYED = 40.0  # dB that an event falls before it ends
SLOWEST, FASTEST = 8.0, 200.0  # dB per second that an event decays where another one begins
LONGEST = 3.0  # seconds
FADE, TAIL = 0.003, 0.03  # seconds at both ends
STARTED = 0.2  # share of the largest amplitude near its start at which an event begins
SHIFTS = tuple(range(-6, 6))  # semitones
STRUCK_AGAIN = 0.25  # seconds, least, after which a struck sound is struck again without an onset
RECENT = 0.33  # share of the events that are not used again yet
ONSET_LEVEL = 0.06  # seconds over which the level at an onset is measured
LOUDEST = 12.0  # dB that an event may be raised
LEAST_REST = -30.0  # dB


class Events:
    """The events of a style.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        The style, mono.
    grain : Bands
        Grid in which similarity is measured.
    bands : Bands
        Grid of target levels.

    Attributes
    ----------
    used : bool
        Whether the style consists of events; otherwise nothing else is set.
    rest : np.ndarray [shape=(bands,), float32, dB]
        What is left of each band without events.
    """

    def __init__(self, y: Float, grain: Bands, bands: Bands) -> None:
        self._grain, self._bands = grain, bands
        found = Onsets.of(y, bands.sr)
        owner = _owners(found)
        loudness = 10 ** (LOUDNESS * found.levels)
        share = float((loudness * (owner >= 0)).sum() / loudness.sum())
        struck = found.asymmetry >= STRUCK and share >= MOSTLY
        dropped = found.asymmetry >= SWELLING and share <= DROPPED
        self.used = found.strength >= EVENTFUL and len(found.frames) > 1 and (struck or dropped)
        if not self.used:
            return
        D = found.grid.stft(y)
        power = 10 ** (found.grid.levels(power_of(D)) / 10)
        part = (power * (owner < 0)).sum(axis=0) / power.sum(axis=0)
        self.rest = np.maximum(10 * np.log10(part + 1e-9), LEAST_REST).astype(np.float32)
        usual = (10 ** (bands.levels(power_of(bands.stft(y))) / 10)).mean(axis=0)
        self._usual = 10 * np.log10(usual)
        strength = [float(found.rises[max(0, t - 1) : t + 2].sum()) for t in found.frames]
        kept = np.sort(np.argsort(strength)[::-1][:MOST])
        self._waves = [_wave(found, owner, D, number) for number in kept]
        gaps = np.diff(found.frames, append=found.frames[-1] + int(np.median(np.diff(found.frames))))
        least = round(STRUCK_AGAIN * bands.sr) if struck else 0
        self._gaps = np.maximum(gaps[kept] * found.grid.hop, least)
        self._pool = pool(grain)
        self._describe()

    def _describe(self) -> None:
        """Measure the beginning of each event at each pitch: spectrum, and share of the power by band."""
        grain, spectra = self._grain, []
        for wave in self._waves:
            for semitones in SHIFTS:
                begin = resample(wave[: 2 * grain.n_fft], 2 ** (-semitones / 12))[: grain.n_fft]
                begin = np.pad(begin, (0, grain.n_fft - len(begin)))
                spectra.append(np.abs(np.fft.rfft(begin * hann(grain.n_fft))))
        S = np.array(spectra, np.float32)
        self._signatures = signature(S @ self._pool.T)
        power = 10 ** (grain.levels(S**2) / 10) * grain.bank.sum(axis=1)
        self._weights = power / power.sum(axis=1, keepdims=True)

    def render(self, content: Float, target: Float, wanted: Float) -> Float:
        """Place events at the onsets of the content and, between them, in the style's rhythm.

        Parameters
        ----------
        content : np.ndarray [shape=(n,), float32]
        target : np.ndarray [shape=(frames, bands), float32, dB]
            Levels of the result.
        wanted : np.ndarray [shape=(frames, bins), float32, 0..]
            Its magnitudes, on the grid of grains.

        Returns
        -------
        y : np.ndarray [shape=(n,), float32]
        """
        sr = self._bands.sr
        onsets = Onsets.of(content, sr)
        times = [0, *(onsets.frames * onsets.grid.hop), len(content)]
        similarity = signature(wanted @ self._pool.T) @ self._signatures.T
        similarity -= similarity.mean(axis=0)  # otherwise a few that resemble everything are always chosen
        result = np.zeros(len(content), np.float32)
        frames = max(2, round(ONSET_LEVEL * sr / self._bands.hop))
        recent: list[int] = []
        for begin, stop in itertools.pairwise(times):
            t = int(begin)
            while t < stop:
                frame = min(round(t / self._grain.hop) + 2, len(similarity) - 1)  # its middle
                rated = similarity[frame].copy().reshape(-1, len(SHIFTS))
                rated[recent] = -1
                number, shift = divmod(int(np.argmax(rated)), len(SHIFTS))
                first = t // self._bands.hop
                level = target[first : first + frames].mean(axis=0) - self._usual
                gain = float((self._weights[number * len(SHIFTS) + shift] * level).sum())
                wave = resample(self._waves[number], 2 ** (-SHIFTS[shift] / 12))[: len(result) - t]
                result[t : t + len(wave)] += wave * np.float32(10 ** (min(gain, LOUDEST) / 20))
                recent = [*recent, number][-max(1, round(RECENT * len(self._waves))) :]
                t += int(self._gaps[number])
        return result


def _owners(found: Onsets) -> Index:
    """Number of the event that each band belongs to [shape=(frames, bands)]; -1 for none."""
    levels, onsets = found.levels, found.frames
    count, bands = levels.shape
    longest = round(LONGEST * found.grid.sr / found.grid.hop)
    owner = np.full((count, bands), -1)
    for band in range(bands):
        mine = [n for n, t in enumerate(onsets) if found.rises[max(0, t - 1) : t + 2, band].max() > 0]
        for place, number in enumerate(mine):
            start = onsets[number]
            stop = onsets[mine[place + 1]] - 1 if place + 1 < len(mine) else count
            stop = min(stop, start + longest)
            free = owner[max(0, start - 2), band] < 0  # what was there before is steady
            base = levels[max(0, start - 4) : max(1, start - 1), band].max() + 1 if free else -np.inf
            end = max(base, levels[start : start + 5, band].max() - DECAYED)
            ended = np.flatnonzero(levels[start + 3 : stop, band] < end)
            owner[max(0, start - 1) : start + 3 + ended[0] if len(ended) else stop, band] = number
    return owner


def _wave(found: Onsets, owner: Index, D: Complex, number: int) -> Float:
    """Cut an event out of the style's STFT [shape=(frames, bins)] and let it decay."""
    grid = found.grid
    longest = round(LONGEST * grid.sr / grid.hop)
    first = max(0, int(found.frames[number]) - 1)
    part = np.zeros((longest, D.shape[1]), np.complex64)
    for band in np.flatnonzero((owner == number).any(axis=0)):
        rows = np.flatnonzero(owner[:, band] == number)[:longest]
        stop = int(rows[-1]) + 1
        bins = np.flatnonzero(grid.bank[band])
        weight = grid.bank[band, bins]
        part[: stop - first, bins] += D[first:stop, bins] * weight
        cut = stop < len(owner) and owner[stop : stop + 2, band].max() >= 0
        if not cut or stop - first < 6 or stop - first >= longest:
            continue
        levels = found.levels[first + 3 : stop, band]
        slope = float(levels[-1] - levels[0]) / max(1, len(levels) - 1)  # dB per frame
        least, most = (limit * grid.hop / grid.sr for limit in (SLOWEST, FASTEST))
        slope = -float(np.clip(-slope, least, most))
        step = D[stop - 1, bins] * D[stop - 2, bins].conj()
        step /= np.maximum(np.abs(step), 1e-12)
        after = np.arange(1, 1 + min(longest - (stop - first), int(DECAYED / -slope)))[:, None]
        decay = amplitude((slope * after).astype(np.float32)) * weight
        part[stop - first : stop - first + len(after), bins] += D[stop - 1, bins] * step**after * decay
    used = int(np.flatnonzero(np.abs(part).max(axis=1) > 0)[-1]) + 2 if part.any() else 2
    return _trimmed(grid.istft(part[:used], used * grid.hop), grid.sr)


def _trimmed(wave: Float, sr: int) -> Float:
    """Begin at the attack, which the frames blur, and fade both ends."""
    near = np.abs(wave[: round(0.1 * sr)])
    begin = int(np.argmax(near >= STARTED * near.max()))
    fade = round(FADE * sr)
    wave = wave[max(0, begin - fade) :].copy()
    fade, tail = min(fade, len(wave)), min(round(TAIL * sr), len(wave))
    wave[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    wave[len(wave) - tail :] *= np.linspace(1, 0, tail, dtype=np.float32)
    return wave


Index = NDArray[np.intp]

WINDOW_SECONDS = 0.023
RANGE = 70.0  # dB below the loudest band, below which nothing counts
LOUDNESS = 0.03  # exponent from dB to loudness (Stevens 1957)
RISE, FLUCTUATION = 2.0, 2.5  # dB, and multiples of a band's usual change, beyond which a rise counts
MOST_RISE = 12.0  # dB: a larger rise is not more of an onset
ONSET = 0.25  # dB: strength from which a peak is an onset
GAP_SECONDS = 0.05  # between onsets
EDGE = 5  # frames at the end, where a mirrored decay would be an onset


@dataclass(frozen=True)
class Onsets:
    """Onsets: peaks of how much the bands rise beyond their usual fluctuation (spectral flux, Dixon 2006).

    grid : Bands
        Of `levels`, `rises` and `frames`.
    levels : np.ndarray [shape=(frames, bands), float32, dB]
    rises : np.ndarray [shape=(frames, bands), float32, 0..12 dB]
    frames : np.ndarray [shape=(onsets,), int]
    strength : float
        Mean rise over bands, by loudness, and over all frames, in dB.
    asymmetry : float
        Strength over that of the sound backwards: above 1, sounds begin faster than they end.
    """

    grid: Bands
    levels: Float
    rises: Float
    frames: Index
    strength: float
    asymmetry: float

    @classmethod
    def of(cls, y: Float, sr: int) -> Self:
        """Find the onsets of a waveform [shape=(n,), float32]."""
        grid = Bands.for_duration(sr, WINDOW_SECONDS)
        # Mirrored ends: a sound that is cut off has no onset there.
        padded = np.pad(y, grid.n_fft, mode="symmetric")
        inside = slice(grid.n_fft // grid.hop, grid.n_fft // grid.hop + frame_count(len(y), grid.hop))
        levels = grid.levels(power_of(grid.stft(padded)))[inside]
        levels = np.maximum(levels, levels.max() - np.float32(RANGE))
        rises = _rises(levels)
        strength, falls = _strength(rises, levels), _strength(_rises(levels[::-1]), levels[::-1])
        mean = float(strength.mean())
        return cls(grid, levels, rises, _peaks(strength, grid), mean, mean / max(float(falls.mean()), 1e-4))


def _rises(levels: Float) -> Float:
    """Rise from the loudest of three frames to that of the next three, beyond the usual."""
    count = len(levels)
    padded = np.pad(levels, ((4, 3), (0, 0)), mode="edge")
    after = np.max([padded[4 + i : 4 + i + count] for i in range(3)], axis=0)
    before = np.max([padded[i : i + count] for i in range(3)], axis=0)
    rise = after - before
    usual = np.median(np.abs(rise - np.median(rise, axis=0)), axis=0)
    result: Float = np.clip(rise - RISE - FLUCTUATION * usual, 0, MOST_RISE).astype(np.float32)
    return result


def _strength(rises: Float, levels: Float) -> Float:
    """Mean rise over bands, by loudness, smoothed over three frames [shape=(frames,), dB]."""
    loudness = 10 ** (LOUDNESS * (levels - levels.max()))
    strength = (rises * loudness).sum(axis=1) / loudness.sum(axis=1)
    return np.convolve(np.pad(strength, 1, mode="edge"), [0.25, 0.5, 0.25], "valid").astype(np.float32)


def _peaks(strength: Float, grid: Bands) -> Index:
    reach = max(1, round(GAP_SECONDS * grid.sr / grid.hop))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(strength, reach), 2 * reach + 1)
    peaks = np.flatnonzero((strength == windows.max(axis=1)) & (strength > ONSET))
    return peaks[peaks < len(strength) - EDGE]
