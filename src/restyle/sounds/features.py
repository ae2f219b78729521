"""What the style of a sound is, and what its content: weight-free statistics in NumPy.

Timbre: MFCC 2 to 13 (Davis and Mermelstein 1980) and the sound-texture statistics of McDermott and
Simoncelli (2011). Content: chroma (pitch class by time) and onset strength (rhythm).

Every function takes a mono waveform at `RATE`; `at_rate` brings any sound there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.stft import erb_number, hann, mel_bank, resample, stft

Float = NDArray[np.float32]
Double = NDArray[np.float64]

RATE = 22050
N_FFT = 2048
HOP = 512
ENVELOPE_RATE = 400  # Hz, as in McDermott and Simoncelli 2011


def at_rate(y: Float, sr: int) -> Float:
    """Mono at `RATE`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (n, channels), float32, -1..1]
    """
    mono = y if y.ndim == 1 else y.mean(axis=1)
    return resample(mono.astype(np.float32), RATE / sr)


def rms(y: Float) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if len(y) else 0.0


# ----------------------------------------------------------------------------------------------- timbre


def mfcc(y: Float) -> Double:
    """Mel-frequency cepstral coefficients 2 to 13 of the frames that sound.

    40 mel bands from 30 Hz to 10 kHz, power in dB with a floor 80 dB under the loudest band, orthonormal
    DCT-II. Coefficient 1 is level and is left out. Frames more than 40 dB below the loudest frame are left
    out too: silence has no timbre.

    Returns
    -------
    coefficients : np.ndarray [shape=(frames that sound, 12), float64, dB]
    """
    power = np.abs(stft(y, N_FFT, HOP)) ** 2
    bands = power @ mel_bank(RATE, N_FFT, 40, 30.0, 10000.0).T
    level = bands.sum(axis=1)
    sounding = level >= max(float(level.max()) * 1e-4, 1e-12)
    if not sounding.any():
        return np.zeros((1, 12))
    decibel = 10 * np.log10(np.maximum(bands[sounding], max(float(bands.max()) * 1e-8, 1e-12))).astype(
        np.float64
    )
    n = decibel.shape[1]
    basis = np.cos(np.pi * np.arange(1, 13)[:, None] * (np.arange(n) + 0.5) / n) * np.sqrt(2 / n)
    result: Double = decibel @ basis.T
    return result


def mfcc_distance(a: Float, b: Float) -> float:
    """Wasserstein-2 distance of the two clips' MFCC 2-13, each coefficient taken as a normal distribution.

    That is the root of the squared differences of means and of deviations, summed: how the average
    spectral shape differs, and how its movement does. In dB.
    """
    x, z = mfcc(a), mfcc(b)
    return float(np.sqrt(((x.mean(0) - z.mean(0)) ** 2 + (x.std(0) - z.std(0)) ** 2).sum()))


@dataclass(frozen=True)
class Texture:
    """Statistics of cochlear envelopes (McDermott and Simoncelli 2011), of a clip brought to unit RMS.

    mean, variation, skew, kurtosis : [shape=(bands,), float64]
        Marginals of every band's compressed envelope; variation is deviation over mean.
    correlation : [shape=(pairs,), float64, -1..1]
        Between the envelopes of bands 1, 2, 3, 5, 8, 11, 16 and 21 apart.
    modulation : [shape=(bands * modulation bands,), float64]
        Root of the power in each modulation band relative to the envelope's variance.

    Differs from the paper: the correlations between modulation bands (C1, C2) are left out.
    """

    mean: Double
    variation: Double
    skew: Double
    kurtosis: Double
    correlation: Double
    modulation: Double


CLASSES = ("mean", "variation", "skew", "kurtosis", "correlation", "modulation")


def cochlear_envelopes(y: Float, bands: int = 30, low: float = 50.0, high: float = 10000.0) -> Double:
    """Compressed Hilbert envelopes of half-cosine bands evenly spaced on the ERB scale.

    Returns
    -------
    envelopes : np.ndarray [shape=(samples at ENVELOPE_RATE, bands), float64]
        Band envelopes to the power 0.3, the ear's compression.
    """
    # Mirrored ends: the transform is circular, and a step from the last sample to the first would be heard
    # as a burst in every band that is otherwise empty.
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
    """McDermott statistics of a clip; see `Texture`."""
    level = rms(y)
    e = cochlear_envelopes(y / max(level, 1e-9))
    mean = e.mean(0)
    centred = e - mean
    deviation = np.maximum(np.sqrt((centred**2).mean(0)), 1e-9)
    z = centred / deviation
    product = z.T @ z / len(z)
    bands = e.shape[1]
    pairs = [product[i, i + d] for d in (1, 2, 3, 5, 8, 11, 16, 21) for i in range(bands - d)]
    power = np.abs(np.fft.rfft(z * hann(len(z))[:, None], axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(z), 1 / ENVELOPE_RATE)
    centres = 0.5 * 2.0 ** (np.arange(18) / 2)  # half octaves from 0.5 Hz to 181 Hz
    octave = np.log2(np.maximum(frequency, 1e-3)[None] / centres[:, None])
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


def texture_errors(a: Texture, b: Texture) -> dict[str, float]:
    """Error of every class of `a`'s statistics over the magnitude of `b`'s (the paper's SNR, inverted)."""
    errors = {}
    for name in CLASSES:
        x, z = getattr(a, name), getattr(b, name)
        errors[name] = float(np.linalg.norm(x - z) / max(float(np.linalg.norm(z)), 1e-9))
    return errors


def texture_distance(a: Float, b: Float) -> float:
    """Mean over the six classes of the relative error of `a`'s McDermott statistics against `b`'s."""
    return float(np.mean(list(texture_errors(texture(a), texture(b)).values())))


# ------------------------------------------------------------------------------------ pitch and rhythm


def chroma(y: Float) -> Double:
    """Energy by pitch class and time (Fujishima 1999), from 65 Hz to 2.1 kHz, A4 = 440 Hz.

    FFT of 4096 (186 ms), each bin's magnitude given to the two nearest semitones.

    Returns
    -------
    chroma : np.ndarray [shape=(frames, 12), float64]
    """
    size = 4096
    S = np.abs(stft(y, size, HOP)).astype(np.float64)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    used = (frequency >= 65) & (frequency <= 2100)
    pitch = 69 + 12 * np.log2(frequency[used] / 440)
    distance = np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6)
    result: Double = S[:, used] @ np.clip(1 - distance, 0, None)
    return result


def chroma_correlation(a: Float, b: Float) -> float:
    """Correlation over the 12 pitch classes, frame by frame, averaged with the energy of `b`'s frames.

    `a` and `b` have one length; `b` is the content.
    """
    x, z = chroma(a), chroma(b)
    weight = z.sum(1)
    x, z = x - x.mean(1, keepdims=True), z - z.mean(1, keepdims=True)
    scale = np.sqrt((x**2).sum(1) * (z**2).sum(1))
    each = (x * z).sum(1) / np.maximum(scale, 1e-12)
    return float((weight * each).sum() / max(float(weight.sum()), 1e-12))


def onset_strength(y: Float) -> Double:
    """Spectral flux: rise of the mel spectrogram in dB, averaged over bands, smoothed over 50 ms.

    The smoothing is the tolerance with which onsets are compared in the field (MIREX).

    Returns
    -------
    strength : np.ndarray [shape=(frames,), float64, dB]
    """
    power = np.abs(stft(y, N_FFT, HOP)) ** 2 @ mel_bank(RATE, N_FFT, 40, 30.0, 10000.0).T
    decibel = 10 * np.log10(np.maximum(power, max(float(power.max()) * 1e-6, 1e-12))).astype(np.float64)
    rise = np.maximum(np.diff(decibel, axis=0, prepend=decibel[:1]), 0).mean(1)
    return np.convolve(np.pad(rise, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def onset_correlation(a: Float, b: Float) -> float:
    """Correlation of the onset strengths of two clips of one length."""
    x, z = onset_strength(a), onset_strength(b)
    x, z = x - x.mean(), z - z.mean()
    return float((x * z).sum() / max(float(np.sqrt((x**2).sum() * (z**2).sum())), 1e-12))


# ------------------------------------------------------------------------------------------- honesty


def mixture_share(y: Float, content: Float, style: Float) -> float:
    """How much of the output's spectrogram two weights on the inputs' spectrograms explain (R squared).

    Each bin is centred over time first, so that only movement counts, not the average spectrum. A mix of
    both inputs scores near 1. All three clips have one length.
    """
    S = [np.abs(stft(x / max(rms(x), 1e-9), N_FFT, HOP)) for x in (y, content, style)]
    target, first, second = ((x - x.mean(0)).ravel().astype(np.float64) for x in S)
    inputs = np.stack([first, second], 1)
    weights = np.linalg.lstsq(inputs, target, rcond=None)[0]
    rest = target - inputs @ weights
    return float(1 - (rest @ rest) / max(float(target @ target), 1e-12))


def looped(y: Float, length: int) -> Float:
    """The clip repeated or cut to `length` samples."""
    return np.resize(y, length).astype(np.float32)
