"""What an optimised picture is made of: parts with styles, and in a film the frame before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restyle.models.code_source import Exemplar
from restyle.types import FloatArray

_LEAST = 1e-3  # share of a pixel that is worth a region of its own


@dataclass(frozen=True)
class Part:
    """A part of the picture and its styles.

    Parameters
    ----------
    share : np.ndarray [shape=(H, W), float32, range 0..1] or None
        How much each pixel of the content belongs to it; None: wholly. What is missing to a sum of 1 is left
        to the content.
    styles : sequence of Exemplar
    """

    share: FloatArray | None
    styles: Sequence[Exemplar]


@dataclass(frozen=True)
class Before:
    """The frame before of a film, as it was painted, moved to where its things are now.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    trust : np.ndarray [shape=(H, W), float32, range 0..1]
        0 where it cannot be seen any more.
    weight : float
        Of the temporal loss: how much the mean squared difference to it counts.
    """

    picture: FloatArray
    trust: FloatArray
    weight: float


def masks_of(size: tuple[int, ...], parts: Sequence[Part]) -> list[FloatArray]:
    """The shares of the parts, and if they leave something, of the rest: they sum to 1 everywhere.

    Examples
    --------
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [Part(np.full((2, 2), 0.25, np.float32), ())])]
    [0.25, 0.75]
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [])]
    [1.0]
    """
    ones = np.ones(size, np.float32)
    masks = [ones if part.share is None else part.share for part in parts]
    rest = np.asarray(ones - sum(masks), np.float32)  # all of it where nothing is painted
    return [*masks, rest] if rest.max() > _LEAST else masks
