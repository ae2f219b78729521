"""The fast method: one pass of a network per picture, in tiles if it is large.

The network paints strokes of a fixed width in pixels. For broad strokes the photo is stylized small, in four
phases so that lines are not stepped (`images.geometry`), and upscaled with its detail (`images.resize`).
Differs from the pyramid of Gatys et al. 2017 ("Controlling Perceptual Factors in Neural Style Transfer",
section 6), which optimizes the upscaled result again: there fine detail comes from the style, here from the
photo. For fine strokes the photo is upscaled, stylized, and downscaled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restyle.errors import OptionError
from restyle.images.geometry import PHASES, join_phases, split_phases
from restyle.images.resize import (
    Enlargement,
    enlarge_with_detail,
    fit_size,
    resize,
    thumbnail,
    thumbnail_size,
)
from restyle.methods.protocol import Settings, Thumbnail
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.style import Style
from restyle.types import FloatArray, Report, quiet

MIN_SIDE = 16  # px, longest side of the smallest picture that is stylized
MAX_PIXELS = 50_000_000  # if that is larger than the photo
_STYLIZING = 0.9  # of the time; upscaling takes the rest


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Stylize [H, W, 3] float32 pixels in 0..1 at the size that gives strokes the chosen width."""
    network, options = settings.network, settings.image
    side = painted_side(content.shape[:2], options)
    if side < max(content.shape[:2]):
        given = (style.code, side, options.strength, settings.report, settings.alpha)
        return stylize_at_size(network, content, *given)

    def paint(pixels: FloatArray) -> FloatArray:
        return network.stylize(pixels, style.code, options.strength, settings.report)

    return apply_at_size(side, content, paint, options.strength, settings.alpha)


def painted_side(size: tuple[int, int], options: ImageOptions) -> int:
    """Return the longest side to stylize a picture of (height, width) at: it sets the width of strokes.

    OptionError if strokes are so fine that the picture would be too large.
    """
    longest = max(size)
    if options.colors_only:
        return longest
    side = max(MIN_SIDE, round(options.painted_side(size) / options.style_scale))
    height, width = fit_size(size, long=side)
    if side > longest and height * width > MAX_PIXELS:
        raise OptionError(
            f"style-scale {options.style_scale:g} needs this photo at {width}x{height}, more than"
            f" {MAX_PIXELS:,} pixels; use a larger scale, or a smaller photo (size)"
        )
    return side


def stylize_at_size(
    method: Arbitrary,
    content: FloatArray,
    code: FloatArray,
    side: int,
    strength: float = 1.0,
    report: Report = quiet,
    alpha: FloatArray | None = None,
) -> FloatArray:
    """Stylize with the stroke width of a picture with this longest side, at the size of the content.

    The content [H, W, 3] is stylized as it is if no longer than `side`, in pixels. The strength 0 gives the
    content, 1 the full style. Alpha [H, W] keeps colors under transparency from bleeding into edges.
    """
    size = content.shape[:2]
    if strength == 0 or max(size) <= side:
        return method.stylize(content, code, strength, report)
    photo, weight = thumbnail(content, alpha)
    if _grid(size, side)[0] > photo.shape[0]:
        photo, weight = content, alpha
    result = paint_small(method, photo, size, code, side, strength, report, weight).rows(content)
    report(1.0)
    return result


def paint_small(
    method: Arbitrary,
    photo: FloatArray,
    size: tuple[int, int],
    code: FloatArray,
    side: int,
    strength: float = 1.0,
    report: Report = quiet,
    alpha: FloatArray | None = None,
) -> Enlargement:
    """Stylize a picture of (height, width) with this longest side; `photo` is the picture, or its thumbnail.

    See `stylize_at_size`.
    """
    grid = _grid(size, side)
    way = "area" if grid[0] <= photo.shape[0] and grid[1] <= photo.shape[1] else "lanczos"
    phases = split_phases(resize(photo, grid, way, alpha=alpha))

    def parts() -> Iterator[FloatArray]:
        for index, phase in enumerate(phases):
            yield method.stylize(
                phase,
                code,
                strength,
                lambda part, before=index: report(_STYLIZING * (before + part) / len(PHASES)),  # type: ignore[misc]
            )

    return Enlargement(join_phases(parts()), join_phases(phases), size, strength)


def needs_whole(size: tuple[int, int], options: ImageOptions) -> str:
    """See `methods.protocol.Method`."""
    side, thumb = painted_side(size, options), max(thumbnail_size(size))
    if side > max(size):
        return "fine strokes (style-scale) are"
    if side < max(size) and 2 * side > thumb:
        return f"paint-size {side} (up to {thumb // 2}, or {max(size)}, the size of the picture, streams) is"
    return ""


def plan_rows(read: Thumbnail, size: tuple[int, int], style: Style, settings: Settings) -> Enlargement | None:
    """Stylize a large picture small, from its thumbnail; see `methods.protocol.Method`."""
    options = settings.image
    side = painted_side(size, options)
    if side == max(size):
        return None
    photo, alpha = read()
    return paint_small(
        settings.network, photo, size, style.code, side, options.strength, settings.report, alpha
    )


def _grid(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return twice the (height, width) at which a picture is painted."""
    small = fit_size(size, long=side)
    return 2 * small[0], 2 * small[1]


def apply_at_size(
    side: int,
    content: FloatArray,
    paint: Callable[[FloatArray], FloatArray],
    strength: float = 1.0,
    alpha: FloatArray | None = None,
) -> FloatArray:
    """Apply a stylizing function [H, W, 3] -> [H, W, 3] once with another longest side, for fine strokes."""
    size = content.shape[:2]
    if side == max(size):
        return paint(content)
    way = "area" if side < max(size) else "lanczos"
    resized = resize(content, fit_size(size, long=side), way, alpha=alpha)
    painted = paint(resized)
    if side > max(size):
        return resize(painted, size, "area")
    return enlarge_with_detail(painted, resized, content, strength)
