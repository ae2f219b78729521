"""The fast method: one pass of a network per picture, in tiles if it is large."""

from __future__ import annotations

from restyle.errors import OptionError
from restyle.images.resize import fit_size
from restyle.methods.protocol import Settings
from restyle.models.stroke_size import apply_at_size, stylize_at_size
from restyle.options import ImageOptions, PhotoOptions
from restyle.style import Style
from restyle.types import FloatArray

MIN_SIDE = 16  # px, longest side of the smallest picture that is stylized
MAX_PIXELS = 50_000_000  # if that is larger than the photo


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Stylize [H, W, 3] float32 pixels in 0..1 at the size that gives strokes the chosen width."""
    network, options = settings.network, settings.image
    side = painted_side((content.shape[0], content.shape[1]), options)
    if side < max(content.shape[:2]):
        return stylize_at_size(
            network, content, style.code, side, options.strength, settings.report, settings.alpha
        )

    def paint(pixels: FloatArray) -> FloatArray:
        return network.stylize(pixels, style.code, options.strength, settings.report)

    return apply_at_size(side, content, paint, options.strength, settings.alpha)


def painted_side(size: tuple[int, int], options: ImageOptions) -> int:
    """Return the longest side to stylize a picture of (height, width) at: it sets the width of strokes.

    Raises
    ------
    OptionError
        Strokes so fine that the picture would be too large.
    """
    longest = max(size)
    if options.colors_only:
        return longest
    wanted = options.paint_size if isinstance(options, PhotoOptions) else None
    side = max(MIN_SIDE, round(min(longest, wanted or longest) / options.style_scale))
    height, width = fit_size(size, long=side)
    if side > longest and height * width > MAX_PIXELS:
        raise OptionError(
            f"style-scale {options.style_scale:g} needs this photo at {width}x{height}, more than"
            f" {MAX_PIXELS:,} pixels; use a larger scale, or a smaller photo (size)"
        )
    return side
