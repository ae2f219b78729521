from __future__ import annotations

import numpy as np
import pytest

from restyle.errors import StyleError
from restyle.sounds.presets import FOLDER, SOUNDS, sound_path
from restyle.sounds.read import read
from scripts import sounds as script


def test_there_are_at_least_eight_and_each_has_its_file() -> None:
    assert len(SOUNDS) >= 8
    assert {path.stem for path in FOLDER.glob("*.ogg")} == set(SOUNDS) == set(script.SOUNDS)


@pytest.mark.parametrize("name", sorted(SOUNDS))
def test_each_can_be_heard_and_does_not_clip(name: str) -> None:
    y, sr = read(sound_path(name))
    assert sr == 44100
    assert len(y) == 8 * sr
    assert float(np.sqrt(np.mean(y**2))) > 0.01
    assert 0.5 < np.abs(y).max() < 0.95


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_200_000


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(StyleError, match="did you mean 'rain'"):
        sound_path("rian")


def test_the_script_makes_what_is_shipped() -> None:
    shipped, _ = read(sound_path("wind"))
    made = script.synthesize("wind")
    assert np.corrcoef(shipped[:, 0], made)[0, 1] > 0.95  # Vorbis is lossy
