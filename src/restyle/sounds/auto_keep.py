"""Choose `keep_pitch` and `keep_rhythm` for a pair of content and style.

Whatever is kept of the content is lost of the style, and most pairs need little. So the settings are tried
from the smallest up, until pitch and rhythm survive or a larger setting no longer helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from restyle.sounds.features import at_rate, chroma_correlation, onset_correlation
from restyle.sounds.stft import Float

TOO_FAR = 0.25  # distance above which more is kept; the grains will add about .05 to .1
MIN_GAIN = 0.02  # distance that a larger setting must save


@dataclass(frozen=True)
class Keep:
    """Values of `keep_pitch` and `keep_rhythm`."""

    pitch: float
    rhythm: float


SETTINGS = (Keep(0.6, 0.0), Keep(0.8, 0.08), Keep(1.0, 0.15))


def choose_keep(content: Float, sr: int, render: Callable[[Keep], Float]) -> Keep:
    """Return the first setting that keeps pitch and rhythm, or the last one that helped.

    Parameters
    ----------
    content : np.ndarray [shape=(n,), float32]
    sr : int
    render : function of a setting
        Returns a sound [shape=(n,), float32] with the band levels that the setting leads to.
    """
    reference = at_rate(content, sr)
    chosen, best = SETTINGS[0], distance(at_rate(render(SETTINGS[0]), sr), reference)
    for setting in SETTINGS[1:]:
        if best <= TOO_FAR:
            break
        found = distance(at_rate(render(setting), sr), reference)
        if found > best - MIN_GAIN:
            break
        chosen, best = setting, found
    return chosen


def distance(y: Float, content: Float) -> float:
    """Mean of one minus chroma correlation and one minus onset correlation, both mono at `features.RATE`."""
    return 1 - (chroma_correlation(y, content) + onset_correlation(y, content)) / 2
