from __future__ import annotations

import numpy as np

from restyle.sounds.spectrograms import GAP, HEIGHT, MARGIN, SCALE, WIDTH, spectrogram_picture


def test_a_tone_is_a_line_at_its_height() -> None:
    sr = 22050
    y = np.sin(2 * np.pi * 1000 * np.arange(2 * sr) / sr).astype(np.float32)
    picture = np.asarray(spectrogram_picture([("tone", y, sr), ("same", y, sr)]))
    assert picture.shape == (HEIGHT + 2 * MARGIN, 2 * MARGIN + 2 * (WIDTH + GAP) + SCALE, 3)
    column = picture[MARGIN : MARGIN + HEIGHT, MARGIN + WIDTH // 2].astype(int).sum(axis=1)
    top = 2595 * np.log10(1 + sr / 2 / 700)
    expected = HEIGHT * (1 - 2595 * np.log10(1 + 1000 / 700) / top)
    assert abs(int(column.argmax()) - expected) < 5


def test_silence_and_one_sample_can_be_drawn() -> None:
    picture = spectrogram_picture([("silence", np.zeros(1, np.float32), 44100)])
    assert picture.size[1] == HEIGHT + 2 * MARGIN


def test_the_scale_shows_the_colours_of_its_levels() -> None:
    y = np.random.default_rng(0).standard_normal(2205).astype(np.float32)
    picture = np.asarray(spectrogram_picture([("noise", y, 22050)])).astype(int)
    scale = picture[MARGIN : MARGIN + HEIGHT, -MARGIN - SCALE // 2].sum(axis=1)
    assert (np.diff(scale) <= 0).all()
    assert scale[0] > 600
    assert scale[-1] < 20
