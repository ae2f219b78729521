"""What is known of one result: its figures, and the features that its set is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restyle.types import FloatArray


@dataclass(frozen=True)
class Measurement:
    """Figures of one result of one pair.

    Parameters
    ----------
    figures : dict of str to float
        By the names of `figures.FIGURES`, those of scope "pair".
    cloud : np.ndarray [shape=(parts, C), float32]
        Features of its parts, for the Frechet distance.
    inception : np.ndarray [shape=(2048,), float32], empty where FID was not asked for
    """

    figures: dict[str, float]
    cloud: FloatArray
    inception: FloatArray

    @classmethod
    def mean_of(cls, several: list[Measurement]) -> Measurement:
        """One measurement for the frames of a film: means of figures and features."""
        first = several[0]
        return cls(
            {name: float(np.mean([each.figures[name] for each in several])) for name in first.figures},
            np.concatenate([each.cloud for each in several]),
            np.asarray(np.mean([each.inception for each in several], axis=0), np.float32),
        )
