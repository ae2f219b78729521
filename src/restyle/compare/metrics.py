"""The distances: each one documented function of two subjects, 0 for the same, symmetric (up to rounding).

Which of them tells artists apart, and how well, is in docs/compare.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.compare.style_vector import LayerMoments, Vector
from restyle.compare.subjects import Need, Subject
from restyle.errors import OptionError, StyleError
from restyle.images.statistics import matrix_root, relative_gap
from restyle.models.features import LAYERS
from restyle.sounds.features import CLASSES

Matrix = npt.NDArray[np.float64]
LayerDistance = Callable[[LayerMoments, LayerMoments], float]


@dataclass(frozen=True)
class Metric:
    """One distance.

    Parameters
    ----------
    name : str
        As given to `--metric`.
    about : str
        What it compares, in a few words.
    need : str
        What has to be measured: see `subjects.measure`.
    distance : function of two subjects that have it
    square : bool
        Whether it is the square of a length, as cosine distances and relative gaps are.
    """

    name: str
    about: str
    need: Need
    distance: Callable[[Subject, Subject], float]
    square: bool = False

    def lengths(self, distances: Matrix) -> Matrix:
        """Distances as lengths, which a map can show: the root of what is a square."""
        return np.sqrt(distances) if self.square else distances

    def defined(self, *subjects: Subject) -> bool:
        """Whether these have what the metric compares: a preset has no pixels, a sound has no code."""
        kinds = {each.kind for each in subjects}
        if self.need == "sound":
            return kinds == {"sound"}
        if "sound" in kinds:
            return False
        return self.need == "code" or kinds == {"picture"}


def style(a: Subject, b: Subject) -> float:
    """Cosine distance of the style vectors, 0..2; see `style_vector`. The default: it won the study."""
    assert a.vector is not None
    assert b.vector is not None
    return _half_square(a.vector - b.vector)  # of unit vectors: 1 - cos, and exactly 0 for the same


def euclidean(a: Subject, b: Subject) -> float:
    """Euclidean distance of the style codes over the sum of their lengths, 0..1; see `_codes`."""
    return min(
        float(np.linalg.norm(x - z) / max(float(np.linalg.norm(x) + np.linalg.norm(z)), 1e-12))
        for x, z in _codes(a, b)
    )


def cosine(a: Subject, b: Subject) -> float:
    """Cosine distance of the style codes, 0..2; see `_codes`."""
    return min(_half_square(_unit(x) - _unit(z)) for x, z in _codes(a, b))


def gram(a: LayerMoments, b: LayerMoments) -> float:
    """Relative gap of the Gram matrices of a layer, 0..1 (Gatys et al. 2016; `statistics.relative_gap`)."""
    return float(relative_gap(a.gram, b.gram))


def moments(a: LayerMoments, b: LayerMoments) -> float:
    """Relative gap of means and deviations of a layer, 0..1 (Huang and Belongie 2017)."""
    return float(relative_gap(np.concatenate([a.mean, a.std]), np.concatenate([b.mean, b.std])))


def wasserstein(a: LayerMoments, b: LayerMoments) -> float:
    """2-Wasserstein distance of a layer's features taken as Gaussians, over their magnitude, 0..1.

    The squared distance (Dowson and Landau 1982) is divided by the mean squared lengths of both together,
    which it cannot exceed where no mean is negative.
    """
    root = matrix_root(a.covariance)
    values = np.linalg.eigvalsh(root @ b.covariance @ root)
    traces = float(np.trace(a.covariance) + np.trace(b.covariance))
    means = float(((a.mean - b.mean) ** 2).sum())
    squared = means + traces - 2 * float(np.sqrt(np.maximum(values, 0)).sum())
    whole = traces + float((a.mean**2).sum() + (b.mean**2).sum())
    # What rounding leaves of equal Gaussians is some 1e-7 of the whole; its root would look like a distance.
    return float(np.sqrt(max(squared / max(whole, 1e-12), 0.0))) if squared > 1e-9 * whole else 0.0


def palette(a: Subject, b: Subject) -> float:
    """Sliced 2-Wasserstein distance of the colours in OKLab (Bonneel et al. 2015): how far colours move."""
    assert a.palette is not None
    assert b.palette is not None
    return float(np.sqrt(((a.palette - b.palette) ** 2).mean()))


def histogram(a: Subject, b: Subject) -> float:
    """Hellinger distance of the RGB histograms, 0..1: the baseline that knows nothing of brushwork."""
    assert a.histogram is not None
    assert b.histogram is not None
    return float(np.sqrt(_half_square(np.sqrt(a.histogram) - np.sqrt(b.histogram))))


def mfcc(a: Subject, b: Subject) -> float:
    """Wasserstein distance of MFCC 2 to 13, each taken as a normal distribution, in dB."""
    assert a.cepstrum is not None
    assert b.cepstrum is not None
    return float(np.linalg.norm(a.cepstrum - b.cepstrum))


def mcdermott(a: Subject, b: Subject) -> float:
    """Difference of the McDermott statistics over their mean magnitude, averaged over six classes, 0..2.

    Unlike the error in the paper, which divides by one sound's magnitude, this is symmetric.
    """
    assert a.texture is not None
    assert b.texture is not None
    shares = []
    for name in CLASSES:
        x, z = getattr(a.texture, name), getattr(b.texture, name)
        size = float(np.linalg.norm(x) + np.linalg.norm(z)) / 2
        shares.append(float(np.linalg.norm(x - z)) / max(size, 1e-9))
    return float(np.mean(shares))


def _layer(distance: LayerDistance, layer: str) -> Callable[[Subject, Subject], float]:
    def of_layer(a: Subject, b: Subject) -> float:
        assert a.layers is not None
        assert b.layers is not None
        return distance(a.layers[layer], b.layers[layer])

    return of_layer


def _over_layers(distance: LayerDistance) -> Callable[[Subject, Subject], float]:
    each = [_layer(distance, layer) for layer in LAYERS]
    return lambda a, b: float(np.mean([one(a, b) for one in each]))


def _of_layers(name: str, about: str, distance: LayerDistance, square: bool = False) -> list[Metric]:
    whole = Metric(name, f"{about}, mean of five layers", "features", _over_layers(distance), square)
    parts = [
        Metric(f"{name}:{at}", f"{about}, {at}", "features", _layer(distance, at), square) for at in LAYERS
    ]
    return [whole, *parts]


METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        Metric("style", "style vector", "vector", style, square=True),
        Metric("cosine", "style codes, angle", "code", cosine, square=True),
        Metric("euclidean", "style codes, distance", "code", euclidean),
        *_of_layers("gram", "Gram matrices", gram, square=True),
        *_of_layers("moments", "means and deviations", moments, square=True),
        *_of_layers("wasserstein", "features as Gaussians", wasserstein),
        Metric("palette", "colours", "colours", palette),
        Metric("histogram", "colour histogram", "colours", histogram),
        Metric("mfcc", "timbre, dB", "sound", mfcc),
        Metric("mcdermott", "sound texture", "sound", mcdermott),
    )
}

# The first that is defined for all subjects is the default: the winner of the study, then codes, then sound.
PREFERRED = ("style", "cosine", "mfcc")


def find(name: str) -> Metric:
    """Return the metric of this name.

    Raises
    ------
    OptionError
        There is none.
    """
    if name not in METRICS:
        known = ", ".join(each for each in METRICS if ":" not in each)
        layers = " (also of one layer, such as gram:relu3_1)"
        raise OptionError(f"metric '{name}' is none of {known}{layers}")
    return METRICS[name]


def default(kinds: Sequence[str]) -> Metric:
    """Return the best metric that is defined for subjects of all these kinds.

    Raises
    ------
    StyleError
        Pictures and sounds do not compare.
    """
    stubs = [Subject("", kind) for kind in kinds]  # type: ignore[arg-type]
    for name in PREFERRED:
        if METRICS[name].defined(*stubs):
            return METRICS[name]
    raise StyleError("sounds and pictures cannot be compared with each other; give one kind")


def matrix(subjects: Sequence[Subject], metric: Metric) -> Matrix:
    """Distances of all pairs [shape=(n, n), float64]; NaN where the metric is not defined."""
    count = len(subjects)
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(i):
            a, b = subjects[i], subjects[j]
            found[i, j] = found[j, i] = metric.distance(a, b) if metric.defined(a, b) else np.nan
    return found


def _codes(a: Subject, b: Subject) -> list[tuple[Vector, Vector]]:
    """Pairs of codes of which the nearest counts: both as they are, and either of them from further away."""
    assert a.code is not None
    assert b.code is not None
    if a.model != b.model or a.code.shape != b.code.shape:
        raise StyleError(
            f"'{a.name}' is a style of '{a.model}', '{b.name}' of '{b.model}': codes do not compare"
        )
    pairs = [(a.code, b.code)]
    pairs += [(code, b.code) for code in (() if a.afar is None else a.afar)]
    pairs += [(a.code, code) for code in (() if b.afar is None else b.afar)]
    return [(x.astype(np.float64), z.astype(np.float64)) for x, z in pairs]


def _unit(vector: Vector) -> Vector:
    scaled: Vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return scaled


def _half_square(difference: Vector) -> float:
    return float((difference * difference).sum()) / 2
