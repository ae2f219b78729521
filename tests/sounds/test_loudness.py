from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.audio.faults import preset
from restyle.sounds import loudness as module
from restyle.sounds.api import audio
from restyle.sounds.effects import regroup, with_margins
from restyle.sounds.features import RATE
from restyle.sounds.loudness import (
    CEILING,
    SILENT,
    ContentLevel,
    LoudestExcerpt,
    LoudnessMatch,
    LoudnessMeter,
    TemporarySound,
    loudness,
)
from restyle.sounds.sources import Content
from restyle.sounds.stft import FREE_SILENCE, Float


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


SR = 8000
T = np.arange(3 * SR) / SR
CONTENT = (0.2 * np.sin(2 * np.pi * 300 * T))[:, None].astype(np.float32)
QUIET = (0.01 * np.random.default_rng(0).standard_normal((3 * SR, 1))).astype(np.float32)
PEAKED = QUIET.copy()
PEAKED[::1000] = 0.9


def levelled(rendered: Float, content: Float = CONTENT, remix: float = 0.0) -> Float:
    heard, made = LoudnessMeter(SR, 1), LoudnessMeter(SR, 1)
    heard.add(content)
    made.add(rendered)
    level = ContentLevel(100)
    for block in level.watch(iter([content])):
        level.add(block, slice(0, len(block)))
    with TemporarySound(1) as tape:
        tape.write(rendered)
        match = LoudnessMatch(tape, Content(content, SR), heard, level, remix, 5000)
        return np.concatenate(list(match.blocks(made)))


@pytest.mark.parametrize("remix", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rendered", [QUIET, PEAKED], ids=["quiet", "peaked"])
def test_loudness_is_the_contents_and_nothing_clips(rendered: Float, remix: float) -> None:
    made = levelled(rendered, remix=remix)
    assert made.shape == CONTENT.shape
    assert loudness(made, SR) == pytest.approx(loudness(CONTENT, SR), abs=0.3)
    assert np.abs(made).max() <= CEILING + 1e-4


def test_remix_of_one_is_the_original() -> None:
    assert np.array_equal(levelled(QUIET, remix=1.0), CONTENT)


def test_silence_stays_silence() -> None:
    assert not levelled(np.zeros_like(QUIET)).any()


HOP = 256
RNG = np.random.default_rng(0)


def content(floor: float, seconds: float = 3.0) -> Float:
    """Noise with a second of fainter noise in its middle, both by level in dB [shape=(n, 1), float32]."""
    y = 0.1 * RNG.standard_normal((round(seconds * RATE), 1))
    y[RATE : 2 * RATE] *= 10 ** ((floor + 20) / 20)
    return y.astype(np.float32)


def level(y: Float) -> float:
    """Level within the faint second, in dB."""
    return float(10 * np.log10(np.mean(y[RATE + RATE // 10 : 2 * RATE - RATE // 10].astype(np.float64) ** 2)))


def limited(result: Float, own: Float, size: int) -> Float:
    """Limit a result by the level of a content, both in blocks of `size`."""
    level = ContentLevel(HOP)
    blocks = level.watch(own[start : start + size] for start in range(0, len(own), size))
    for window, part in with_margins(regroup(blocks, size), 8 * HOP):
        level.add(window, part)
    return np.concatenate(
        list(level.limit(result[start : start + 7000] for start in range(0, len(own), 7000)))
    )


@pytest.mark.parametrize("size", [HOP, 20 * HOP, 1000 * HOP])
def test_a_result_is_lowered_where_the_content_is_silent_and_nowhere_else(size: int) -> None:
    own, result = content(-88), (0.1 * RNG.standard_normal((3 * RATE, 1))).astype(np.float32)
    made = limited(result, own, size)
    assert made.shape == own.shape
    assert level(made) == pytest.approx(-88 + FREE_SILENCE, abs=1)
    for loud in (slice(0, RATE - 4 * HOP), slice(2 * RATE + 4 * HOP, None)):
        assert np.array_equal(made[loud], result[loud])


def test_what_is_as_faint_as_the_content_is_unchanged() -> None:
    own = content(-88)
    assert np.array_equal(limited(own, own, 20 * HOP), own)


@pytest.mark.slow
def test_silence_may_lie_beside_something_loud() -> None:
    """Within 30 ms: the filter against rumble rings much longer."""
    y = content(-88)[:, 0]
    made = audio(y, preset("vinyl"), sr=RATE)
    beside = slice(RATE + RATE // 33, RATE + RATE // 10)
    rise = 10 * np.log10(np.mean(made[beside] ** 2) / np.mean(y[beside] ** 2))
    assert rise < 6


def test_digital_silence_stays_below_16_bits() -> None:
    own = content(-400)
    assert level(limited(content(-40), own, 20 * HOP)) < -110


@pytest.mark.slow
@pytest.mark.parametrize("style", ["fire", "vinyl", "bells"])
@pytest.mark.parametrize("where", [1.0, 0.0])
def test_silence_of_the_content_stays_silence_in_every_style(style: str, where: float) -> None:
    """Within 6 dB of its own floor; fire is much louder than noise by energy than by loudness."""
    y = content(-88)
    y = np.roll(y, round((where - 1) * RATE), axis=0)[:, 0]
    made = audio(y, preset(style), sr=RATE)
    shift = round((1 - where) * RATE)
    assert level(np.roll(made, shift)) < level(np.roll(y, shift)) + 6


@pytest.mark.slow
def test_a_silent_block_of_a_long_content_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is silent is decided by the whole content, not by the block."""
    from restyle.sounds import api

    monkeypatch.setattr(api, "block_size", lambda source: RATE // 2)
    y = content(-88)[:, 0]
    made = audio(y, preset("fire"), sr=RATE)
    assert level(made) < level(y) + 6


STORED = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)


@pytest.mark.parametrize("room", [1 << 28, 100])
def test_a_temporary_sound_can_be_read_again(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and on disk."""
    monkeypatch.setattr(module, "IN_MEMORY", room)
    with TemporarySound(2) as stored:
        for start in range(0, 5000, 700):
            stored.write(STORED[start : start + 700])
        for _ in range(2):
            blocks = list(stored.blocks(999))
            assert [len(block) for block in blocks] == [999] * 5 + [5]
            assert np.array_equal(np.concatenate(blocks), STORED)
