from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds.grains import LONGEST, MOST, SHIFTS, Events, Grains, Onsets, _few_at_once, _no_repetition
from restyle.sounds.mosaic import Mosaic, Target
from restyle.sounds.stft import Bands, power_of

SR = 22050
GRAIN, BANDS = Bands.for_duration(SR, 0.093), Bands.for_duration(SR, 0.046)
T = np.arange(SR) / SR


def note(midi: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    f = 440 * 2 ** ((midi - 69) / 12)
    partials = np.array([np.sin(2 * np.pi * f * k * T) / k for k in range(1, 9)])
    y: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (0.1 * partials.sum(axis=0)).astype(np.float32)
    return y


@pytest.mark.parametrize("interval", [-6, -1, 0, 3, 5])
def test_grains_are_transposed_to_the_pitch_of_the_target(interval: int) -> None:
    assert interval in SHIFTS
    grains = Grains(note(60), GRAIN)
    target = np.sqrt(power_of(GRAIN.stft(note(60 + interval))))
    S = np.abs(grains.mosaic(target))[8:-8].mean(axis=0)
    wanted = 440 * 2 ** ((60 + interval - 69) / 12)
    low = slice(0, round(1.5 * wanted / SR * GRAIN.n_fft))
    assert S[low].argmax() * SR / GRAIN.n_fft == pytest.approx(wanted, abs=SR / GRAIN.n_fft)


def test_a_style_rebuilds_itself() -> None:
    y = np.concatenate([note(60), note(64), note(55)])
    D = GRAIN.stft(y)
    S = np.sqrt(power_of(D))
    made = np.abs(Grains(y, GRAIN).mosaic(S, polyphony=1, repetition=0))
    assert np.linalg.norm(made - S) / np.linalg.norm(S) < 0.25


def test_repetition_keeps_only_the_largest_nearby() -> None:
    H = np.array([[1.0], [3.0], [2.0], [0.5]], np.float32)
    assert _no_repetition(H, 1, np.float32(0)).ravel().tolist() == [0, 3, 0, 0]


def test_polyphony_keeps_only_the_largest_at_once() -> None:
    H = np.array([[1, 4, 2, 3]], np.float32)
    assert _few_at_once(H, 2, np.float32(0)).tolist() == [[0, 4, 0, 3]]
    assert _few_at_once(H, 9, np.float32(0)) is H


def test_silent_target_and_one_sample_of_style() -> None:
    silent = np.zeros((5, GRAIN.n_fft // 2 + 1), np.float32)
    assert np.abs(Grains(note(60), GRAIN).mosaic(silent)).max() < 1e-3
    made = Grains(np.full(1, 0.5, np.float32), GRAIN).mosaic(np.sqrt(power_of(GRAIN.stft(note(60)))))
    assert np.isfinite(made).all()


TIMES = (0.4, 0.9, 1.5, 2.2)
RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(3 * SR)).astype(np.float32)


def drops() -> NDArray[np.float32]:
    """Noise with short bursts of high tones [shape=(n,), float32]."""
    y = NOISE.copy()
    for number, start in enumerate(np.arange(0.2, 2.8, 0.13)):
        t = np.arange(round(0.02 * SR)) / SR
        burst = np.sin(2 * np.pi * (3000 + 300 * number) * t) * np.exp(-200 * t)
        y[round(start * SR) :][: len(t)] += burst.astype(np.float32)
    return y


def loudness(y: NDArray[np.float32], start: float) -> float:
    """RMS over 50 ms."""
    return float(np.sqrt(np.mean(y[round(start * SR) :][: SR // 20].astype(np.float64) ** 2)))


def events(y: NDArray[np.float32]) -> Events:
    return Events(y, GRAIN, BANDS)


def test_struck_and_dropped_sounds_consist_of_events() -> None:
    assert events(struck()).used
    assert events(drops()).used


def test_steady_and_swelling_sounds_do_not() -> None:
    t = np.arange(3 * SR) / SR
    swelling = (NOISE * (1 + np.sin(2 * np.pi * 0.7 * t))).astype(np.float32)
    for y in (NOISE, swelling, struck()[::-1].copy(), np.ones(10, np.float32)):
        assert not events(y).used


def test_little_is_left_of_struck_sounds_and_most_of_noise_with_drops() -> None:
    assert events(drops()).rest[:10].min() > -3
    loud = np.argsort(BANDS.levels(power_of(BANDS.stft(struck()))).max(axis=0))[-3:]
    assert events(struck()).rest[loud].max() < -3


def test_events_begin_at_onsets_of_the_content_and_decay() -> None:
    content = 1e-3 * RNG.standard_normal(2 * SR)
    for start in (0.5, 1.3):
        content[round(start * SR) :][: SR // 20] += 0.3 * RNG.standard_normal(SR // 20)
    style = struck()
    target = np.full((2 * SR // BANDS.hop + 1, BANDS.bank.shape[0]), 5, np.float32)
    wanted = np.sqrt(power_of(GRAIN.stft(content.astype(np.float32))))
    y = events(style).render(content.astype(np.float32), target, wanted)
    assert y.shape == content.shape
    for start in (0.5, 1.3):
        before, after, later = (loudness(y, start + at) for at in (-0.06, 0.02, 0.3))
        assert after > 2 * before
        assert after > 2 * later


def test_decay_goes_on_where_another_event_begins() -> None:
    """Equal tones: each cuts off the one before in the style, but not in the event."""
    t = np.arange(3 * SR) / SR
    tone = 0.1 * sum(np.sin(2 * np.pi * 300 * k * t) for k in (1, 2.7, 5.2)) * np.exp(-4 * t)
    y = 1e-4 * RNG.standard_normal(round(3.2 * SR))
    for start in range(SR // 5, 3 * SR, SR * 2 // 3):
        y[start:][: len(t)] += tone[: len(y) - start]
    first = events(y.astype(np.float32))._waves[0]
    assert loudness(first, 0.8) / loudness(first, 0.2) == pytest.approx(np.exp(-4 * 0.6), rel=0.5)


@pytest.mark.slow
def test_number_and_length_are_bounded() -> None:
    y = struck(tuple(np.arange(0.2, 35, 0.5)), 36)
    waves = events(y)._waves
    assert len(waves) == MOST
    assert max(map(len, waves)) <= (LONGEST + 0.1) * SR


def test_levels_follow_the_target_on_average_only_with_events() -> None:
    voice = np.concatenate([struck(), struck()])
    levels = np.full((len(voice) // BANDS.hop + 1, BANDS.bank.shape[0]), -40, np.float32)
    target = Target(levels, np.zeros(len(levels)))
    assert Mosaic([(NOISE, 1.0)], SR).let_decay(voice, target) is levels
    assert Mosaic([(struck(), 1.0)], SR, keep_speech=1.0).let_decay(voice, target) is levels
    noise = Target(levels, np.ones(len(levels)))
    assert np.array_equal(Mosaic([(struck(), 1.0)], SR).let_decay(voice, noise), levels)


def test_decays_keep_their_shape_and_go_half_the_way_to_the_distribution_of_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The target moves half as much as the style and is struck at other times."""
    voice = np.concatenate([struck(), struck()])
    own = BANDS.levels(power_of(BANDS.stft(voice)))
    levels = np.roll(own.mean(axis=0) + 0.5 * (own - own.mean(axis=0)), round(0.3 * SR / BANDS.hop), axis=0)
    target, mosaic = Target(levels, np.zeros(len(own))), Mosaic([(struck(), 1.0)], SR)
    released = mosaic.let_decay(voice, target)
    monkeypatch.setattr("restyle.sounds.mosaic.MATCHED", np.float32(0))
    free = mosaic.let_decay(voice, target)
    loud = int(np.argmax(own.max(axis=0)))
    inside = slice(100, -100)
    kept, without = (np.corrcoef(x[inside, loud], own[inside, loud])[0, 1] for x in (released, levels))
    assert kept > without + 0.2
    far, near = (np.abs(np.sort(x[:, loud]) - np.sort(levels[:, loud])).mean() for x in (free, released))
    assert far > 1
    assert near == pytest.approx(far / 2, rel=0.01)


def test_decays_are_not_flattened_where_the_target_is_steady() -> None:
    voice = np.concatenate([struck(), struck()])
    levels = np.full((len(voice) // BANDS.hop + 1, BANDS.bank.shape[0]), -40, np.float32)
    released = Mosaic([(struck(), 1.0)], SR).let_decay(voice, Target(levels, np.zeros(len(levels))))
    own = BANDS.levels(power_of(BANDS.stft(voice)))
    loud = int(np.argmax(own.max(axis=0)))
    inside = slice(100, -100)
    assert np.corrcoef(released[inside, loud], own[inside, loud])[0, 1] > 0.5
    assert np.ptp(released[inside, loud]) > 0.4 * np.ptp(own[inside, loud])
    assert abs(released[inside, loud].mean() - levels[0, loud]) < 3


def struck(times: tuple[float, ...] = TIMES, seconds: float = 3.0) -> NDArray[np.float32]:
    """Decaying tones in faint noise [shape=(n,), float32]."""
    y = 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * SR))
    for number, start in enumerate(times):
        t = np.arange(len(y) - round(start * SR)) / SR
        tone = sum(np.sin(2 * np.pi * 300 * (1 + 0.2 * number) * k * t) for k in (1, 2.7, 5.2))
        y[-len(t) :] += 0.1 * tone * np.exp(-5 * t)
    return y.astype(np.float32)


def test_onsets_are_where_tones_begin() -> None:
    found = Onsets.of(struck(), SR)
    assert found.frames * found.grid.hop / SR == pytest.approx(TIMES, abs=0.015)


def test_what_is_struck_rises_faster_than_it_falls() -> None:
    y = struck()
    assert Onsets.of(y, SR).asymmetry > 3
    assert Onsets.of(y[::-1].copy(), SR).asymmetry < 1 / 3


def test_steady_sounds_have_hardly_any_onsets() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(3 * SR).astype(np.float32)
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR).astype(np.float32)
    for y in (noise, tone, np.zeros(SR, np.float32)):
        found = Onsets.of(y, SR)
        assert len(found.frames) <= 2
        assert found.strength < 0.06
        assert found.levels.shape == (len(y) // found.grid.hop + 1, found.grid.bank.shape[0])
