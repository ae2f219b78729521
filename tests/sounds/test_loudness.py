from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds.content import Content, TemporarySound
from restyle.sounds.loudness import CEILING, SILENT, LoudestExcerpt, LoudnessMatch, LoudnessMeter, loudness
from restyle.sounds.silence import ContentLevel
from restyle.sounds.stft import Float


def tone(level: float, seconds: float, sr: int = 48000, hertz: float = 1000.0) -> NDArray[np.float32]:
    t = np.arange(round(seconds * sr)) / sr
    return (10 ** (level / 20) * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


@pytest.mark.parametrize("sr", [8000, 22050, 44100, 48000, 96000, 192000])
def test_a_997_hz_tone_in_one_channel_reads_3_01_below_its_peak(sr: int) -> None:
    """ITU-R BS.1770-5: 0 dBFS at 997 Hz in one front channel is -3.01 LKFS."""
    assert loudness(tone(-20, 3, sr, 997), sr) == pytest.approx(-23.01, abs=0.05)


def test_ebu_tech_3341_cases() -> None:
    """EBU Tech 3341 test signals 1 to 4: stereo tones of 1 kHz, results in LUFS within 0.1."""
    for level in (-23.0, -33.0):
        y = tone(level, 20)
        assert loudness(np.stack([y, y], 1), 48000) == pytest.approx(level, abs=0.1)
    for parts in (((-36, 10), (-23, 60), (-36, 10)), ((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10))):
        y = np.concatenate([tone(level, seconds) for level, seconds in parts])
        assert loudness(np.stack([y, y], 1), 48000) == pytest.approx(-23, abs=0.1)


def test_surround_counts_more_and_low_frequency_not_at_all() -> None:
    """EBU Tech 3341 test signal 6: front -28, centre -24, surrounds -30 dBFS read -23 LUFS."""
    y = np.stack([tone(level, 20) for level in (-28, -28, -24, -10, -30, -30)], 1)
    assert loudness(y, 48000) == pytest.approx(-23, abs=0.1)
    y = np.stack([tone(level, 20) for level in (-28, -28, -24, -10, -33, -33, -33, -33)], 1)
    assert loudness(y, 48000) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 9, 32])
def test_channels_without_a_surround_layout_count_alike(channels: int) -> None:
    y = np.stack([tone(-30, 2)] * channels, 1)
    expected = -33.0 + 10 * np.log10(channels)
    assert loudness(y, 48000) == pytest.approx(expected, abs=0.1)


def test_blocks_add_up_to_the_whole() -> None:
    y = np.random.default_rng(1).standard_normal((100_000, 1)).astype(np.float32) * 0.2
    meter = LoudnessMeter(44100, 1)
    for start in range(0, len(y), 7777):
        meter.add(y[start : start + 7777])
    assert meter.integrated() == pytest.approx(loudness(y, 44100), abs=1e-3)
    assert meter.peak == pytest.approx(float(np.abs(y).max()))


def test_silence_dc_and_very_short_sounds() -> None:
    assert loudness(np.zeros(48000, np.float32), 48000) == SILENT
    assert loudness(np.zeros((0, 2), np.float32), 48000) == SILENT
    assert loudness(tone(-20, 0.1), 48000) == pytest.approx(-23, abs=1.5)


NOISE = np.random.default_rng(0).uniform(-0.1, 0.1, (1050, 2)).astype(np.float32)
NOISE[430] = 1


@pytest.mark.parametrize("size", [1, 7, 100, 260, 2000])
def test_the_loudest_excerpt_whatever_the_blocks(size: int) -> None:
    loudest = LoudestExcerpt(100, 2)
    for start in range(0, len(NOISE), size):
        loudest.add(NOISE[start : start + size])
    assert np.array_equal(loudest.excerpt(), NOISE[400:500])


def test_a_last_excerpt_may_be_short_and_the_first() -> None:
    y = NOISE.copy()
    y[1020] = 3
    loudest = LoudestExcerpt(100, 2)
    loudest.add(y)
    assert np.array_equal(loudest.excerpt(), y[1000:])
    short = LoudestExcerpt(5000, 2)
    short.add(y)
    assert np.array_equal(short.excerpt(), y)


def test_silence_counts_and_nothing_is_empty() -> None:
    loudest = LoudestExcerpt(10, 1)
    assert loudest.excerpt().shape == (0, 1)
    loudest.add(np.zeros((20, 1), np.float32))
    assert loudest.excerpt().shape == (10, 1)


RATE = 8000
T = np.arange(3 * RATE) / RATE
CONTENT = (0.2 * np.sin(2 * np.pi * 300 * T))[:, None].astype(np.float32)
RNG = np.random.default_rng(0)
QUIET = (0.01 * RNG.standard_normal((3 * RATE, 1))).astype(np.float32)
PEAKED = QUIET.copy()
PEAKED[::1000] = 0.9


def levelled(rendered: Float, content: Float = CONTENT, remix: float = 0.0) -> Float:
    heard, made = LoudnessMeter(RATE, 1), LoudnessMeter(RATE, 1)
    heard.add(content)
    made.add(rendered)
    level = ContentLevel(100)
    for block in level.watch(iter([content])):
        level.add(block, slice(0, len(block)))
    with TemporarySound(1) as tape:
        tape.write(rendered)
        match = LoudnessMatch(tape, Content(content, RATE), heard, level, remix, 5000)
        return np.concatenate(list(match.blocks(made)))


@pytest.mark.parametrize("remix", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rendered", [QUIET, PEAKED], ids=["quiet", "peaked"])
def test_loudness_is_the_contents_and_nothing_clips(rendered: Float, remix: float) -> None:
    made = levelled(rendered, remix=remix)
    assert made.shape == CONTENT.shape
    assert loudness(made, RATE) == pytest.approx(loudness(CONTENT, RATE), abs=0.3)
    assert np.abs(made).max() <= CEILING + 1e-4


def test_remix_of_one_is_the_original() -> None:
    assert np.array_equal(levelled(QUIET, remix=1.0), CONTENT)


def test_silence_stays_silence() -> None:
    assert not levelled(np.zeros_like(QUIET)).any()
