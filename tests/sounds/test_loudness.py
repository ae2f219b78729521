from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.sounds.loudness import SILENT, LoudestExcerpt, LoudnessMeter, channel_weights, loudness


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
    assert channel_weights(8)[3] == 0


def test_agrees_with_ffmpeg(tmp_path: object) -> None:
    """The ebur128 filter of FFmpeg on a sound with dynamics, as an independent reference."""
    import av
    import av.filter

    rng = np.random.default_rng(0)
    y = rng.standard_normal((48000 * 6, 2)).astype(np.float32) * 0.1
    y *= (0.05 + np.abs(np.sin(np.arange(len(y)) / 30000)))[:, None].astype(np.float32)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=48000, format="fltp", layout="stereo")
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    last = ""
    for start in range(0, len(y), 4800):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(y[start : start + 4800].T), format="fltp", layout="stereo"
        )
        frame.sample_rate = 48000
        frame.pts = start
        source.push(frame)
        while True:
            try:
                out = sink.pull()
            except (av.BlockingIOError, av.EOFError):
                break
            metadata = getattr(out, "metadata", None) or {}
            last = metadata.get("lavfi.r128.I", last)
    if not last:
        pytest.skip("this PyAV does not show a frame's metadata")
    assert loudness(y, 48000) == pytest.approx(float(last), abs=0.2)


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
