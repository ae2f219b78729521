"""The scorecard of a sound that was given another's style, without trained weights (FIELD, "Audio").

Timbre is 1 for a copy of the content and 0 for a copy of the style: the mean of the MFCC distance and of the
McDermott-statistic distance to the style, each over the content's own. Pitch and rhythm is 0 for a copy of
the content and 1 for a copy of the style (repeated or cut to the content's length): the mean of one minus
the chroma correlation and one minus the onset correlation with the content, each over the style's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.features import (
    HOP,
    N_FFT,
    chroma_correlation,
    looped,
    mfcc_distance,
    mixture_share,
    onset_correlation,
    rms,
    texture,
    texture_errors,
)
from restyle.sounds.stft import istft, stft

Float = NDArray[np.float32]


@dataclass(frozen=True)
class SoundScore:
    """One row of the scorecard. Distances: lower is better; see the module."""

    timbre: float
    pitch_rhythm: float
    mfcc: float
    mcdermott: float
    chroma: float
    onset: float
    mixture: float
    consistency: float


class Scorecard:
    """The scale of one content and style pair, on which any result is scored.

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
        """Score a result of the content's length."""
        y = looped(y, len(self.content)) if len(y) != len(self.content) else y
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

    def trivial(self) -> dict[str, Float]:
        """The rows that no method made: copies and the mix at equal loudness."""
        first, second = (max(rms(y), 1e-9) for y in (self.content, self.looped_style))
        mix = self.content / first + self.looped_style / second
        return {
            "content copy": self.content,
            "style copy": self.looped_style,
            "50/50 mix": (mix * 0.5 * first).astype(np.float32),
        }


def stft_consistency(y: Float) -> float:
    """Energy of ``D - stft(istft(D))`` over that of ``D``, in dB, after 16-bit rounding of the waveform.

    Any waveform has a consistent STFT but for rounding, so this tells a damaged file, not a dull method.
    """
    rounded = (np.round(y * 32767) / 32767).astype(np.float32)
    D = stft(y, N_FFT, HOP)
    again = stft(istft(stft(rounded, N_FFT, HOP), N_FFT, HOP, len(y)), N_FFT, HOP)
    error = float((np.abs(D - again) ** 2).sum()) / max(float((np.abs(D) ** 2).sum()), 1e-12)
    return float(10 * np.log10(max(error, 1e-12)))
