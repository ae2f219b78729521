"""Spectrograms side by side as a picture, with Pillow alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from restyle.transforms.spectrogram import Float, mel, stft

WIDTH, HEIGHT, MARGIN = 480, 320, 44
RANGE = 80.0  # dB from the brightest point to black
TICKS = (100, 200, 500, 1000, 2000, 5000, 10000, 20000)

# Black to purple to orange to white, evenly rising in lightness.
_STOPS = np.array(
    [
        (0, 0, 4),
        (40, 11, 84),
        (101, 21, 110),
        (159, 42, 99),
        (212, 72, 66),
        (245, 125, 21),
        (250, 193, 39),
        (252, 255, 164),
    ]
)


def spectrogram_picture(sounds: Sequence[tuple[str, Float, int]]) -> Image.Image:
    """Draw sounds side by side on one frequency axis (mel) and one colour scale (each against its own peak).

    Parameters
    ----------
    sounds : sequence of (title, y, sr)
        Waveforms [shape=(n,), float32]; every panel shows the whole of its sound.

    Returns
    -------
    picture : PIL.Image.Image [mode RGB]
    """
    top = min(20000.0, max(sr for _, _, sr in sounds) / 2)
    font = ImageFont.load_default(12)
    picture = Image.new("RGB", (MARGIN + len(sounds) * (WIDTH + 12), HEIGHT + 2 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    for number, (title, y, sr) in enumerate(sounds):
        left = MARGIN + number * (WIDTH + 12)
        picture.paste(Image.fromarray(_panel(y, sr, top)), (left, MARGIN))
        seconds = len(y) / sr
        draw.text((left, MARGIN - 20), f"{title}, {seconds:.1f} s", fill="black", font=font)
        for tick in range(int(seconds) + 1):
            if tick % max(1, int(seconds) // 8 or 1) == 0 and seconds > 0:
                x = left + WIDTH * tick / seconds
                draw.line([(x, MARGIN + HEIGHT), (x, MARGIN + HEIGHT + 4)], fill="black")
                draw.text((x, MARGIN + HEIGHT + 6), f"{tick}", fill="black", font=font, anchor="ma")
    ceiling = float(mel(np.array(top)))
    for hertz in TICKS:
        if hertz <= top:
            y_at = MARGIN + HEIGHT * (1 - float(mel(np.array(float(hertz)))) / ceiling)
            label = f"{hertz // 1000}k" if hertz >= 1000 else str(hertz)
            draw.line([(MARGIN - 4, y_at), (MARGIN, y_at)], fill="black")
            draw.text((MARGIN - 6, y_at), label, fill="black", font=font, anchor="rm")
    return picture


def _panel(y: Float, sr: int, top: float) -> NDArray[np.uint8]:
    """One spectrogram [shape=(HEIGHT, WIDTH, 3), uint8, RGB], low frequencies at the bottom."""
    n_fft = 2 ** round(np.log2(0.046 * sr))
    hop = max(n_fft // 4, len(y) // (4 * WIDTH), 1)
    S = np.abs(stft(y, n_fft, hop))
    edges = np.linspace(0, len(S), WIDTH + 1)
    columns = np.stack(
        [S[int(a) : max(int(b), int(a) + 1)].max(axis=0) for a, b in itertools.pairwise(edges)]
    )
    scale = np.linspace(0, float(mel(np.array(top))), HEIGHT)
    hertz = 700 * (10 ** (scale / 2595) - 1)
    bins = hertz * n_fft / sr
    low = np.minimum(bins.astype(int), S.shape[1] - 1)
    high = np.minimum(low + 1, S.shape[1] - 1)
    part = (bins - low).astype(np.float32)
    rows = columns[:, low] * (1 - part) + columns[:, high] * part
    rows[:, hertz > sr / 2] = 0
    level = 20 * np.log10(np.maximum(rows, 1e-9) / max(float(rows.max()), 1e-9))
    shade = np.clip(1 + level.T[::-1] / RANGE, 0, 1) * (len(_STOPS) - 1)
    return np.stack(
        [np.interp(shade, np.arange(len(_STOPS)), _STOPS[:, channel]) for channel in range(3)], axis=-1
    ).astype(np.uint8)
