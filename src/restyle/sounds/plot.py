"""Spectrograms of content, styles and result side by side, with matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from restyle.files import writing
from restyle.images.plots import drawing, require_plots
from restyle.sounds.read import load_sound
from restyle.sounds.stft import Float, mel, stft
from restyle.sounds.styles import style_file, style_name
from restyle.types import PathLike

SECONDS = 30.0  # of each sound
RANGE = 80.0  # dB
COLUMNS = 1200  # most frames in a panel
TICKS = (100, 200, 500, 1000, 2000, 5000, 10000, 20000)


def plot_spectrograms(
    content: PathLike,
    styles: Sequence[tuple[Any, float]],
    result: PathLike,
    path: PathLike,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a PNG with the spectrograms of content, styles and result, the first 30 seconds of each.

    Parameters
    ----------
    content, result : path
    styles : sequence of (style, weight)
    path : path
        PNG to write.
    overwrite : bool
        Whether an existing file may be replaced.
    """
    panels = [("content", *_load_mono(content))]
    for style, weight in styles:
        title = style_name(style) if weight == 1 else f"{style_name(style)}, {weight:.0%}"
        panels.append((title, *_load_mono(style_file(style))))
    panels.append(("result", *_load_mono(result)))
    with writing(path, overwrite=overwrite, inputs=[content, result]) as temporary:
        spectrogram_figure(panels).savefig(temporary, format="png")
    return Path(path)


def spectrogram_figure(panels: Sequence[tuple[str, Float, int]]) -> Any:
    """Draw spectrograms on one mel scale, each in dB relative to its own peak.

    Parameters
    ----------
    panels : sequence of (title, y, sr)
        Waveforms [shape=(n,), float32].

    Returns
    -------
    matplotlib.figure.Figure
    """
    require_plots("a plot")
    from matplotlib.figure import Figure

    top = min(20000.0, max(sr for _, _, sr in panels) / 2)
    with drawing(title for title, _, _ in panels):
        figure = Figure(figsize=(1 + 5 * len(panels), 4), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, y, sr) in zip(axes, panels, strict=True):
            times, frequencies, level = spectrogram(y, sr)
            shown = axis.pcolormesh(
                times, mel(frequencies), level.T, vmin=-RANGE, vmax=0, cmap="inferno", rasterized=True
            )
            axis.set_title(title)
            axis.set_xlabel("time (s)")
        axes[0].set_ylabel("frequency (Hz)")
        ticks = [hertz for hertz in TICKS if hertz <= top]
        axes[0].set_yticks(mel(np.array(ticks, np.float64)), [f"{hertz:g}" for hertz in ticks])
        axes[0].set_ylim(0, float(mel(np.array(top))))
        figure.colorbar(shown, ax=list(axes), label="dB")
        figure.draw_without_rendering()  # lays out with these fonts
    return figure


def spectrogram(y: Float, sr: int) -> tuple[Any, Any, Float]:
    """Compute times [columns], frequencies [bins], and levels below the peak [columns, bins], in dB."""
    n_fft = 2 ** round(np.log2(0.046 * sr))
    S = np.abs(stft(y, n_fft, max(n_fft // 4, len(y) // (4 * COLUMNS), 1)))
    edges = np.unique(np.linspace(0, len(S), min(COLUMNS, len(S)) + 1).astype(int))
    S = np.maximum.reduceat(S, edges[:-1], axis=0)
    level = 20 * np.log10(np.maximum(S, 1e-9) / max(float(S.max()), 1e-9))
    times = np.linspace(0, len(y) / sr, len(S))
    return times, np.fft.rfftfreq(n_fft, 1 / sr), level.astype(np.float32)


def _load_mono(path: PathLike) -> tuple[Float, int]:
    y, sr = load_sound(path, seconds=SECONDS)
    return y.mean(axis=1), sr
