"""Score a stylized sound without trained weights.

Timbre is 1 for a copy of the content and 0 for a copy of the style: the mean distance to the style in MFCC
and in McDermott's statistics, each divided by the content's own. Pitch and rhythm is 0 for a copy of the
content and 1 for a copy of the style (repeated or cut to the content's length): the mean of one minus chroma
correlation and one minus onset correlation with the content, each divided by the style's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restyle.sounds.features import (
    CLASSES,
    HOP,
    N_FFT,
    Texture,
    chroma_correlation,
    mfcc,
    onset_correlation,
    texture,
)
from restyle.sounds.stft import Float, istft, stft


@dataclass(frozen=True)
class SoundScore:
    """One row of the scorecard; lower distances are better. See the module."""

    timbre: float
    pitch_rhythm: float
    mfcc: float
    mcdermott: float
    chroma: float
    onset: float
    mixture: float
    consistency: float


class Scorecard:
    """Score results of one pair of content and style.

    Parameters
    ----------
    content, style : np.ndarray [shape=(n,), float32, -1..1, mono at `sounds.features.RATE`]
    """

    def __init__(self, content: Float, style: Float) -> None:
        self.content, self.style = content, style
        self.looped_style = looped(style, len(content))
        self._mfcc = max(mfcc_distance(content, style), 1e-9)
        self._texture = texture(style)
        self._mcdermott = max(self._to_style(content), 1e-9)
        self._chroma = max(1 - chroma_correlation(self.looped_style, content), 1e-9)
        self._onset = max(1 - onset_correlation(self.looped_style, content), 1e-9)

    def score(self, y: Float) -> SoundScore:
        """Score a result; it is repeated or cut to the content's length."""
        y = looped(y, len(self.content))
        mfcc = mfcc_distance(y, self.style) / self._mfcc
        mcdermott = self._to_style(y) / self._mcdermott
        chroma = (1 - chroma_correlation(y, self.content)) / self._chroma
        onset = (1 - onset_correlation(y, self.content)) / self._onset
        return SoundScore(
            timbre=(mfcc + mcdermott) / 2,
            pitch_rhythm=(chroma + onset) / 2,
            mfcc=mfcc,
            mcdermott=mcdermott,
            chroma=chroma,
            onset=onset,
            mixture=mixture_share(y, self.content, self.looped_style),
            consistency=stft_consistency(y),
        )

    def _to_style(self, y: Float) -> float:
        return float(np.mean(list(texture_errors(texture(y), self._texture).values())))

    def baselines(self) -> dict[str, Float]:
        """Results without a method: copies, and a mix at equal loudness."""
        first, second = (max(rms(y), 1e-9) for y in (self.content, self.looped_style))
        mix = self.content / first + self.looped_style / second
        return {
            "content copy": self.content,
            "style copy": self.looped_style,
            "50/50 mix": (mix * 0.5 * first).astype(np.float32),
        }


def mfcc_distance(a: Float, b: Float) -> float:
    """Wasserstein-2 distance of the MFCC, each coefficient taken as normally distributed, in dB."""
    x, z = mfcc(a), mfcc(b)
    return float(np.sqrt(((x.mean(0) - z.mean(0)) ** 2 + (x.std(0) - z.std(0)) ** 2).sum()))


def texture_errors(a: Texture, b: Texture) -> dict[str, float]:
    """Error of each class of `a`'s statistics relative to `b`'s (the inverse of the paper's SNR)."""
    errors = {}
    for name in CLASSES:
        x, z = getattr(a, name), getattr(b, name)
        errors[name] = float(np.linalg.norm(x - z) / max(float(np.linalg.norm(z)), 1e-9))
    return errors


def mixture_share(y: Float, content: Float, style: Float) -> float:
    """Share of a result's spectrogram that a weighted sum of the inputs' explains (R squared).

    Each bin is centered over time, so that only movement counts. A mix of both inputs scores near 1. All
    clips have the same length.
    """
    S = [np.abs(stft(x / max(rms(x), 1e-9), N_FFT, HOP)) for x in (y, content, style)]
    target, first, second = ((x - x.mean(0)).ravel().astype(np.float64) for x in S)
    inputs = np.stack([first, second], 1)
    weights = np.linalg.lstsq(inputs, target, rcond=None)[0]
    rest = target - inputs @ weights
    return float(1 - (rest @ rest) / max(float(target @ target), 1e-12))


def stft_consistency(y: Float) -> float:
    """Energy of ``D - stft(istft(D))`` relative to that of ``D``, in dB, after rounding to 16 bits.

    Every waveform has a consistent STFT up to rounding, so this detects damaged files only.
    """
    rounded = (np.round(y * 32767) / 32767).astype(np.float32)
    D = stft(y, N_FFT, HOP)
    again = stft(istft(stft(rounded, N_FFT, HOP), N_FFT, HOP, len(y)), N_FFT, HOP)
    error = float((np.abs(D - again) ** 2).sum()) / max(float((np.abs(D) ** 2).sum()), 1e-12)
    return float(10 * np.log10(max(error, 1e-12)))


def looped(y: Float, length: int) -> Float:
    """Repeat or cut a clip to `length` samples."""
    return y if len(y) == length else np.resize(y, length).astype(np.float32)


def rms(y: Float) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if len(y) else 0.0
