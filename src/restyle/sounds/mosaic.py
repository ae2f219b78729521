"""The default audio method: the style's grains and envelopes, in the order of the content.

1. The content's band levels are carried onto the style's by optimal transport (`sounds.transport`).
2. With these levels and the content's own fine structure (its partials) a target spectrogram is made.
3. Grains of the style rebuild it (`sounds.nmf`): every sound that is heard comes from the style.
4. A filter brings part of the content's partials out of the grains (`keep_pitch`), and another brings the
   band levels to those of step 1, which steps 2 and 3 only approached.
5. Where the content strikes rather than lasts, the envelope gets the content's edge back, which frames of
   the mosaic smear (`sounds.percussion`).
6. Each channel gets its own share of every band, and the channels are as coherent, band by band, as in the
   content (`sounds.coherence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restyle.sounds.bands import Bands, decibels, power_of, smoothed
from restyle.sounds.closeness import CHOICES, Choice, least_that_keeps
from restyle.sounds.coherence import widened
from restyle.sounds.nmf import Grains
from restyle.sounds.percussion import percussive_share, sharpened
from restyle.sounds.stft import Complex, Float
from restyle.sounds.transport import EnvelopeTransport, total_level

GRAIN = 0.093  # seconds: a frame of the mosaic
MOMENT = 0.046  # seconds: a frame of the envelopes
USUAL_PITCH = 0.6  # keep_pitch from which relief between bands is kept as well as partials within them
FAINT = 50.0  # dB under the loudest frame where content has no pitch to keep
CALM = 3  # moments over which the content is averaged: the map is steep, and makes jumps of ripples
SLOW = 0.5  # seconds over which keep_loudness hears
DEEP = 60.0  # dB under the loudest frame, at which keep_loudness hears no deeper
WHOLE = slice(0, None)


class Mosaic:
    """One or several styles at one sample rate, ready to be put on content.

    Parameters
    ----------
    styles : sequence of (y, weight)
        Mono waveforms [shape=(n,), float32] at `sr`, and weights that add up to one.
    sr : int
    strength, keep_loudness : float, 0..1
        See `restyle.options.AudioOptions`.
    keep_pitch, keep_rhythm : float, 0..1, or None
        None lets `settle` choose.
    """

    def __init__(
        self,
        styles: Sequence[tuple[Float, float]],
        sr: int,
        *,
        strength: float = 1.0,
        keep_pitch: float | None = None,
        keep_rhythm: float | None = None,
        keep_loudness: float = 0.0,
    ) -> None:
        self.strength, self.keep_loudness = strength, keep_loudness
        self._given = (keep_pitch, keep_rhythm)
        self._swells: tuple[_Swell, _Swell] | None = None
        self._choose(CHOICES[0])
        self.grain, self.moment = Bands.lasting(sr, GRAIN), Bands.lasting(sr, MOMENT)
        self._weights = [weight for _, weight in styles]
        self._grains = [Grains(y, self.grain) for y, _ in styles]
        self._levels = [self.moment.levels(power_of(self.moment.stft(y))) for y, _ in styles]
        self._transports: list[EnvelopeTransport] = []
        self._heard: Float = np.zeros((0, 0), np.float32)

    @property
    def hop(self) -> int:
        """Samples between frames: a window that begins on a multiple has the frames of the whole."""
        return self.grain.hop

    @property
    def reach(self) -> int:
        """Samples that a frame sees, and more: what is farther away changes nothing in it."""
        return self.grain.n_fft

    def analyse(self, y: Float, part: slice = WHOLE) -> Float:
        """Band levels of content over some 35 ms, for `learn`.

        Parameters
        ----------
        y : np.ndarray [shape=(n, channels), float32]
        part : slice
            Samples of `y`, from and to multiples of `hop` or its end, whose frames are wanted.

        Returns
        -------
        levels : np.ndarray [shape=(frames, bands), float32, dB]
        """
        levels, hop = smoothed(self.levels(y), CALM), self.moment.hop
        open_ended = part.stop is None or part.stop >= len(y)
        return levels[part.start // hop : None if open_ended else part.stop // hop]

    def levels(self, y: Float) -> Float:
        """Band levels, the mean power of the channels [shape=(frames, bands), float32, dB]."""
        return self.moment.levels(_mean_power([self.moment.stft(channel) for channel in y.T]))

    def learn(self, levels: Float) -> None:
        """Fit the transport from the content's levels (all of it, or a fair sample of its frames)."""
        self._transports = [EnvelopeTransport.fit(levels, style) for style in self._levels]
        self._heard, self._swells = levels, None

    def settle(self, y: Float) -> None:
        """Choose, from some seconds of the content and after `learn`, what was not given of how much to keep.

        Tried out without grains, which follow whatever levels they are asked for: the content itself is
        filtered to the levels that a choice gives it.

        Parameters
        ----------
        y : np.ndarray [shape=(n, channels), float32]
        """
        if self.strength == 0 or None not in self._given or not len(y):
            return
        padded, ends = self.mirrored(y)
        mono = padded.mean(axis=1)

        def tried(choice: Choice) -> Float:
            self._choose(choice)
            return self.moment.shaped(mono, self.target(padded))[ends]

        self._choose(least_that_keeps(y.mean(axis=1), self.moment.sr, tried))

    def _choose(self, choice: Choice) -> None:
        pitch, rhythm = self._given
        self.keep_pitch = choice.pitch if pitch is None else pitch
        self.keep_rhythm = choice.rhythm if rhythm is None else rhythm
        self._swells = None

    def __call__(self, y: Float) -> Float:
        """Restyle a block of the content that `learn` has seen.

        Parameters
        ----------
        y : np.ndarray [shape=(n, channels), float32]

        Returns
        -------
        y : np.ndarray [shape=(n, channels), float32]
            Its loudness is not set here: the level is the style's.
        """
        if self.strength == 0:
            return y.copy()
        padded, ends = self.mirrored(y)
        target = self.target(padded)
        made = self.place(self.carrier(padded, target), padded, target)
        return self.edged(made, padded)[ends]

    def mirrored(self, y: Float) -> tuple[Float, slice]:
        """The block with its ends mirrored, and where it is in that: a cut would be heard as a click."""
        reach = self.grain.n_fft
        return np.pad(y, ((reach, reach), (0, 0)), mode="symmetric"), slice(reach, reach + len(y))

    def place(self, carrier: Float, y: Float, target: Float) -> Float:
        """Give every channel of the content its share of a sound, at these band levels.

        Parameters
        ----------
        carrier : np.ndarray [shape=(n,), float32]
        y : np.ndarray [shape=(n, channels), float32]
        target : np.ndarray [shape=(frames, bands), float32, dB]
        """
        channels = [self.moment.stft(channel) for channel in y.T]
        levels = [self.moment.levels(power_of(D)) for D in channels]
        own = self.moment.levels(_mean_power(channels))
        voices = widened(carrier, channels, self.moment)
        result = np.empty_like(y)
        for number, (voice, level) in enumerate(zip(voices, levels, strict=True)):
            share = _share(level, own)
            if self.strength < 1:
                voice = self.moment.shaped(voice, own + share)
                voice = (1 - self.strength) * y[:, number] + self.strength * voice
            result[:, number] = self.moment.shaped(voice.astype(np.float32), target + share)
        return result

    def edged(self, made: Float, y: Float) -> Float:
        """Give what was made of content `y` the edge of its strokes [shape=(n, channels), float32]."""
        power = _mean_power([self.moment.stft(channel) for channel in y.T])
        return sharpened(made, y, percussive_share(power), self.moment.hop, self.moment.sr)

    def target(self, y: Float) -> Float:
        """Band levels that the result shall have [shape=(frames, bands), float32, dB]."""
        own = self.levels(y)
        return own + np.float32(self.strength) * (self._transported(smoothed(own, CALM)) - own)

    def _transported(self, own: Float) -> Float:
        target = self._mapped(own)
        if self.keep_loudness:
            if self._swells is None:  # of the whole content: a mean of its own would level every window
                self._swells = _Swell.of(self._heard), _Swell.of(self._mapped(self._heard))
            frames = max(1, round(SLOW * self.moment.sr / self.moment.hop))
            contour, heard = (
                swell.contour(levels, frames)
                for swell, levels in zip(self._swells, (own, target), strict=True)
            )
            target += self.keep_loudness * (contour - heard)[:, None]
        return target

    def _mapped(self, own: Float) -> Float:
        target = np.zeros_like(own)
        detail = max(0.0, (self.keep_pitch - USUAL_PITCH) / (1 - USUAL_PITCH))
        for transport, weight in zip(self._transports, self._weights, strict=True):
            target += weight * transport(own, detail=detail, rhythm=self.keep_rhythm)
        return target

    def carrier(self, y: Float, target: Float) -> Float:
        """The mosaic in one channel [shape=(n,), float32], its partials brought out."""
        grain, moment = self.grain, self.moment
        content = _mean_power([grain.stft(channel) for channel in y.T])
        fine = grain.fine(content)
        frame = np.round(np.arange(len(fine)) * grain.hop / moment.hop).astype(int)
        # Both grids have the same bands, so levels pass from one to the other by time alone.
        wanted = decibels(fine + grain.spread(target[np.minimum(frame, len(target) - 1)]))
        total = np.zeros(len(y), np.float32)
        for grains, weight in zip(self._grains, self._weights, strict=True):
            voice = grain.istft(grains.mosaic(wanted), len(y))
            if len(self._grains) > 1:
                voice = moment.shaped(voice, target, rounds=1)
            total += np.float32(weight) * voice
        if self.keep_pitch:
            # Where the content is faint its fine structure is noise, which the grains need not take on.
            level = total_level(grain.levels(content))
            # Of the whole content, as the moments have it, whose shorter frames hold that much less.
            loudest = total_level(self._heard).max() + 10 * np.log10(grain.n_fft / moment.n_fft)
            heard = np.clip((level - loudest + FAINT) / 20, 0, 1).astype(np.float32)[:, None]
            aim: Float | None = None
            for _ in range(2):  # frames overlap, so one filtering does not get there
                D = grain.stft(total)
                own = grain.fine(power_of(D))
                aim = own + self.keep_pitch * heard * (fine - own) if aim is None else aim
                total = grain.istft(D * decibels(np.clip(aim - own, -30, 12)), len(y))
        return total


@dataclass(frozen=True)
class _Swell:
    """How loud a sound is as a whole, to which its slow swells are relative: its peak and mean, in dB."""

    peak: float
    mean: float

    @classmethod
    def of(cls, levels: Float) -> _Swell:
        total = total_level(levels)
        peak = float(total.max())
        return cls(peak, float(np.maximum(total, peak - DEEP).mean()))

    def contour(self, levels: Float, frames: int) -> Float:
        """Level against the mean, averaged over so many frames [shape=(frames,), float32, dB]."""
        total = np.maximum(total_level(levels), self.peak - DEEP).astype(np.float32)
        return smoothed(total, frames) - np.float32(self.mean)


def _mean_power(channels: Sequence[Complex]) -> Float:
    result: Float = np.mean([power_of(D) for D in channels], axis=0, dtype=np.float32)
    return result


def _share(channel: Float, whole: Float) -> Float:
    """Level of a channel against the mean of all [shape=(frames, bands), float32, dB].

    Bands in which the content is silent get the share of the frame, and silent frames that of the block.
    """
    parts = []
    for levels in (channel, whole):
        power = 10 ** (levels.astype(np.float64) / 10)
        parts.append(power + 1e-4 * power.mean(axis=1, keepdims=True) + 1e-7 * power.mean())
    share: Float = np.clip(10 * np.log10(parts[0] / parts[1]), -90, 20).astype(np.float32)
    return share
