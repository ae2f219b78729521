"""Features of sounds, without trained weights, and drawings of their spectrograms (extra `plots`).

Style is timbre: MFCC 2 to 13 (Davis and Mermelstein 1980) and the texture statistics of McDermott and
Simoncelli (2011). Content is chroma (pitch class over time) and onset strength (rhythm). These functions take
a mono waveform at `RATE`; `at_rate` converts any sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from restyle.files import writing
from restyle.images.figures import drawing, require_plots
from restyle.sounds.read import load_sound
from restyle.sounds.sources import style_file, style_name
from restyle.sounds.stft import Double, Float, erb_number, hann, mel, mel_bank, resample, stft
from restyle.types import PathLike

RATE = 22050
N_FFT = 2048
HOP = 512
ENVELOPE_RATE = 400  # Hz, as in McDermott and Simoncelli 2011


def at_rate(y: Float, sr: int) -> Float:
    """Convert a sound [shape=(n,) or (n, channels), float32] to mono at `RATE`."""
    mono = y if y.ndim == 1 else y.mean(axis=1)
    return resample(mono.astype(np.float32), RATE / sr)


def mfcc(y: Float) -> Double:
    """Mel-frequency cepstral coefficients 2 to 13 of the audible frames [shape=(frames, 12), float64, dB].

    40 mel bands from 30 Hz to 10 kHz in dB, with a floor 80 dB below the loudest, orthonormal DCT-II.
    Coefficient 1 is level. Frames 40 dB below the loudest are left out: silence has no timbre.
    """
    power = np.abs(stft(y, N_FFT, HOP)) ** 2
    bands = power @ mel_bank(RATE, N_FFT, 40, 30.0, 10000.0).T
    level = bands.sum(axis=1)
    audible = level >= max(float(level.max()) * 1e-4, 1e-12)
    if not audible.any():
        return np.zeros((1, 12))
    floor = max(float(bands.max()) * 1e-8, 1e-12)
    decibel = 10 * np.log10(np.maximum(bands[audible], floor)).astype(np.float64)
    n = decibel.shape[1]
    basis = np.cos(np.pi * np.arange(1, 13)[:, None] * (np.arange(n) + 0.5) / n) * np.sqrt(2 / n)
    return np.asarray(decibel @ basis.T, np.float64)


@dataclass(frozen=True)
class Texture:
    """Statistics of cochlear envelopes (McDermott and Simoncelli 2011) of a clip at unit RMS.

    Differs from the paper: without the correlations between modulation bands (C1, C2).
    """

    mean: Double  # of each band's compressed envelope [bands]
    variation: Double  # its deviation over its mean
    skew: Double
    kurtosis: Double
    correlation: Double  # between the envelopes of bands 1, 2, 3, 5, 8, 11, 16 and 21 apart
    modulation: Double  # root of the share of power in each modulation band


CLASSES = ("mean", "variation", "skew", "kurtosis", "correlation", "modulation")


def cochlear_envelopes(y: Float, bands: int = 30, low: float = 50.0, high: float = 10000.0) -> Double:
    """Hilbert envelopes to the power 0.3 (the ear's compression) of half-cosine bands on the ERB scale.

    They are [shape=(samples at ENVELOPE_RATE, bands), float64].
    """
    # The transform is circular: without mirrored ends, a step between them would fill empty bands.
    pad = RATE // 10
    y = np.pad(y, pad, mode="symmetric")
    n = len(y)
    spectrum = np.fft.rfft(y.astype(np.float64))
    rate = erb_number(np.fft.rfftfreq(n, 1 / RATE))
    edges = np.linspace(float(erb_number(np.array(low))), float(erb_number(np.array(high))), bands + 2)
    count = max(2, round((n - 2 * pad) * ENVELOPE_RATE / RATE))
    result = np.zeros((count, bands))
    grid = pad + np.arange(count) * ((n - 2 * pad) / count)
    smooth = hann(2 * (RATE // ENVELOPE_RATE) + 1).astype(np.float64)
    smooth /= smooth.sum()
    for band in range(bands):
        half = (edges[band + 2] - edges[band]) / 2
        offset = np.clip((rate - edges[band + 1]) / half, -1, 1)
        analytic = np.zeros(n, np.complex128)
        analytic[: len(spectrum)] = 2 * spectrum * np.cos(offset * np.pi / 2)
        envelope = np.abs(np.fft.ifft(analytic)) ** 0.3
        envelope = np.convolve(np.pad(envelope, len(smooth) // 2, mode="edge"), smooth, "valid")
        result[:, band] = np.interp(grid, np.arange(n), envelope[:n])
    return result


def texture(y: Float) -> Texture:
    """Compute the `Texture` statistics of a clip."""
    level = float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if len(y) else 0.0
    e = cochlear_envelopes(y / max(level, 1e-9))
    mean = e.mean(0)
    centered = e - mean
    deviation = np.maximum(np.sqrt((centered**2).mean(0)), 1e-9)
    z = centered / deviation
    product = z.T @ z / len(z)
    bands = e.shape[1]
    pairs = [product[i, i + d] for d in (1, 2, 3, 5, 8, 11, 16, 21) for i in range(bands - d)]
    power = np.abs(np.fft.rfft(z * hann(len(z))[:, None], axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(z), 1 / ENVELOPE_RATE)
    centers = 0.5 * 2.0 ** (np.arange(18) / 2)  # half octaves from 0.5 Hz to 181 Hz
    octave = np.log2(np.maximum(frequency, 1e-3)[None] / centers[:, None])
    bank = np.cos(np.clip(octave, -1, 1) * np.pi / 2) ** 2
    share = bank @ power / np.maximum(power.sum(0), 1e-12)
    return Texture(
        mean=mean,
        variation=deviation / np.maximum(mean, 1e-9),
        skew=(z**3).mean(0),
        kurtosis=(z**4).mean(0),
        correlation=np.array(pairs),
        modulation=np.sqrt(share).ravel(),
    )


def chroma(y: Float) -> Double:
    """Magnitude by pitch class (Fujishima 1999), 65 Hz to 2.1 kHz, A4 = 440 Hz [shape=(frames, 12), float64].

    Windows of 186 ms; a bin counts for the two nearest semitones.
    """
    size = 4096
    S = np.abs(stft(y, size, HOP)).astype(np.float64)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    used = (frequency >= 65) & (frequency <= 2100)
    pitch = 69 + 12 * np.log2(frequency[used] / 440)
    distance = np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6)
    return np.asarray(S[:, used] @ np.clip(1 - distance, 0, None), np.float64)


def chroma_correlation(a: Float, b: Float) -> float:
    """Correlation over pitch classes by frame, averaged with the magnitude of `b`, the content, as weight.

    Both clips have the same length.
    """
    x, z = chroma(a), chroma(b)
    weight = z.sum(1)
    x, z = x - x.mean(1, keepdims=True), z - z.mean(1, keepdims=True)
    scale = np.sqrt((x**2).sum(1) * (z**2).sum(1))
    each = (x * z).sum(1) / np.maximum(scale, 1e-12)
    return float((weight * each).sum() / max(float(weight.sum()), 1e-12))


def onset_strength(y: Float) -> Double:
    """Spectral flux of the mel spectrogram [shape=(frames,), float64, dB].

    Smoothed over 50 ms, the tolerance with which MIREX compares onsets.
    """
    power = np.abs(stft(y, N_FFT, HOP)) ** 2 @ mel_bank(RATE, N_FFT, 40, 30.0, 10000.0).T
    decibel = 10 * np.log10(np.maximum(power, max(float(power.max()) * 1e-6, 1e-12))).astype(np.float64)
    rise = np.maximum(np.diff(decibel, axis=0, prepend=decibel[:1]), 0).mean(1)
    return np.convolve(np.pad(rise, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def onset_correlation(a: Float, b: Float) -> float:
    """Correlation of the onset strengths of two clips of the same length."""
    x, z = onset_strength(a), onset_strength(b)
    x, z = x - x.mean(), z - z.mean()
    return float((x * z).sum() / max(float(np.sqrt((x**2).sum() * (z**2).sum())), 1e-12))


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
    """Write a PNG with the spectrograms of content, styles (and weights) and result, 30 seconds of each."""
    panels = [("content", *_load_mono(content))]
    for style, weight in styles:
        title = style_name(style) if weight == 1 else f"{style_name(style)}, {weight:.0%}"
        panels.append((title, *_load_mono(style_file(style))))
    panels.append(("result", *_load_mono(result)))
    with writing(path, overwrite=overwrite, inputs=[content, result]) as temporary:
        spectrogram_figure(panels).savefig(temporary, format="png")
    return Path(path)


def spectrogram_figure(panels: Sequence[tuple[str, Float, int]]) -> Any:
    """Draw spectrograms of waveforms (title, y, sr) on one mel scale, each in dB relative to its own peak."""
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
