"""What a mosaic is made of: frames of the style, and whole events where it is struck or dropped.

Frames rebuild a spectrogram (Driedger, Prätzlich and Müller 2015) by nonnegative matrix factorization (NMF)
with the style's own spectra as fixed templates. Three constraints on the activations leave a mosaic of
audible grains: a frame is not repeated at once (repetition), few sound together (polyphony), and frames that
follow each other in the style tend to do so here (continuity). The active frames are added with the phases
they have in the style. Differs from the paper:

- the style is also transposed by -6 to +5 semitones (resampled, with its envelope restored), so that the
  mosaic can follow the content's pitch;
- above 4 kHz, where pitch is not heard, the templates are critical bands instead of bins;
- only frames similar to some frame of the content take part, which makes long styles cheap.

Frames of 93 ms cannot ring: a mosaic of bells is a sustained mixture, one of rain is hiss without drops. So a
style that consists of events is cut into these: in the bands that rise at an onset, an event lasts until it
has decayed. Where another event begins in the band before that, the decay goes on with its own slope and
frequencies (as a phase vocoder does that is frozen; Laroche and Dolson 1999). The rest of the style, such as
the hiss of rain, stays with the mosaic. Events are chosen by similarity and added, as in concatenative
synthesis (Schwarz 2006). Between the content's onsets the style's own rhythm goes on, so that noise is struck
as well.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np

from restyle.sounds.stft import Bands, Complex, Float, Index, amplitude, frame_count, hann, power_of, resample

SHIFTS = tuple(range(-6, 6))  # semitones
FINE_BELOW = 4000.0  # Hz
QUIET = 45.0  # dB below the loudest frame of the style: quieter frames are not used
ITERATIONS = 10
CANDIDATES = 8  # templates that each frame of the target proposes, the most similar ones
MOST_TEMPLATES = 3000


class Grains:
    """The frames of a style, a mono waveform [shape=(n,), float32], as templates on the grid of a mosaic."""

    def __init__(self, y: Float, bands: Bands) -> None:
        self.bands = bands
        self._pool = pool(bands)
        levels = bands.levels(power_of(bands.stft(y)))
        templates, gains, lengths, self._waves = [], [], [], []
        half = bands.n_fft // 2
        for semitones in SHIFTS:
            ratio = 2.0 ** (semitones / 12)
            transposed = resample(y, 1 / ratio)
            power = power_of(bands.stft(transposed))
            # Transposition moves the formants as well: this gain restores the envelope.
            original = np.minimum(np.round(np.arange(len(power)) * ratio).astype(int), len(levels) - 1)
            gain = np.clip(levels[original] - bands.levels(power), -30, 20) * (semitones != 0)
            templates.append((np.sqrt(power) * amplitude(bands.to_bins(gain))) @ self._pool.T)
            gains.append(gain.astype(np.float32))
            lengths.append(len(transposed))
            self._waves.append(np.pad(transposed, (half, bands.n_fft)))
        W = np.concatenate(templates).astype(np.float32)
        counts = [len(gain) for gain in gains]
        self._gain = np.concatenate(gains)
        self._shift = np.repeat(np.arange(len(SHIFTS)), counts)
        self._start = np.concatenate([np.arange(count) * bands.hop for count in counts])
        self._next: Index = np.arange(1, len(W) + 1)
        self._next[np.cumsum(counts) - 1] = -1
        self._norm = np.linalg.norm(W, axis=1)
        self._usable = self._norm > float(self._norm.max()) * 10 ** (-QUIET / 20)
        inner = (self._start >= half) & (self._start + half <= np.repeat(lengths, counts))
        if (self._usable & inner).any():  # a frame beyond the end of the style begins or ends with a click
            self._usable &= inner
        self._norm = np.maximum(self._norm, 1e-12)
        self._templates = W / self._norm[:, None]
        self._signatures = signature(self._templates) * self._usable[:, None]

    def mosaic(self, target: Float, *, polyphony: int = 3, repetition: int = 3) -> Complex:
        """Rebuild a magnitude spectrogram [shape=(frames, bins), float32, 0..] as an STFT, complex64.

        At most `polyphony` grains sound at once, and none is repeated within `repetition` frames.
        """
        V = target @ self._pool.T
        chosen, H = self._activate(V, polyphony, repetition)
        return self._add(chosen, H, polyphony)

    def _activate(self, V: Float, polyphony: int, repetition: int) -> tuple[Index, Float]:
        similarity = signature(V) @ self._signatures.T
        count = min(CANDIDATES, similarity.shape[1] - 1)
        best = np.argpartition(-similarity, count, axis=1)[:, : count + 1]
        votes = np.bincount(best.ravel(), minlength=len(self._norm))
        chosen = np.argsort(-votes, kind="stable")[: min(MOST_TEMPLATES, int((votes > 0).sum()))]
        follows = self._next[chosen]
        chosen = np.unique(np.concatenate([chosen, follows[follows >= 0]]))
        chosen = chosen[self._usable[chosen]]
        place = np.full(len(self._norm) + 1, -1)
        place[chosen] = np.arange(len(chosen))
        after = place[self._next[chosen]]
        before = np.full(len(chosen), -1)
        before[after[after >= 0]] = np.nonzero(after >= 0)[0]

        W = self._templates[chosen]
        size = np.linalg.norm(V, axis=1, keepdims=True)
        H = np.maximum(similarity[:, chosen] ** 4, 1e-4) * size
        weight = np.maximum(W.sum(axis=1), 1e-9)
        tiny = 1e-6 * max(float(V.max()), 1e-9)
        for iteration in range(ITERATIONS):
            shrink = np.float32(1 - (iteration + 1) / ITERATIONS)
            if iteration:
                H = _no_repetition(H, repetition, shrink)
                H = _few_at_once(H, polyphony, shrink)
                H = _continued(H, before, after)
            H = H * (((V / (H @ W + tiny)) @ W.T) / weight)
        # Drop all but the audible grains first, so that these take over the rest's share.
        H = _few_at_once(H, polyphony, np.float32(0))
        for _ in range(2):
            H = H * (((V / (H @ W + tiny)) @ W.T) / weight)
        return chosen, H / self._norm[chosen]

    def _add(self, chosen: Index, H: Float, polyphony: int) -> Complex:
        bands, window = self.bands, hann(self.bands.n_fft)
        polyphony = min(polyphony, H.shape[1])
        loudest = np.argpartition(-H, polyphony - 1, axis=1)[:, :polyphony]
        D = np.zeros((len(H), bands.n_fft // 2 + 1), np.complex64)
        for voice in range(polyphony):
            grain = chosen[loudest[:, voice]]
            amount = np.take_along_axis(H, loudest[:, voice : voice + 1], axis=1)
            places = zip(self._shift[grain], self._start[grain], strict=True)
            frames = np.stack([self._waves[shift][start : start + bands.n_fft] for shift, start in places])
            D += np.fft.rfft(frames * window, axis=1) * (amount * amplitude(bands.to_bins(self._gain[grain])))
        return D


def pool(bands: Bands) -> Float:
    """Matrix that keeps bins up to `FINE_BELOW` and pools the rest into bands [shape=(features, bins)]."""
    bank = bands.bank
    fine = min(int(FINE_BELOW * bands.n_fft / bands.sr), bank.shape[1])
    upper = bank.copy()
    upper[:, :fine] = 0
    upper = upper[upper.sum(axis=1) > 1e-3]
    upper /= upper.sum(axis=1, keepdims=True)
    return np.concatenate([np.eye(fine, bank.shape[1], dtype=np.float32), upper])


def signature(V: Float) -> Float:
    """Square roots, so that weak partials count as well, scaled to unit norm."""
    root: Float = np.sqrt(np.maximum(V, 0))
    return np.asarray(root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-9), np.float32)


def _no_repetition(H: Float, reach: int, shrink: np.float32) -> Float:
    """Shrink activations that are not the largest within `reach` frames (equation 4 of the paper)."""
    largest = H.copy()
    for distance in range(1, min(reach, len(H) - 1) + 1):
        np.maximum(largest[distance:], H[:-distance], out=largest[distance:])
        np.maximum(largest[:-distance], H[distance:], out=largest[:-distance])
    return np.where(largest > H, H * shrink, H)


def _few_at_once(H: Float, most: int, shrink: np.float32) -> Float:
    """Shrink all but the `most` largest of every frame (equation 5)."""
    if H.shape[1] <= most:
        return H
    least = np.partition(H, -most, axis=1)[:, -most][:, None]
    return np.where(least > H, H * shrink, H)


def _continued(H: Float, before: Index, after: Index) -> Float:
    """Add the activation of the style's previous frame one frame ago, and of its next frame (equation 6)."""
    result = H.copy()
    result[1:] += np.where(before >= 0, H[:-1][:, before], 0)
    result[:-1] += np.where(after >= 0, H[1:][:, after], 0)
    return result


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
STRUCK_AGAIN = 0.25  # seconds, least, after which a struck sound is struck again without an onset
RECENT = 0.33  # share of the events that are not used again yet
ONSET_LEVEL = 0.06  # seconds over which the level at an onset is measured
LOUDEST = 12.0  # dB that an event may be raised
LEAST_REST = -30.0  # dB


class Events:
    """The events of a style, a mono waveform; similarity is measured on the grid of grains.

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
        """Place events at the onsets of a content and, between them, in the style's rhythm.

        Target levels are [frames, bands] in dB, wanted magnitudes [frames, bins] on the grid of grains.
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
    """Onsets: peaks of how much the bands rise beyond their usual fluctuation (spectral flux, Dixon 2006)."""

    grid: Bands
    levels: Float  # dB [frames, bands]
    rises: Float  # 0..12 dB [frames, bands]
    frames: Index  # [onsets]
    strength: float  # mean rise over bands, by loudness, and over all frames, in dB
    asymmetry: float  # strength over that of the sound backwards: above 1, sounds begin faster than they end

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
    return np.asarray(np.clip(rise - RISE - FLUCTUATION * usual, 0, MOST_RISE), np.float32)


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
