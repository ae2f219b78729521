from __future__ import annotations

import numpy as np

from restyle.evaluation.spectrograms import HEIGHT, MARGIN, WIDTH, spectrogram_picture


def test_a_tone_is_a_line_at_its_height() -> None:
    sr = 22050
    y = np.sin(2 * np.pi * 1000 * np.arange(2 * sr) / sr).astype(np.float32)
    picture = np.asarray(spectrogram_picture([("tone", y, sr), ("same", y, sr)]))
    assert picture.shape == (HEIGHT + 2 * MARGIN, MARGIN + 2 * (WIDTH + 12), 3)
    column = picture[MARGIN : MARGIN + HEIGHT, MARGIN + WIDTH // 2].astype(int).sum(axis=1)
    top = 2595 * np.log10(1 + sr / 2 / 700)
    expected = HEIGHT * (1 - 2595 * np.log10(1 + 1000 / 700) / top)
    assert abs(int(column.argmax()) - expected) < 5


def test_silence_and_one_sample_can_be_drawn() -> None:
    picture = spectrogram_picture([("silence", np.zeros(1, np.float32), 44100)])
    assert picture.size[1] == HEIGHT + 2 * MARGIN
