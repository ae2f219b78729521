from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restyle.sounds.effects import (
    STEADY,
    coherences,
    decorrelate,
    hold_level,
    in_windows,
    limit,
    limit_blocks,
    match_coherence,
    percussive_share,
    remove_rumble,
    running_median,
    sharpen_transients,
    with_last,
    with_margins,
    without_rumble,
)
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.stft import Bands, Float, power_of

SR = 22050
BANDS = Bands.for_duration(SR, 0.046)
T = np.arange(2 * SR) / SR
AT = (np.arange(0.2, 1.9, 0.3) * SR).astype(int)
RNG = np.random.default_rng(0)


def strokes() -> Float:
    """Bursts of noise that begin at once and die away."""
    y = np.zeros(len(T))
    for start in AT:
        burst = np.arange(SR // 12)
        y[start : start + len(burst)] = RNG.standard_normal(len(burst)) * np.exp(-burst / (0.012 * SR))
    return (0.3 * y).astype(np.float32)


def tone() -> Float:
    return (0.2 * sum(np.sin(2 * np.pi * 330 * k * T) / k for k in range(1, 6))).astype(np.float32)  # type: ignore[union-attr]


def early(y: Float) -> float:
    """Energy in the 20 ms before the strokes over that in the 20 ms after, in dB."""
    width = SR // 50
    before, after = (sum(float((y[s : s + width] ** 2).sum()) for s in starts) for starts in (AT - width, AT))
    return float(10 * np.log10(before / after))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("width", [1, 5, 99])
def test_running_median(axis: int, width: int) -> None:
    S = RNG.random((12, 9)).astype(np.float32)
    half = min(width, S.shape[axis]) // 2
    pad = [(half, half) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(S, pad, mode="symmetric")
    wanted = [
        np.median(np.take(padded, range(i, i + 2 * half + 1), axis), axis) for i in range(S.shape[axis])
    ]
    assert np.allclose(running_median(S, width, axis), np.stack(wanted, axis))


def test_strokes_strike_and_tones_last() -> None:
    struck, held = (percussive_share(power_of(BANDS.stft(y))) for y in (strokes(), tone()))
    at = AT // BANDS.hop + 1
    assert struck[at].min() > 0.8
    assert held[5:-5].max() < 0.1
    assert 0 <= struck.min() <= struck.max() <= 1
    noise = percussive_share(power_of(BANDS.stft(RNG.standard_normal(len(T)).astype(np.float32))))
    assert noise.max() < STEADY


def test_a_smeared_stroke_gets_its_edge_back() -> None:
    content = strokes()
    smeared = np.convolve(content, np.hanning(SR // 20) / 200, "same").astype(np.float32)[:, None]
    share = percussive_share(power_of(BANDS.stft(content)))
    made = sharpen_transients(smeared, content[:, None], share, BANDS.hop, SR)
    assert early(made[:, 0]) < early(smeared[:, 0]) - 6
    assert np.array_equal(sharpen_transients(smeared, content[:, None], 0 * share, BANDS.hop, SR), smeared)


def test_the_mosaic_strikes_where_its_content_does() -> None:
    """Frames of 93 ms alone smear a stroke to nearly as much energy before it as after."""
    content = strokes()[:, None]
    style = (0.05 * RNG.standard_normal(SR)).astype(np.float32)
    method = Mosaic([(style, 1.0)], SR)
    method.fit(method.measure(content))
    assert early(method.stylize(content)[:, 0]) < -8


def test_channels_that_cancel_each_other_strike_as_well() -> None:
    one = np.convolve(strokes(), np.hanning(SR // 20) / 200, "same").astype(np.float32)
    content = strokes()
    share = percussive_share(power_of(BANDS.stft(content)))
    both = sharpen_transients(
        np.stack([one, -one], 1), np.stack([content, -content], 1), share, BANDS.hop, SR
    )
    assert np.allclose(
        both[:, 0], sharpen_transients(one[:, None], content[:, None], share, BANDS.hop, SR)[:, 0]
    )


# ---------------------------------------------------------------------------------------------- stereo


def noise() -> Float:
    return RNG.standard_normal(SR).astype(np.float32)


def afrom_samples(first: Float, second: Float) -> float:
    """Coherence of the middle bands, averaged over time."""
    return float(coherences([BANDS.stft(first), BANDS.stft(second)], BANDS)[10:-10, 5:30, 0, 1].mean())


def test_diffusion_changes_phases_and_not_levels() -> None:
    y = noise()
    made = decorrelate(y, SR)
    assert len(made) == len(y)
    assert abs(afrom_samples(y, made)) < 0.5
    before, after = (BANDS.levels(power_of(BANDS.stft(x))).mean(0) for x in (y, made))
    assert np.abs(before - after)[3:].max() < 1.5
    assert abs(afrom_samples(made, decorrelate(y, SR, 1))) < 0.5


@pytest.mark.parametrize("count", [2, 4, 8])
def test_voices_are_as_coherent_as_the_channels(count: int) -> None:
    first, second = noise(), noise()
    # Two of one sound, one of another, one between, then again.
    kinds = [first, first, second, (first + second) / np.sqrt(2)] * 2
    channels = kinds[:count] if count > 2 else [first, second]
    wanted = [[afrom_samples(a, b) for b in channels] for a in channels]
    voices = match_coherence(noise(), [BANDS.stft(y) for y in channels], BANDS)
    found = [[afrom_samples(a, b) for b in voices] for a in voices]
    assert len(voices) == count
    assert np.abs(np.array(found) - np.array(wanted)).max() < 0.25


def test_one_channel_and_equal_channels_are_the_sound_itself() -> None:
    y, D = noise(), BANDS.stft(noise())
    assert match_coherence(y, [D], BANDS) == [y]
    assert all(voice is y for voice in match_coherence(y, [D, D, D], BANDS))


def test_a_silent_channel_harms_none() -> None:
    y = noise()
    D = BANDS.stft(y)
    voices = match_coherence(y, [D, D, np.zeros_like(D)], BANDS)
    assert np.isfinite(voices).all()
    assert afrom_samples(voices[0], voices[1]) > 0.95


def test_coherences_that_contradict_each_other_are_mended() -> None:
    """Eight pure tones: in most bands there is only the leakage of some, and rounding."""
    t = np.arange(SR) / SR
    channels = [
        BANDS.stft((0.1 * np.sin(2 * np.pi * 300 * (k + 1) * t)).astype(np.float32)) for k in range(8)
    ]
    assert np.isfinite(match_coherence(noise(), channels, BANDS)).all()


# --------------------------------------------------------------------------------------------- limiter


@pytest.mark.parametrize("size", [300, 5000])
def test_the_limiter_over_blocks_is_that_over_the_whole(size: int) -> None:
    loud = (RNG.standard_normal((24000, 2)) * 0.5).astype(np.float32)
    blocks = (loud[start : start + size] for start in range(0, len(loud), size))
    made = np.concatenate(list(limit_blocks(blocks, 8000, 0.9)))
    assert np.abs(made).max() <= 0.9 + 1e-5
    assert np.abs(made - limit(loud, 8000, 0.9)).max() < 1e-4


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 3000), scale=st.floats(0.1, 30), seed=st.integers(0, 99))
def test_nothing_passes_the_ceiling(length: int, scale: float, seed: int) -> None:
    y = (np.random.default_rng(seed).standard_normal((length, 2)) * scale).astype(np.float32)
    assert np.abs(limit(y, 8000, 0.9)).max() <= 0.9 * (1 + 1e-5)


def test_quiet_sound_is_untouched() -> None:
    y = np.full((100, 1), 0.5, np.float32)
    assert limit(y, 44100, 0.9) is y


def test_gain_falls_and_rises_smoothly_about_a_peak() -> None:
    y = np.full((4000, 1), 0.2, np.float32)
    y[2000] = 2.0
    z = limit(y, 8000, 0.5)
    gain = (z / y)[:, 0]
    assert gain[2000] <= 0.25 + 1e-4
    assert np.abs(np.diff(gain)).max() < 0.03
    assert np.allclose(gain[:1800], 1)
    assert np.allclose(gain[2200:], 1)


# -------------------------------------------------------------------------------- rumble and steady level


def test_offset_and_rumble_are_removed_and_nothing_else() -> None:
    t = np.arange(4 * SR) / SR
    y = (0.2 * np.sin(2 * np.pi * 34 * t)).astype(np.float32)
    parts = [0.1 * np.sin(2 * np.pi * hertz * t) for hertz in (5, 12, 20, 24)]
    rumble = (0.5 + np.sum(parts, axis=0)).astype(np.float32)
    inside = slice(SR // 2, -SR // 2)
    assert np.abs(remove_rumble(y, SR) - y)[inside].max() < 2e-3
    assert np.abs(remove_rumble(y + rumble, SR) - y)[inside].max() < 2e-3
    assert np.abs(remove_rumble(np.full(9000, 0.4, np.float32), SR)).max() < 1e-6
    assert len(remove_rumble(np.zeros(0, np.float32), SR)) == 0


@pytest.mark.parametrize("size", [700, 9000])
def test_rumble_is_removed_from_blocks_as_from_the_whole(size: int) -> None:
    y = RNG.uniform(0, 1, (2 * SR, 2)).astype(np.float32)
    blocks = (y[start : start + size] for start in range(0, len(y), size))
    assert np.abs(np.concatenate(list(without_rumble(blocks, SR))) - remove_rumble(y, SR)).max() < 1e-5


def test_a_pulsating_sound_is_held_where_the_content_is_steady() -> None:
    pulses = (1.05 + np.sin(2 * np.pi * 4 * T)).astype(np.float32)
    y = (0.1 * RNG.standard_normal(len(T)).astype(np.float32) * pulses)[:, None]

    def movement(sound: Float) -> float:
        level = 10 * np.log10((sound[: len(sound) // 1000 * 1000].reshape(-1, 1000) ** 2).mean(axis=1))
        return float(np.percentile(level, 95) - np.percentile(level, 5))

    steady = tone()[:, None]
    assert movement(hold_level(y, steady, SR)) < movement(y) - 8
    assert np.abs(movement(hold_level(y, steady * pulses[:, None], SR)) - movement(y)) < 3


LONG = np.random.default_rng(0).uniform(-0.5, 0.5, (10007, 2)).astype(np.float32)


def blocks(y: Float, size: int) -> Iterator[Float]:
    yield from (y[start : start + size] for start in range(0, len(y), size))


@pytest.mark.parametrize("size", [600, 2500, 20000])
def test_a_method_that_does_nothing_is_not_heard(size: int) -> None:
    made = np.concatenate(list(in_windows(lambda window: window, blocks(LONG, size), 500)))
    assert made.shape == LONG.shape
    assert np.abs(made - LONG).max() < 1e-6


def test_windows_fade_into_each_other_without_a_step() -> None:
    """A level of its own in every window: the largest step is that of the fade, not that of the levels."""
    levels = iter([1.0, 2.0, 1.0, 2.0, 1.0])
    flat = np.ones((10000, 1), np.float32)
    made = np.concatenate(list(in_windows(lambda window: window * next(levels), blocks(flat, 2000), 800)))
    assert len(made) == len(flat)
    assert np.abs(np.diff(made[:, 0])).max() < 5 / 400
    assert made.min() > 0.99
    assert made.max() < 2.01


def test_sounds_that_share_nothing_keep_their_power_across_a_border() -> None:
    rng = np.random.default_rng(1)
    flat = np.ones((40000, 1), np.float32)
    made = np.concatenate(
        list(
            in_windows(
                lambda window: rng.standard_normal(window.shape).astype(np.float32), blocks(flat, 10000), 4000
            )
        )
    )
    power = (made[: len(made) // 1000 * 1000].reshape(-1, 1000) ** 2).mean(axis=1)
    assert power.min() > 0.8
    assert power.max() < 1.2


def test_the_last_block_is_known() -> None:
    assert [last for _, last in with_last(blocks(LONG, 3000))] == [False, False, False, True]
    assert list(with_last(blocks(LONG[:0], 3000))) == []


@pytest.mark.parametrize("size", [100, 700, 3000, 20000])
def test_stretches_are_the_stream_and_are_seen_with_their_neighbours(size: int) -> None:
    reach, done = 300, 0
    for seen, part in with_margins(blocks(LONG, size), reach):
        start, stop = done, done + part.stop - part.start
        assert np.array_equal(seen[part], LONG[start:stop])
        if stop > start:
            assert part.start >= min(start, reach)
            assert len(seen) - part.stop >= min(len(LONG) - stop, reach)
        assert np.array_equal(seen, LONG[start - part.start : start - part.start + len(seen)])
        done = stop
    assert done == len(LONG)
