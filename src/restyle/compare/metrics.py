"""Distances of two styles or two sounds: 0 for the same, symmetric up to rounding; and `similarity`.

How well each tells artists apart is in docs/lab/compare.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from restyle.compare.subjects import Kind, LayerMoments, Need, Subject, Vector, kind_of, measure
from restyle.errors import OptionError, StyleError
from restyle.images.statistics import matrix_root, relative_gap
from restyle.models import catalog
from restyle.models.arbitrary import Arbitrary
from restyle.models.session import LAYERS
from restyle.sounds.features import CLASSES
from restyle.style import method_of
from restyle.types import PathLike, StyleLike

Matrix = npt.NDArray[np.float64]
LayerDistance = Callable[[LayerMoments, LayerMoments], float]


@dataclass(frozen=True)
class Metric:
    """One distance."""

    name: str  # as given to `--metric`
    about: str  # what it compares, in a few words
    need: Need  # what has to be measured: see `subjects.measure`
    distance: Callable[[Subject, Subject], float]
    square: bool = False  # whether it is the square of a length, as cosine distances and relative gaps are

    @property
    def typical(self) -> tuple[float, float]:
        """10 and 90 % of the distances between unrelated styles or sounds: see `TYPICAL`."""
        return TYPICAL[self.name]

    @property
    def scale(self) -> str:
        """One sentence that says which direction is closer, and what is near or far."""
        low, high = self.typical
        what = "different sounds are" if self.need == "sound" else "works of different artists are"
        return f"0 is identical, smaller is more similar; {what} typically {low:g} to {high:g} apart."

    def lengths(self, distances: Matrix) -> Matrix:
        """Distances as lengths, which a map can show: the root of a square."""
        return np.sqrt(distances) if self.square else distances

    def defined(self, *kinds: Kind) -> bool:
        """Whether all kinds have what the metric compares: a preset has no pixels, a sound has no code."""
        if self.need == "sound":
            return set(kinds) == {"sound"}
        return "sound" not in kinds and (self.need == "code" or set(kinds) == {"picture"})

    def check(self, *kinds: Kind) -> None:
        """Raise StyleError unless the metric is defined for these kinds."""
        if self.defined(*kinds):
            return
        if self.need == "sound":
            reason = "it compares sounds"
        elif "sound" in kinds:
            reason = "a sound has no pixels"
        else:
            reason = "it needs pixels, and a preset or saved style is only a code; use cosine or euclidean"
        raise StyleError(f"metric '{self.name}' is not defined here: {reason}")


def style(a: Subject, b: Subject) -> float:
    """Cosine distance of the style vectors, 0..2; see `subjects`. Default: best in the study."""
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
    """2-Wasserstein distance of a layer's features as Gaussians, over their magnitude, 0..1.

    The squared distance (Dowson and Landau 1982) is divided by the mean squared lengths of both together,
    which it cannot exceed where no mean is negative.
    """
    root = matrix_root(a.covariance)
    values = np.linalg.eigvalsh(root @ b.covariance @ root)
    traces = float(np.trace(a.covariance) + np.trace(b.covariance))
    means = float(((a.mean - b.mean) ** 2).sum())
    squared = means + traces - 2 * float(np.sqrt(np.maximum(values, 0)).sum())
    total = traces + float((a.mean**2).sum() + (b.mean**2).sum())
    # Rounding of equal Gaussians leaves some 1e-7 of the total, whose root would look like a distance.
    return float(np.sqrt(max(squared / max(total, 1e-12), 0.0))) if squared > 1e-9 * total else 0.0


def palette(a: Subject, b: Subject) -> float:
    """Sliced 2-Wasserstein distance of the colors in OKLab (Bonneel et al. 2015): how far colors move."""
    assert a.palette is not None
    assert b.palette is not None
    return float(np.sqrt(((a.palette - b.palette) ** 2).mean()))


def histogram(a: Subject, b: Subject) -> float:
    """Hellinger distance of the RGB histograms, 0..1: a baseline without brushwork."""
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
    def layer_distance(a: Subject, b: Subject) -> float:
        assert a.layers is not None
        assert b.layers is not None
        return distance(a.layers[layer], b.layers[layer])

    return layer_distance


def _over_layers(distance: LayerDistance) -> Callable[[Subject, Subject], float]:
    each = [_layer(distance, layer) for layer in LAYERS]
    return lambda a, b: float(np.mean([one(a, b) for one in each]))


def _mean_and_layers(name: str, about: str, distance: LayerDistance, square: bool = False) -> list[Metric]:
    def metric_of(layer: str) -> Metric:
        return Metric(f"{name}:{layer}", f"{about}, {layer}", "features", _layer(distance, layer), square)

    mean = Metric(name, f"{about}, mean of five layers", "features", _over_layers(distance), square)
    return [mean, *map(metric_of, LAYERS)]


METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        Metric("style", "style vector", "vector", style, square=True),
        Metric("cosine", "style codes, angle", "code", cosine, square=True),
        Metric("euclidean", "style codes, distance", "code", euclidean),
        *_mean_and_layers("gram", "Gram matrices", gram, square=True),
        *_mean_and_layers("moments", "means and deviations", moments, square=True),
        *_mean_and_layers("wasserstein", "features as Gaussians", wasserstein),
        Metric("palette", "colors", "colors", palette),
        Metric("histogram", "color histogram", "colors", histogram),
        Metric("mfcc", "timbre, dB", "sound", mfcc),
        Metric("mcdermott", "sound texture", "sound", mcdermott),
    )
}

# 10 and 90 % of the distances between works of different artists, and between the sounds of restyle, by
# `python -m benchmarks.retrieval.scale`; for codes from the 10 % of works to the 90 % of presets.
TYPICAL: dict[str, tuple[float, float]] = {
    "style": (0.86, 1.1),
    "cosine": (0.009, 0.08),
    "euclidean": (0.067, 0.2),
    "gram": (0.11, 0.44),
    "gram:relu1_1": (0.1, 0.78),
    "gram:relu2_1": (0.058, 0.44),
    "gram:relu3_1": (0.079, 0.48),
    "gram:relu4_1": (0.085, 0.45),
    "gram:relu5_1": (0.052, 0.37),
    "moments": (0.047, 0.21),
    "moments:relu1_1": (0.049, 0.48),
    "moments:relu2_1": (0.028, 0.18),
    "moments:relu3_1": (0.031, 0.19),
    "moments:relu4_1": (0.038, 0.18),
    "moments:relu5_1": (0.026, 0.15),
    "wasserstein": (0.25, 0.47),
    "wasserstein:relu1_1": (0.25, 0.71),
    "wasserstein:relu2_1": (0.21, 0.45),
    "wasserstein:relu3_1": (0.23, 0.47),
    "wasserstein:relu4_1": (0.25, 0.46),
    "wasserstein:relu5_1": (0.21, 0.43),
    "palette": (0.046, 0.2),
    "histogram": (0.55, 0.87),
    "mfcc": (33, 120),
    "mcdermott": (0.59, 0.94),
}

# The first that is defined for all subjects is the default: best in the study, then codes, then sound.
PREFERRED = ("style", "cosine", "mfcc")


def find(name: str) -> Metric:
    """Return the metric of this name; OptionError if there is none."""
    if name not in METRICS:
        known = ", ".join(each for each in METRICS if ":" not in each)
        layers = " (also of one layer, such as gram:relu3_1)"
        raise OptionError(f"metric '{name}' is none of {known}{layers}")
    return METRICS[name]


def default(kinds: Sequence[Kind]) -> Metric:
    """Return the best metric for these kinds; StyleError if pictures and sounds are mixed."""
    for name in PREFERRED:
        if METRICS[name].defined(*kinds):
            return METRICS[name]
    raise StyleError("sounds and pictures cannot be compared with each other; give one kind")


def similarity(
    a: StyleLike,
    b: StyleLike,
    *,
    metric: str | None = None,
    model: Arbitrary | PathLike = catalog.DEFAULT,
) -> float:
    """Measure how different two styles, or two sounds, are: 0 for the same, larger for less similar.

    Parameters
    ----------
    a, b : str, Path, Style, PIL.Image.Image or np.ndarray [shape=(H, W, 3), RGB]
        A preset's name, or the path of a picture, a saved style or a sound. The order does not matter.
    metric : str or None
        ``"style"`` (pictures), ``"cosine"`` and ``"euclidean"`` (style codes: anything but sounds),
        ``"gram"``, ``"moments"``, ``"wasserstein"`` (pictures; also of one layer: ``"gram:relu3_1"``),
        ``"palette"``, ``"histogram"`` (pictures), ``"mfcc"``, ``"mcdermott"`` (sounds). None takes
        ``"style"`` for two pictures, ``"cosine"`` if one is a preset or a saved style, ``"mfcc"`` for sounds.
        Distances of different metrics cannot be compared; docs/compare.md has the range of each.
    model : str, Path or Arbitrary
        Network whose style codes are compared.

    Returns
    -------
    float

    Raises
    ------
    InputError, StyleError
        A source cannot be used.
    OptionError
        There is no such metric.

    Examples
    --------
    >>> import restyle
    >>> restyle.similarity("great-wave", "great-wave")
    0.0
    """
    method = method_of(model)
    kinds = (kind_of(a, method), kind_of(b, method))
    chosen = default(kinds) if metric is None else find(metric)
    first, second = (measure(each, frozenset({chosen.need}), method) for each in (a, b))
    chosen.check(first.kind, second.kind)
    return chosen.distance(first, second)


def matrix(subjects: Sequence[Subject], metric: Metric) -> Matrix:
    """Distances of all pairs [shape=(n, n), float64]; NaN where the metric is not defined."""
    found = np.zeros((len(subjects), len(subjects)))
    for (i, a), (j, b) in combinations(enumerate(subjects), 2):
        found[i, j] = found[j, i] = metric.distance(b, a) if metric.defined(a.kind, b.kind) else np.nan
    return found


def _codes(a: Subject, b: Subject) -> list[tuple[Vector, Vector]]:
    """Pairs of codes, the nearest of which counts: both styles at full size, and either from further away."""
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
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float64)


def _half_square(difference: Vector) -> float:
    return float((difference * difference).sum()) / 2
