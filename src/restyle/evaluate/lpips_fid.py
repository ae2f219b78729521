"""Metrics on networks of others, which do not ship with restyle: LPIPS on AlexNet, and FID's Inception.

`restyle models pull lpips-alex` and `restyle models pull inception-fid` fetch them, verified, or take them
from a local file with `--from`. What is measured on restyle's own encoder has other names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from restyle.errors import OptionError
from restyle.evaluate.encoder import need_torch
from restyle.evaluate.perceptual import perceptual_distance
from restyle.types import FloatArray

METRICS = ("lpips-alex", "fid")


@dataclass(frozen=True)
class Standard:
    """The metrics that were asked for.

    Parameters
    ----------
    lpips : function of two pictures, or None
        LPIPS between them (Zhang et al. 2018, version 0.1 on AlexNet).
    inception : function of a picture, or None
        Its 2048 features, of which FID is made (Heusel et al. 2017).
    """

    lpips: Callable[[FloatArray, FloatArray], float] | None = None
    inception: Callable[[FloatArray], FloatArray] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are measured."""
        there = (self.lpips is not None, self.inception is not None)
        return tuple(name for name, is_there in zip(METRICS, there, strict=True) if is_there)


def load(names: Sequence[str]) -> Standard:
    """Load what the metrics need.

    Raises
    ------
    OptionError
        There is no such metric.
    ModelError
        Its network was not pulled (the message says how), or is damaged.
    MissingExtraError
        torch is not installed.
    """
    for name in names:
        if name not in METRICS:
            raise OptionError(f"metric '{name}' is none of {', '.join(METRICS)}")
    if not names:
        return Standard()
    need_torch(f"the metric {names[0]}")
    lpips = inception = None
    if "lpips-alex" in names:
        from restyle.nn.lpips import load_lpips

        network = load_lpips()

        def lpips(result: FloatArray, content: FloatArray) -> float:
            return perceptual_distance(network.features(result), network.features(content), network.weights)

    if "fid" in names:
        from restyle.nn.inception import load_inception

        inception = load_inception()
    return Standard(lpips, inception)


def stacked(vectors: Sequence[FloatArray]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Feature vectors of several pictures as a cloud [shape=(n, 2048), float64]."""
    return np.asarray(vectors, np.float64)
