from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restyle.errors import InputError
from restyle.sounds import content as sound_content
from restyle.sounds.content import (
    Content,
    TemporarySound,
    from_samples,
    in_windows,
    to_samples,
    with_last,
    with_margins,
)
from restyle.sounds.stft import Float

Y = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)


def test_content_can_be_read_again(tmp_path: Path) -> None:
    soundfile.write(str(tmp_path / "a.wav"), Y, 8000, subtype="PCM_24")
    for content in (Content(tmp_path / "a.wav"), Content(Y, 8000)):
        first, second = (np.concatenate(list(content.blocks(1000))) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.abs(first - Y).max() < 1e-6
        assert (content.sr, content.channels, content.frames) == (8000, 2, 5000)
    assert Content(tmp_path / "a.wav").depth == "PCM_24"


@pytest.mark.parametrize("room", [1 << 28, 100])
def test_a_temporary_sound_can_be_read_again(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and on disk."""
    monkeypatch.setattr(sound_content, "IN_MEMORY", room)
    with TemporarySound(2) as stored:
        for start in range(0, 5000, 700):
            stored.write(Y[start : start + 700])
        for _ in range(2):
            blocks = list(stored.blocks(999))
            assert [len(block) for block in blocks] == [999] * 5 + [5]
            assert np.array_equal(np.concatenate(blocks), Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_arrays_come_back_in_their_own_type(dtype: type) -> None:
    given = (Y[:, 0] * 32767).astype(dtype) if dtype is np.int16 else Y[:, 0].astype(dtype)
    made = from_samples(to_samples(given), given)
    assert made.dtype == given.dtype
    assert np.array_equal(made, given)


def test_what_is_too_loud_for_16_bits_is_held_at_their_end() -> None:
    assert from_samples(np.full((1, 1), 2, np.float32), np.zeros(1, np.int16))[0] == 32767


def test_arrays_that_are_no_sound() -> None:
    for array, said in (
        (np.zeros((2, 2, 2), np.float32), "shape"),
        (np.zeros((3, 99), np.float32), "99 channels"),
        (np.zeros(3, np.int64), "int64"),
        (np.full(3, np.inf), "infinity"),
    ):
        with pytest.raises(InputError, match=said):
            to_samples(array)


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
