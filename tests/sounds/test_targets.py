from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.audio.ear import noise as pink
from benchmarks.audio.faults import drums, pad, preset
from benchmarks.audio.scorecard import Scorecard
from restyle.sounds.api import audio
from restyle.sounds.features import RATE
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.stft import Bands, Double, Float, power_of, total_level
from restyle.sounds.targets import (
    FREE,
    MIN_GAIN,
    SETTINGS,
    TOO_FAR,
    EnvelopeTransport,
    Keep,
    Playback,
    choose_keep,
    distance,
    steady_noise,
)
from tests.sounds.test_mosaic import Sound, melody, noise

RNG = np.random.default_rng(0)


def cloud(mean: float, spread: float, frames: int = 4000) -> NDArray[np.float32]:
    mixing = RNG.standard_normal((8, 8)) * spread / 3
    return (RNG.standard_normal((frames, 8)) @ mixing + mean + np.arange(8)).astype(np.float32)


def test_moments_become_those_of_the_style() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    moved = EnvelopeTransport.fit(content, style, ridge=0.01)(content)
    assert np.abs(moved.mean(0) - style.mean(0)).max() < 0.2
    assert np.abs(moved.std(0) / style.std(0) - 1).max() < 0.05
    off = np.corrcoef(moved.T) - np.corrcoef(style.T)
    assert np.abs(off).max() < 0.1


def test_transport_onto_itself_is_the_identity() -> None:
    content = cloud(-30, 4)
    moved = EnvelopeTransport.fit(content, content)(content)
    assert np.abs(moved - content).mean() < 0.1


def test_order_in_time_stays() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    moved = EnvelopeTransport.fit(content, style)(content)
    assert np.corrcoef(total_level(moved), total_level(content))[0, 1] > 0.5


def test_all_rhythm_keeps_the_dynamics() -> None:
    content, style = cloud(-30, 5), cloud(-45, 1)
    transport = EnvelopeTransport.fit(content, style)
    free, kept = transport(content), transport(content, rhythm=1.0)
    assert total_level(free).std() < 0.7 * total_level(content).std()
    assert total_level(kept).std() == pytest.approx(total_level(content).std(), rel=0.05)


def test_silence_stays_silent() -> None:
    content, style = cloud(-30, 3), cloud(-45, 5)
    content[100:120] = -120
    moved = EnvelopeTransport.fit(content, style)(content)
    assert total_level(moved)[100:120].max() < total_level(moved)[:100].mean() - 20


def test_a_single_frame_of_either_is_enough() -> None:
    one = np.full((1, 8), -20, np.float32)
    assert np.isfinite(EnvelopeTransport.fit(one, cloud(-40, 3))(one)).all()
    assert np.allclose(EnvelopeTransport.fit(cloud(-40, 3), one)(cloud(-40, 3)), -20, atol=1)


def test_steady_content_does_not_jump() -> None:
    """A style that switches on and off, whose map is steep, and content that only ripples."""
    content = (-20 + RNG.standard_normal((2000, 8)) * 0.3).astype(np.float32)
    style = np.where((np.arange(4000) // 40 % 2)[:, None] == 0, -20, -60) + cloud(0, 1)
    moved = EnvelopeTransport.fit(content, style.astype(np.float32))(content)
    level = total_level(moved)
    assert np.percentile(level, 97.5) - np.percentile(level, 2.5) < 8


def test_faint_noise_is_not_raised() -> None:
    content, style = cloud(-20, 3), cloud(-20, 1)
    content[1000:1100] -= 80
    transport = EnvelopeTransport.fit(content, style)
    moved = transport(content)
    rise = total_level(moved) - total_level(content) - transport.gain
    assert rise[1000:1100].max() < 3.1


GRAIN, BANDS = Bands.for_duration(RATE, 0.093), Bands.for_duration(RATE, 0.046)
HISS = (0.1 * np.random.default_rng(0).standard_normal(4 * RATE)).astype(np.float32)
T = np.arange(4 * RATE) / RATE


def rated(y: Float) -> Double:
    return steady_noise(power_of(GRAIN.stft(y)), GRAIN)


@pytest.mark.parametrize("y", [HISS, pink(), 1e-3 * HISS], ids=["white", "pink", "faint"])
def test_noise_is_steady_noise(y: Float) -> None:
    assert rated(y)[20:-20].mean() > 0.8


@pytest.mark.parametrize(
    "y",
    [
        melody(),
        pad(),
        drums(),
        (HISS * (1 + np.sin(2 * np.pi * 2 * T))).astype(np.float32),
        (HISS * (1 + 0.4 * np.sin(2 * np.pi * 6 * T))).astype(np.float32),
        np.where(T % 1 < 0.5, HISS, np.convolve(HISS, np.ones(20) / 8, "same")).astype(np.float32),
        np.zeros(RATE, np.float32),
    ],
    ids=["melody", "pad", "drums", "waves", "pulse", "two colors", "nothing"],
)
def test_pitch_rhythm_and_changes_are_not(y: Float) -> None:
    assert rated(y).max() < 0.1


def test_noise_after_music_is_found() -> None:
    share = rated(np.concatenate([pad()[: 4 * RATE], HISS]))
    middle = len(share) // 2
    assert share[: middle - 10].max() < 0.1
    assert share[middle + 50 : -20].mean() > 0.8


def test_a_style_plays_in_its_order_without_its_silence() -> None:
    y = np.concatenate([HISS[:RATE], np.zeros(RATE, np.float32), melody()[:RATE]])
    levels = BANDS.levels(power_of(BANDS.stft(y)))
    playback = Playback(y, GRAIN, BANDS, levels)
    played = playback.levels(1000)
    assert played.shape == (1000, levels.shape[1])
    assert np.abs(total_level(played)).max() <= FREE + 1e-3
    shape = levels - total_level(levels)[:, None]
    for frame in (5, 60):
        assert np.abs((played[frame] - total_level(played[frame : frame + 1])) - shape[frame]).max() < 1e-3
    assert playback.fine_structure(500).shape == (500, GRAIN.n_fft // 2 + 1)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["choir", "eight-bit"])
def test_noise_gets_the_timbre_of_the_style(style: str) -> None:
    content = pink()[: 5 * RATE]
    made = audio(content, preset(style), sr=RATE)
    assert Scorecard(content, preset(style)).score(made).timbre <= 0.35


def chosen(content: Sound, style: Sound, **given: float) -> tuple[float, float]:
    method = Mosaic([(style, 1.0)], RATE, **given)
    method.fit(method.measure(content[:, None]))
    method.choose_settings(content[:, None])
    return method.keep_pitch, method.keep_rhythm


def test_a_copy_is_at_no_distance_and_noise_at_one() -> None:
    assert distance(melody(), melody()) == pytest.approx(0, abs=1e-6)
    assert distance(noise(), melody()) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    ("noises", "expected", "trials"),
    [
        ((0.0, 0.0, 0.0), 0, 1),  # kept from the start
        ((40.0, 0.0, 0.0), 1, 2),
        ((40.0, 20.0, 0.0), 2, 3),  # better and better, and kept at last
        ((40.0, 40.0, 0.0), 0, 2),  # more is of no help
        ((40.0, 20.0, 40.0), 1, 3),
    ],
)
def test_the_choose_keep_pitch_and_rhythm_is_chosen(
    noises: tuple[float, ...], expected: int, trials: int
) -> None:
    """Trials that are the content under more or less noise."""
    y, tried = melody(), list[Keep]()

    def trial(choice: Keep) -> Sound:
        tried.append(choice)
        made: Sound = y + np.float32(noises[SETTINGS.index(choice)]) * noise()
        return made

    assert distance(y + np.float32(20) * noise(), y) > TOO_FAR + MIN_GAIN
    assert distance(y + np.float32(40) * noise(), y) > distance(y + np.float32(20) * noise(), y) + MIN_GAIN
    assert choose_keep(y, RATE, trial) == SETTINGS[expected]
    assert tried == list(SETTINGS[:trials])


def test_choices_keep_more_and_more() -> None:
    pitches, rhythms = [each.pitch for each in SETTINGS], [each.rhythm for each in SETTINGS]
    assert pitches == sorted(set(pitches))
    assert rhythms == sorted(set(rhythms))


@pytest.mark.slow
def test_a_style_without_the_contents_bands_makes_the_mosaic_follow_more_closely() -> None:
    low = melody()
    whistle = (0.1 * np.sin(2 * np.pi * 5000 * np.arange(len(low)) / RATE)).astype(np.float32)
    near, far = chosen(low, 0.5 * low[::-1].copy()), chosen(low, whistle)
    assert near == (SETTINGS[0].pitch, SETTINGS[0].rhythm)
    assert far == (SETTINGS[-1].pitch, SETTINGS[-1].rhythm)
    assert chosen(low, whistle, keep_pitch=0.3)[0] == 0.3
    assert chosen(low, whistle, keep_rhythm=0.4)[1] == 0.4
    assert chosen(low, whistle, keep_pitch=0.3, keep_rhythm=0.0) == (0.3, 0.0)
    assert chosen(low, whistle, strength=0.0) == (SETTINGS[0].pitch, SETTINGS[0].rhythm)


@pytest.mark.parametrize("sound", [np.zeros(9000), np.full(1, 0.5), np.full(9000, 0.4), np.zeros(0)])
def test_nothing_to_follow_is_no_error(sound: Sound) -> None:
    content = sound.astype(np.float32)
    method = Mosaic([(noise(), 1.0)], RATE)
    if len(content):
        method.fit(method.measure(content[:, None]))
    method.choose_settings(content[:, None])
    assert (method.keep_pitch, method.keep_rhythm) in [(each.pitch, each.rhythm) for each in SETTINGS]
