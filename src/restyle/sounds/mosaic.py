"""The default method: grains and envelopes of the style in the order of the content.

1. Optimal transport maps the content's band levels onto the style's (`sounds.targets`).
2. These levels and the content's own fine structure, its partials, make a target spectrogram.
3. Grains of the style rebuild it (`sounds.grains`), so every sound that is heard comes from the style. If the
   style is struck or dropped, whole events of it are added.
4. A filter brings out a part of the content's partials (`keep_pitch`), and another restores the band levels
   of step 1, which steps 2 and 3 only approximate.
5. Where the content is percussive, the envelope gets the content's sharp attacks, which frames blur.
6. Each channel gets its share of every band, and the channels the content's coherence (`sounds.effects`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from restyle.sounds.effects import hold_level, match_coherence, percussive_share, sharpen_transients
from restyle.sounds.grains import Events, Grains
from restyle.sounds.stft import (
    STEADY_FRAMES,
    Bands,
    Double,
    Float,
    amplitude,
    frame_count,
    mean_power,
    power_of,
    smooth,
    total_level,
)
from restyle.sounds.targets import SETTINGS, EnvelopeTransport, Keep, Playback, choose_keep, steady_noise

GRAIN_SECONDS = 0.093  # window of the mosaic
LEVEL_SECONDS = 0.046  # window of the band levels
DETAIL_FROM = 0.6  # keep_pitch from which differences between neighboring bands are kept as well
FAINT = 50.0  # dB below the loudest frame, from which the content has no pitch to keep
AVERAGED = 3  # frames over which the content's levels are averaged: the map is steep and amplifies ripples
SLOW = 0.5  # seconds: the time scale of keep_loudness
HEARD = 40.0  # dB below the loudest frame: frames that count for the usual level of a band
DEEPEST = 60.0  # dB below the loudest frame, below which keep_loudness ignores differences
EVENT_PITCH = 0.5  # share of keep_pitch that events get: with more they sing instead of ringing
EVENT_FRAMES = 81  # about a second: levels follow the target within that time, so that events decay
MATCHED = np.float32(0.5)  # share of the target's distribution that decays get
WHOLE = slice(0, None)


class Target(NamedTuple):
    """The target of a result."""

    levels: Float  # dB [frames, bands]
    noise: Double  # where the content is steady noise, so that the style plays as it is: 0..1 [frames]


@dataclass
class _Style:
    """A style as a mosaic uses it; `transport` maps the content's levels to its own."""

    weight: float
    grains: Grains
    events: Events
    levels: Float
    playback: Playback
    transport: EnvelopeTransport = field(init=False)


class Mosaic:
    """One or several styles at one sample rate, to be applied to content.

    Styles are mono waveforms [shape=(n,), float32] and weights that sum to 1; settings are those of
    `restyle.options.AudioOptions`. `choose_settings` chooses `keep_pitch` and `keep_rhythm` if they are None.
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
        keep_speech: float = 0.0,
    ) -> None:
        self.strength, self.keep_loudness, self.keep_speech = strength, keep_loudness, keep_speech
        self._fixed = (keep_pitch, keep_rhythm)
        self._dynamics: tuple[_Dynamics, _Dynamics] | None = None
        self._means: tuple[Float, Float] | None = None
        self._use(SETTINGS[0])
        self.grain, self.bands = Bands.for_duration(sr, GRAIN_SECONDS), Bands.for_duration(sr, LEVEL_SECONDS)
        self.hop = self.grain.hop  # a window that begins on a multiple has the same frames as the whole
        self.reach = self.grain.n_fft  # samples beyond which nothing influences a frame
        self._styles = [self._prepare(y, weight) for y, weight in styles]
        self._content_levels: Float = np.zeros((0, 0), np.float32)

    def _prepare(self, y: Float, weight: float) -> _Style:
        levels, events = self._inner_levels(y[:, None]), Events(y, self.grain, self.bands)
        playback = Playback(y, self.grain, self.bands, levels)
        return _Style(weight, Grains(y, self.grain), events, levels, playback)

    def measure(self, y: Float, part: slice = WHOLE) -> Float:
        """Measure band levels [frames, bands] of content [n, channels], averaged over about 35 ms, for `fit`.

        `part` selects samples whose frames are returned, between multiples of `hop` (or to the end).
        """
        levels, hop = smooth(self._inner_levels(y), AVERAGED), self.bands.hop
        open_ended = part.stop is None or part.stop >= len(y)
        return levels[part.start // hop : None if open_ended else part.stop // hop]

    def _inner_levels(self, y: Float) -> Float:
        """Band levels without the steps at the ends, which would fill faint bands; see `levels`."""
        padded, inside = self.mirror_ends(y)
        first = inside.start // self.bands.hop
        return self.levels(padded)[first : first + frame_count(len(y), self.bands.hop)]

    def levels(self, y: Float) -> Float:
        """Band levels of the channels' mean power [shape=(frames, bands), float32, dB]."""
        return self.bands.levels(self.bands.power(y))

    def fit(self, levels: Float) -> None:
        """Fit the transport to the content's levels, of all frames or a fair sample of them."""
        for style in self._styles:
            style.transport = EnvelopeTransport.fit(levels, style.levels)
        self._content_levels, self._dynamics, self._means = levels, None, None

    def choose_settings(self, y: Float) -> None:
        """Choose `keep_pitch` and `keep_rhythm` where they are not fixed, on some seconds [n, channels].

        Call it after `fit`. The trial is the content filtered to the levels that a setting leads to, without
        grains.
        """
        if self.strength == 0 or None not in self._fixed or not len(y):
            return
        padded, inside = self.mirror_ends(y)
        mono = padded.mean(axis=1)

        def render(setting: Keep) -> Float:
            self._use(setting)
            return self.bands.match_levels(mono, self.target(padded).levels)[inside]

        self._use(choose_keep(y.mean(axis=1), self.bands.sr, render))

    def _use(self, setting: Keep) -> None:
        pitch, rhythm = self._fixed
        self.keep_pitch = setting.pitch if pitch is None else pitch
        self.keep_rhythm = setting.rhythm if rhythm is None else rhythm
        self._dynamics, self._means = None, None

    def stylize(self, y: Float) -> Float:
        """Stylize a window [n, channels] of the content that was fitted; the level is that of the style."""
        if self.strength == 0:
            return y.copy()
        padded, inside = self.mirror_ends(y)
        target = self.target(padded)
        voice = self.render(padded, target)
        result = self.to_channels(voice, padded, self.let_decay(voice, target))
        return self.sharpen(result, padded)[inside]

    def mirror_ends(self, y: Float) -> tuple[Float, slice]:
        """Pad a window with its mirrored ends, so that cuts do not click; return it, and where it is now."""
        inside = slice(self.reach, self.reach + len(y))
        return np.pad(y, ((self.reach, self.reach), (0, 0)), mode="symmetric"), inside

    def to_channels(self, voice: Float, y: Float, target: Float) -> Float:
        """Give every channel of the content `y` [n, channels] its share of a mono sound, at target levels."""
        channels = [self.bands.stft(channel) for channel in y.T]
        levels = [self.bands.levels(power_of(D)) for D in channels]
        own = self.bands.levels(mean_power(channels))
        voices = match_coherence(voice, channels, self.bands)
        result = np.empty_like(y)
        for number, (each, level) in enumerate(zip(voices, levels, strict=True)):
            share = _share(level, own)
            if self.strength < 1:
                each = self.bands.match_levels(each, own + share)
                each = (1 - self.strength) * y[:, number] + self.strength * each
            result[:, number] = self.bands.match_levels(each.astype(np.float32), target + share)
        return result

    def sharpen(self, result: Float, y: Float) -> Float:
        """Give a result [shape=(n, channels), float32] the sharp attacks of its content `y`."""
        share = percussive_share(self.bands.power(y))
        result = sharpen_transients(result, y, share, self.bands.hop, self.bands.sr)
        return hold_level(result, y, self.bands.sr)

    def target(self, y: Float) -> Target:
        """Compute the target of a window [shape=(n, channels), float32]."""
        own = self.levels(y)
        averaged = smooth(own, AVERAGED)
        target = self._transported(averaged)
        found = steady_noise(self.grain.power(y), self.grain)
        noise = np.interp(np.arange(len(own)) * self.bands.hop, np.arange(len(found)) * self.grain.hop, found)
        if noise.any():
            target += noise[:, None].astype(np.float32) * (self._played(averaged) - target)
        if self.keep_speech:
            target += np.float32(self.keep_speech) * self._articulation(own, target)
        return Target(own + np.float32(self.strength) * (target - own), noise)

    def _played(self, own: Float) -> Float:
        """Levels of the styles in their own order at the content's level, averaged over 0.3 s."""
        level = smooth(total_level(own)[:, None], STEADY_FRAMES)
        return level + sum(
            np.float32(style.weight) * (style.playback.levels(len(own)) + np.float32(style.transport.gain))
            for style in self._styles
        )

    def _articulation(self, own: Float, target: Float) -> Float:
        """What a target [frames, bands] lacks of the content's movement in each band, which carries speech.

        So this is a channel vocoder (Dudley 1939) with the style as its carrier.
        """
        if self._means is None:  # of the whole content, so that windows agree
            levels = self._content_levels
            heard = total_level(levels) > total_level(levels).max() - HEARD
            self._means = levels[heard].mean(axis=0), self._map(levels)[heard].mean(axis=0)
        mean, usual = self._means
        return np.clip((own - mean) - (target - usual), -DEEPEST, DEEPEST)

    def _transported(self, own: Float) -> Float:
        target = self._map(own)
        if self.keep_loudness:
            if self._dynamics is None:  # of the whole content: the mean of a window would level it out
                levels = self._content_levels
                self._dynamics = _Dynamics.of(levels), _Dynamics.of(self._map(levels))
            frames = max(1, round(SLOW * self.bands.sr / self.bands.hop))
            wanted, found = self._dynamics
            gap = wanted.contour(own, frames) - found.contour(target, frames)
            target += self.keep_loudness * gap[:, None]
        return target

    def _map(self, own: Float) -> Float:
        target = np.zeros_like(own)
        detail = max(0.0, (self.keep_pitch - DETAIL_FROM) / (1 - DETAIL_FROM))
        for style in self._styles:
            target += style.weight * style.transport(own, detail=detail, rhythm=self.keep_rhythm)
        return target

    def render(self, y: Float, target: Target) -> Float:
        """Build the mosaic in mono [shape=(n,), float32] and bring out the content's partials."""
        grain, bands = self.grain, self.bands
        content = grain.power(y)
        own = grain.fine_structure(content)
        frame = np.round(np.arange(len(own)) * grain.hop / bands.hop).astype(int)
        frame = np.minimum(frame, len(target.levels) - 1)
        # Both grids have the same bands, so levels only need to be converted in time.
        levels, noise = grain.to_bins(target.levels[frame]), target.noise[frame].astype(np.float32)[:, None]
        total = np.zeros(len(y), np.float32)
        for style in self._styles:
            fine, events = own, style.events
            if noise.any():
                fine = own + noise * (style.playback.fine_structure(len(own)) - own)
            wanted = amplitude(fine + levels)
            voice = grain.istft(style.grains.mosaic(wanted), len(y))
            if self.keep_pitch:
                voice = self._bring_out(fine, content, voice, self.keep_pitch)
            if events.used:  # they replace their part of the mosaic, except where the content is noise
                free = (1 - target.noise).astype(np.float32)
                voice = bands.match_levels(voice, target.levels + free[:, None] * events.rest, rounds=1)
                struck = events.render(y.mean(axis=1), target.levels, wanted)
                struck = self._bring_out(fine, content, struck, EVENT_PITCH * self.keep_pitch)
                share = np.interp(np.arange(len(y)), np.arange(len(free)) * bands.hop, free)
                voice = voice + struck * share.astype(np.float32)
            if len(self._styles) > 1:
                voice = bands.match_levels(voice, self.let_decay(voice, target), rounds=1)
            total += np.float32(style.weight) * voice
        return total

    def let_decay(self, voice: Float, target: Target) -> Float:
        """Levels [shape=(frames, bands), float32, dB]: a target on average, with the movement of a voice.

        Only for styles with events; for others, and with `keep_speech`, it returns the target itself. Each
        band keeps the order of the voice's levels, and goes half the way to the target's distribution: the
        full way would flatten decays where the content is steady.
        """
        share = (1 - self.keep_speech) * sum(style.weight for style in self._styles if style.events.used)
        if not share:
            return target.levels
        own = self.levels(voice[:, None])
        floor = np.float32(total_level(target.levels).max() - DEEPEST - 20)
        gap = np.maximum(target.levels, floor) - np.maximum(own, floor)
        free = (share * (1 - target.noise)).astype(np.float32)[:, None]
        decayed = target.levels + smooth(gap, EVENT_FRAMES) - gap
        order = np.argsort(np.argsort(decayed, axis=0, kind="stable"), axis=0)
        matched = np.take_along_axis(np.sort(target.levels, axis=0), order, axis=0)
        levels = decayed + MATCHED * (matched - decayed)
        return np.asarray(target.levels + free * (levels - target.levels), np.float32)

    def _bring_out(self, fine: Float, content: Float, y: Float, share: float) -> Float:
        """Move the fine structure of a sound towards the content's, by a share 0..1."""
        grain = self.grain
        # Where the content is faint, its fine structure is noise.
        level = total_level(grain.levels(content))
        # The loudest frame of the whole content, corrected for the shorter window it was measured with.
        loudest = total_level(self._content_levels).max() + 10 * np.log10(grain.n_fft / self.bands.n_fft)
        audible = np.clip((level - loudest + FAINT) / 20, 0, 1).astype(np.float32)[:, None]
        wanted: Float | None = None
        for _ in range(2):  # frames overlap, so one round does not reach the target
            D = grain.stft(y)
            own = grain.fine_structure(power_of(D))
            wanted = own + share * audible * (fine - own) if wanted is None else wanted
            y = grain.istft(D * amplitude(np.clip(wanted - own, -30, 12)), len(y))
        return y


@dataclass(frozen=True)
class _Dynamics:
    """Peak and mean level of a whole sound, in dB, to which its slow swells are relative."""

    peak: float
    mean: float

    @classmethod
    def of(cls, levels: Float) -> _Dynamics:
        total = total_level(levels)
        peak = float(total.max())
        return cls(peak, float(np.maximum(total, peak - DEEPEST).mean()))

    def contour(self, levels: Float, frames: int) -> Float:
        """Level of the power averaged over `frames`, minus the mean [shape=(frames,), float32, dB]."""
        power = smooth((10 ** (total_level(levels) / 10))[:, None], frames)[:, 0]
        floor = 10 ** ((self.peak - DEEPEST) / 10)
        level = 10 * np.log10(np.maximum(power, np.float32(floor))) - np.float32(self.mean)
        return np.asarray(level, np.float32)


def _share(channel: Float, mean: Float) -> Float:
    """Level of a channel relative to the mean of all [shape=(frames, bands), float32, dB].

    Bands in which the content is silent get the share of the frame, silent frames that of the window.
    """
    parts = []
    for levels in (channel, mean):
        power = 10 ** (levels.astype(np.float64) / 10)
        parts.append(power + 1e-4 * power.mean(axis=1, keepdims=True) + 1e-7 * power.mean())
    return np.asarray(np.clip(10 * np.log10(parts[0] / parts[1]), -90, 20), np.float32)
