"""Musaicing: a content's spectrogram rebuilt from frames of a style (Driedger, Prätzlich and Müller 2015).

Nonnegative matrix factorisation in which the templates are the style's own spectra and stay fixed. Of the
activations, three constraints leave a mosaic of audible grains: no frame is repeated at once (repetition),
few sound together (polyphony), and frames that follow each other in the style tend to do so in the result
(continuity). The activated frames are added with the phases that they have in the style.

Differs from the paper:
- the style is also there transposed, from 6 semitones down to 5 up (by resampling, its envelope put back),
  so that the mosaic can follow the content's pitch;
- above 4 kHz the templates are critical bands and not bins, where pitch is not heard;
- only frames that resemble some frame of the content take part (a search over all frames), so that long
  styles cost little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.bands import Bands, decibels, power_of
from restyle.sounds.stft import Complex, Float, hann, resample

Index = NDArray[np.intp]

SHIFTS = tuple(range(-6, 6))  # semitones
FINE_BELOW = 4000.0  # Hz
QUIET = 45.0  # dB under the loudest frame of the style that no grain is taken from


class Grains:
    """A style, cut into frames and indexed.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        The style, mono, at the content's sample rate.
    bands : Bands
        Frame length and hop of the mosaic.
    """

    def __init__(self, y: Float, bands: Bands) -> None:
        self.bands = bands
        self._pool = _pool(bands)
        own = bands.levels(power_of(bands.stft(y)))
        templates, gains, self._waves = [], [], []
        shift_of, start = [], []
        following: list[Index] = []
        total = 0
        for number, semitones in enumerate(SHIFTS):
            ratio = 2.0 ** (semitones / 12)
            moved = resample(y, 1 / ratio)
            power = power_of(bands.stft(moved))
            frames = len(power)
            # Transposing moved the formants as well: this gain puts the envelope of the moment back.
            moment = np.minimum(np.round(np.arange(frames) * ratio).astype(int), len(own) - 1)
            gain = np.clip(own[moment] - bands.levels(power), -30, 20) * (semitones != 0)
            templates.append((np.sqrt(power) * decibels(bands.spread(gain))) @ self._pool.T)
            gains.append(gain.astype(np.float32))
            self._waves.append(np.pad(moved, (bands.n_fft // 2, bands.n_fft)))
            shift_of.append(np.full(frames, number))
            start.append(np.arange(frames) * bands.hop)
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
        self._norm = np.maximum(self._norm, 1e-12)
        self._templates = W / self._norm[:, None]
        self._signatures = _signature(self._templates) * self._usable[:, None]

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
            Frames within which a grain may not come again.
        iterations : int
        candidates : int
            Most similar templates that each frame of the target proposes.
        limit : int
            Templates in all.

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
        similarity = _signature(V) @ self._signatures.T
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
        # What is not played is left out first, so that the rest takes over its share.
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
            D += np.fft.rfft(frames * window, axis=1) * (amount * decibels(bands.spread(self._gain[grain])))
        return D


def _pool(bands: Bands) -> Float:
    """Bins up to `FINE_BELOW` as they are, critical bands above [shape=(features, bins), float32]."""
    bank = bands.bank
    fine = min(int(FINE_BELOW * bands.n_fft / bands.sr), bank.shape[1])
    upper = bank.copy()
    upper[:, :fine] = 0
    upper = upper[upper.sum(axis=1) > 1e-3]
    upper /= upper.sum(axis=1, keepdims=True)
    return np.concatenate([np.eye(fine, bank.shape[1], dtype=np.float32), upper])


def _signature(V: Float) -> Float:
    """Square roots, so that partials count beside the loudest, of unit norm."""
    root: Float = np.sqrt(np.maximum(V, 0))
    result: Float = root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-9)
    return result


def _no_repetition(H: Float, reach: int, shrink: np.float32) -> Float:
    """Shrink what is not the largest of its row within `reach` frames (equation 4 of the paper)."""
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
    """Add what the frame before in the style had a moment ago, and the one after will have (equation 6)."""
    result = H.copy()
    result[1:] += np.where(before >= 0, H[:-1][:, before], 0)
    result[:-1] += np.where(after >= 0, H[1:][:, after], 0)
    return result
