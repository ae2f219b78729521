from __future__ import annotations

import numpy as np
import pytest

from restyle.sounds.auto_keep import MIN_GAIN, SETTINGS, TOO_FAR, Keep, choose_keep, distance
from restyle.sounds.features import RATE
from restyle.sounds.mosaic import Mosaic
from tests.sounds.test_mosaic import Sound, melody, noise


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
