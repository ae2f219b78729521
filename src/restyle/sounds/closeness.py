"""How closely content has to be followed for its pitch and rhythm to stay: chosen for each pair at run time.

What is kept of the content is taken from the style. Most pairs need little of it; where the style has other
bands than the content, or is mostly silence, pitch and onsets get lost without more. So it starts with the
least, and goes on as long as pitch and rhythm are lost, by the scorecard's own distances (`sounds.features`)
measured on content and style as given, and as long as more helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from restyle.sounds.features import at_rate, chroma_correlation, onset_correlation
from restyle.sounds.stft import Float

LOST = 0.25  # pitch-and-rhythm distance from which more is kept; the grains will add some .05 to .1
HELPS = 0.02  # distance by which more has to lower it


@dataclass(frozen=True)
class Choice:
    """What `--keep-pitch` and `--keep-rhythm` are when they are not given."""

    pitch: float
    rhythm: float


# From all of the style to most of the content.
CHOICES = (Choice(0.6, 0.0), Choice(0.8, 0.08), Choice(1.0, 0.15))


def least_that_keeps(content: Float, sr: int, tried: Callable[[Choice], Float]) -> Choice:
    """Return the first choice whose trial keeps pitch and rhythm, or the last that was of any help.

    Parameters
    ----------
    content : np.ndarray [shape=(n,), float32]
    sr : int
    tried : function of a choice
        A sound [shape=(n,), float32] with the levels that the choice leads to.
    """
    reference = at_rate(content, sr)
    chosen, lost = CHOICES[0], distance(at_rate(tried(CHOICES[0]), sr), reference)
    for choice in CHOICES[1:]:
        if lost <= LOST:
            break
        now = distance(at_rate(tried(choice), sr), reference)
        if now > lost - HELPS:
            break
        chosen, lost = choice, now
    return chosen


def distance(y: Float, content: Float) -> float:
    """Mean of one minus the chroma correlation and one minus the onset correlation.

    Parameters
    ----------
    y, content : np.ndarray [shape=(n,), float32, mono at `sounds.features.RATE`]
    """
    return 1 - (chroma_correlation(y, content) + onset_correlation(y, content)) / 2
