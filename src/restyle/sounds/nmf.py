"""Musaicing: rebuild a spectrogram from frames of a style (Driedger, Prätzlich and Müller 2015).

Nonnegative matrix factorization (NMF) with the style's own spectra as fixed templates. Three constraints on
the activations leave a mosaic of audible grains: a frame is not repeated at once (repetition), few sound
together (polyphony), and frames that follow each other in the style tend to do so here (continuity). The
active frames are added with the phases they have in the style.

Differs from the paper:
- the style is also transposed by -6 to +5 semitones (resampled, with its envelope restored), so that the
  mosaic can follow the content's pitch;
- above 4 kHz, where pitch is not heard, the templates are critical bands instead of bins;
- only frames similar to some frame of the content take part, which makes long styles cheap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import Bands, amplitude, power_of
from restyle.sounds.stft import Complex, Float, hann, resample

Index = NDArray[np.intp]

SHIFTS = tuple(range(-6, 6))  # semitones
FINE_BELOW = 4000.0  # Hz
QUIET = 45.0  # dB below the loudest frame of the style: quieter frames are not used


class Grains:
    """The frames of a style, as templates.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        The style, mono, at the content's sample rate.
    bands : Bands
        Grid of the mosaic.
    """

    def __init__(self, y: Float, bands: Bands) -> None:
        self.bands = bands
        self._pool = pool(bands)
        levels = bands.levels(power_of(bands.stft(y)))
        templates, gains, self._waves = [], [], []
        shift_of, start, whole = [], [], []
        following: list[Index] = []
        total = 0
        for number, semitones in enumerate(SHIFTS):
            ratio = 2.0 ** (semitones / 12)
            transposed = resample(y, 1 / ratio)
            power = power_of(bands.stft(transposed))
            frames = len(power)
            # Transposition moves the formants as well: this gain restores the envelope.
            original = np.minimum(np.round(np.arange(frames) * ratio).astype(int), len(levels) - 1)
            gain = np.clip(levels[original] - bands.levels(power), -30, 20) * (semitones != 0)
            templates.append((np.sqrt(power) * amplitude(bands.to_bins(gain))) @ self._pool.T)
            gains.append(gain.astype(np.float32))
            self._waves.append(np.pad(transposed, (bands.n_fft // 2, bands.n_fft)))
            shift_of.append(np.full(frames, number))
            start.append(np.arange(frames) * bands.hop)
            half = bands.n_fft // 2
            whole.append((start[-1] >= half) & (start[-1] + half <= len(transposed)))
            next_frame = total + np.arange(frames) + 1
            total += frames
            next_frame[-1] = -1
            following.append(next_frame)
        W = np.concatenate(templates).astype(np.float32)
        self._gain = np.concatenate(gains)
        self._shift, self._start = np.concatenate(shift_of), np.concatenate(start)
        self._next: Index = np.concatenate(following)
        self._norm = np.linalg.norm(W, axis=1)
        self._usable = self._norm > float(self._norm.max()) * 10 ** (-QUIET / 20)
        inner = np.concatenate(whole)
        if (self._usable & inner).any():  # a frame beyond the end of the style begins or ends with a click
            self._usable &= inner
        self._norm = np.maximum(self._norm, 1e-12)
        self._templates = W / self._norm[:, None]
        self._signatures = signature(self._templates) * self._usable[:, None]

    def mosaic(
        self,
        target: Float,
        *,
        polyphony: int = 3,
        repetition: int = 3,
        iterations: int = 10,
        candidates: int = 8,
        limit: int = 3000,
    ) -> Complex:
        """Rebuild a magnitude spectrogram.

        Parameters
        ----------
        target : np.ndarray [shape=(frames, bins), float32, 0..]
        polyphony : int
            Grains that may sound at once.
        repetition : int
            Frames within which a grain is not repeated.
        iterations : int
        candidates : int
            Templates that each frame of the target proposes, the most similar ones.
        limit : int
            Largest number of templates.

        Returns
        -------
        D : np.ndarray [shape=(frames, bins), complex64]
        """
        V = target @ self._pool.T
        chosen, H = self._activate(V, polyphony, repetition, iterations, candidates, limit)
        return self._add(chosen, H, polyphony)

    def _activate(
        self, V: Float, polyphony: int, repetition: int, iterations: int, candidates: int, limit: int
    ) -> tuple[Index, Float]:
        similarity = signature(V) @ self._signatures.T
        count = min(candidates, similarity.shape[1] - 1)
        best = np.argpartition(-similarity, count, axis=1)[:, : count + 1]
        votes = np.bincount(best.ravel(), minlength=len(self._norm))
        chosen = np.argsort(-votes, kind="stable")[: min(limit, int((votes > 0).sum()))]
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
        for iteration in range(iterations):
            shrink = np.float32(1 - (iteration + 1) / iterations)
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
            frames = np.stack(
                [
                    self._waves[shift][start : start + bands.n_fft]
                    for shift, start in zip(self._shift[grain], self._start[grain], strict=True)
                ]
            )
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
    result: Float = root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-9)
    return result


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
