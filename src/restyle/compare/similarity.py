"""`similarity`: two things in, their distance out."""

from __future__ import annotations

from restyle.compare import metrics
from restyle.compare.subjects import kind_of, measure
from restyle.errors import StyleError
from restyle.models import catalog
from restyle.models.arbitrary import Arbitrary
from restyle.style import method_of
from restyle.types import PathLike, StyleLike


def similarity(
    a: StyleLike,
    b: StyleLike,
    *,
    metric: str | None = None,
    model: Arbitrary | PathLike = catalog.DEFAULT,
) -> float:
    """Tell how far two styles, or two sounds, are apart: 0 for the same, larger the less alike.

    Parameters
    ----------
    a, b : str, Path, Style, PIL.Image.Image or np.ndarray [shape=(H, W, 3), RGB]
        A preset's name, or the path of a picture, a saved style or a sound. The order does not matter.
    metric : str or None
        ``"style"`` (pictures), ``"cosine"`` and ``"euclidean"`` (style codes: anything but sounds),
        ``"gram"``, ``"moments"``, ``"wasserstein"`` (pictures; also of one layer: ``"gram:relu3_1"``),
        ``"palette"``, ``"histogram"`` (pictures), ``"mfcc"``, ``"mcdermott"`` (sounds). None takes
        ``"style"`` for two pictures, ``"cosine"`` where a preset or a saved style takes part, ``"mfcc"`` for
        sounds. Distances of different metrics do not compare. By code, a picture is also looked at from 1.4
        times and twice the distance, and the nearest counts: so a detail is near its whole.
    model : str, Path or Arbitrary
        Whose style codes are compared.

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
    chosen = metrics.default(kinds) if metric is None else metrics.find(metric)
    first, second = (measure(each, frozenset({chosen.need}), method) for each in (a, b))
    if not chosen.defined(first, second):
        raise StyleError(
            f"metric '{chosen.name}' is not defined here: {why_not(chosen, first.kind, second.kind)}"
        )
    return chosen.distance(first, second)


def why_not(metric: metrics.Metric, *kinds: str) -> str:
    """Say in a few words why a metric is not defined for subjects of these kinds."""
    if metric.need == "sound":
        return "it compares sounds"
    if "sound" in kinds:
        return "a sound has no pixels"
    return "it needs pixels, and a preset or saved style is only a code; use cosine or euclidean"
