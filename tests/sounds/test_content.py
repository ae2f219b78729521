from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from restyle.errors import InputError
from restyle.sounds import content as sound_content
from restyle.sounds.content import Content, Tape, like, samples_of

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
def test_a_tape_plays_what_was_recorded(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and on disk."""
    monkeypatch.setattr(sound_content, "IN_MEMORY", room)
    with Tape(2) as tape:
        for start in range(0, 5000, 700):
            tape.write(Y[start : start + 700])
        for _ in range(2):
            blocks = list(tape.blocks(999))
            assert [len(block) for block in blocks] == [999] * 5 + [5]
            assert np.array_equal(np.concatenate(blocks), Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_arrays_come_back_in_their_own_type(dtype: type) -> None:
    given = (Y[:, 0] * 32767).astype(dtype) if dtype is np.int16 else Y[:, 0].astype(dtype)
    made = like(samples_of(given), given)
    assert made.dtype == given.dtype
    assert np.array_equal(made, given)


def test_what_is_too_loud_for_16_bits_is_held_at_their_end() -> None:
    assert like(np.full((1, 1), 2, np.float32), np.zeros(1, np.int16))[0] == 32767


def test_arrays_that_are_no_sound() -> None:
    for array, said in (
        (np.zeros((2, 2, 2), np.float32), "shape"),
        (np.zeros((3, 99), np.float32), "99 channels"),
        (np.zeros(3, np.int64), "int64"),
        (np.full(3, np.inf), "infinity"),
    ):
        with pytest.raises(InputError, match=said):
            samples_of(array)
