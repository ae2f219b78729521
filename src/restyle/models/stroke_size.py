"""Paint a photo as if it were smaller or larger: strokes of another size, at the photo's own size.

The network paints strokes some pixels wide, whatever the size. For broad ones the photo is painted small,
four times, each half a pixel further, so that lines do not come out stepped (`images.resize`), and the
painting is enlarged with the photo's detail (`images.detail`). Differs from the pyramid of Gatys et al.
2017 ("Controlling Perceptual Factors in Neural Style Transfer", section 6), which optimises the enlarged
result again: there what is fine comes from the style, here from the photo. For fine ones the photo is
enlarged, painted, and made small again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restyle.images.detail import enlarge_with_detail
from restyle.images.resize import PHASES, fit_size, join_phases, resize, split_phases
from restyle.models.arbitrary import Arbitrary, Report, quiet
from restyle.types import FloatArray

_PAINTED = 0.9  # share of the time that goes into painting


def stylize_broadly(
    method: Arbitrary,
    content: FloatArray,
    code: FloatArray,
    side: int,
    strength: float = 1.0,
    report: Report = quiet,
    alpha: FloatArray | None = None,
) -> FloatArray:
    """Paint with strokes as large, in the picture, as those of a picture with this longest side.

    Parameters
    ----------
    method : Arbitrary
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        One that is no longer than `side` is painted as it is.
    code : np.ndarray [shape=(K,), float32]
    side : int
        In pixels.
    strength : float, 0..1
        0 gives the content, 1 the style in full.
    report : function of the fraction done, 0..1
    alpha : np.ndarray [shape=(H, W), float32, range 0..1] or None
        What hides under transparency does not bleed into edges.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    if strength == 0 or max(content.shape[:2]) <= side:
        return method.stylize(content, code, strength, report)
    small = fit_size((content.shape[0], content.shape[1]), long=side)
    grid = (2 * small[0], 2 * small[1])
    shrinks = grid[0] <= content.shape[0] and grid[1] <= content.shape[1]
    phases = split_phases(resize(content, grid, "area" if shrinks else "lanczos", alpha=alpha))

    def painted() -> Iterator[FloatArray]:
        for index, phase in enumerate(phases):
            yield method.stylize(
                phase,
                code,
                strength,
                lambda part, before=index: report(_PAINTED * (before + part) / len(PHASES)),  # type: ignore[misc]
            )

    picture = enlarge_with_detail(join_phases(painted()), join_phases(phases), content, strength)
    report(1.0)
    return picture


def painted_at(
    side: int,
    content: FloatArray,
    paint: Callable[[FloatArray], FloatArray],
    strength: float = 1.0,
    alpha: FloatArray | None = None,
) -> FloatArray:
    """Let something paint a picture at another size, once: for strokes finer than its own, and for frames.

    Parameters
    ----------
    side : int
        The longest side that is painted, in pixels.
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    paint : function of np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB], which gives the same
    strength, alpha
        As for `stylize_broadly`.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    size = (content.shape[0], content.shape[1])
    if side == max(size):
        return paint(content)
    smaller = side < max(size)
    seen = resize(content, fit_size(size, long=side), "area" if smaller else "lanczos", alpha=alpha)
    painted = paint(seen)
    return enlarge_with_detail(painted, seen, content, strength) if smaller else resize(painted, size, "area")
