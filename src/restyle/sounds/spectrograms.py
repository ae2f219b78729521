"""Spectrograms side by side as a picture, with Pillow alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from restyle.sounds.stft import Float, mel, stft

WIDTH, HEIGHT, MARGIN = 480, 320, 48
GAP = 30  # pixels between panels, so that the time at the end of one does not touch the next
SCALE = 14  # pixels, width of the scale of levels
RANGE = 80.0  # dB from the brightest point to black
STEPS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 600, 3600, 1e9)  # seconds between times
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
    font = ImageFont.load_default(13)
    width = MARGIN + len(sounds) * (WIDTH + GAP) + SCALE + MARGIN
    picture = Image.new("RGB", (width, HEIGHT + 2 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    bottom = MARGIN + HEIGHT
    for number, (title, y, sr) in enumerate(sounds):
        left = MARGIN + number * (WIDTH + GAP)
        picture.paste(Image.fromarray(_panel(y, sr, top)), (left, MARGIN))
        seconds = len(y) / sr
        draw.text((left, MARGIN - 20), title, fill="black", font=font)
        # A few round times, however long or short the sound is.
        step = next(step for step in STEPS if seconds <= 8 * step)
        for tick in range(int(seconds / step + 1e-6) + 1):
            x = left + WIDTH * min(1.0, tick * step / max(seconds, 1e-6))
            draw.line([(x, bottom), (x, bottom + 4)], fill="black")
            last = (tick + 1) * step > seconds
            draw.text((x, bottom + 6), f"{tick * step:g}{' s' if last else ''}", "black", font, "ma")
    ceiling = float(mel(np.array(top)))
    for hertz in (each for each in TICKS if each <= top):
        y_at = MARGIN + HEIGHT * (1 - float(mel(np.array(float(hertz)))) / ceiling)
        label = f"{hertz // 1000}k" if hertz >= 1000 else str(hertz)
        draw.line([(MARGIN - 4, y_at), (MARGIN, y_at)], fill="black")
        draw.text((MARGIN - 6, y_at), label, fill="black", font=font, anchor="rm")
    draw.text((MARGIN - 6, MARGIN - 20), "Hz", fill="black", font=font, anchor="ra")
    _draw_scale(picture, width - MARGIN - SCALE, font)
    return picture


def _draw_scale(picture: Image.Image, left: int, font: Any) -> None:
    """Levels and their colours, at the right."""
    levels = np.repeat(np.linspace(1, 0, HEIGHT)[:, None], SCALE, axis=1)
    picture.paste(Image.fromarray(_colored(levels)), (left, MARGIN))
    draw = ImageDraw.Draw(picture)
    draw.text((left, MARGIN - 20), "dB", fill="black", font=font)
    for level in range(0, int(RANGE) + 1, 20):
        at = MARGIN + HEIGHT * level / RANGE
        draw.text((left + SCALE + 4, at), f"{-level}", fill="black", font=font, anchor="lm")


def _colored(levels: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Levels 0..1 as colours [shape=(H, W, 3), uint8, RGB]."""
    shade = np.clip(levels, 0, 1) * (len(_STOPS) - 1)
    places = np.arange(len(_STOPS))
    return np.stack([np.interp(shade, places, _STOPS[:, each]) for each in range(3)], -1).astype(np.uint8)


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
    return _colored(1 + level.T[::-1] / RANGE)
