"""The stages from file to file, as calls: what restyle does to a picture is `image`, from top to bottom."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from restyle.errors import OptionError
from restyle.images import color, formats
from restyle.images import picture as images
from restyle.images.crop import Box, aspect_box, crop, fraction_box, size_box
from restyle.images.picture import Picture
from restyle.images.resize import fit_size, resize
from restyle.images.shares import blend
from restyle.images.tone import adjust_brightness, adjust_contrast
from restyle.methods.regions import Regions
from restyle.models.arbitrary import Arbitrary, quiet
from restyle.models.stroke_size import painted_at, stylize_broadly
from restyle.options import ImageOptions, PhotoOptions, SaveOptions, parse_crop, parse_size
from restyle.style import Style
from restyle.types import FloatArray

Report = Callable[[float], None]
PathLike = str | os.PathLike[str]

PALETTE_SIDE = 1024  # px, longest side of the picture whose palette is moved
LEAST_SIDE = 16  # px, longest side of the smallest painting
FINEST_PIXELS = 50_000_000  # of the painting, where it is larger than the photo


def image(
    source: Any, style: Style | Regions, method: Arbitrary, options: ImageOptions, report: Report = quiet
) -> Picture:
    """Load a picture, prepare it, paint it, finish it: the whole way but for saving.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), uint8, uint16 or float in 0..1, RGB]
    style : Style or Regions
        Several styles, each in a region of its own, are painted one after the other and blended.
    method : Arbitrary
    options : ImageOptions
        Those of photos, `PhotoOptions`, know the size of strokes in large ones as well.
    report : function of the fraction done, 0..1

    Returns
    -------
    Picture
        Depth, alpha, EXIF and ICC profile are those of the source.
    """
    picture = load(source, options)
    content = preprocess(picture, options)
    if isinstance(style, Regions):
        return _by_region(picture, content, style, method, options, report)
    painted = transfer(content.pixels, style, method, options, report, content.alpha)
    return postprocess(painted, content, options)


def load(source: Any, options: ImageOptions) -> Picture:
    """Load a picture from a path, a Pillow image or an array: upright, sRGB, float."""
    return images.load(source, max_pixels=options.max_pixels)


def preprocess(picture: Picture, options: ImageOptions) -> Picture:
    """Crop, resize, then adjust brightness and contrast.

    Raises
    ------
    OptionError
        The crop is larger than the picture.
    """
    box = framing((picture.height, picture.width), options)
    pixels = crop(picture.pixels, box)
    alpha = None if picture.alpha is None else crop(picture.alpha, box)
    size = parse_size(options.size)
    if size is not None:
        wanted = size if isinstance(size, tuple) else fit_size(pixels.shape[:2], long=size)
        if wanted[0] * wanted[1] > options.max_pixels:
            raise OptionError(
                f"size {wanted[1]}x{wanted[0]} is more than {options.max_pixels:,} pixels; "
                "take a smaller one, or raise max-pixels"
            )
        pixels = resize(pixels, wanted, alpha=alpha)  # hidden colours must not bleed into edges
        alpha = None if alpha is None else resize(alpha, wanted)
    if options.brightness != 1:
        pixels = adjust_brightness(pixels, options.brightness)
    if options.contrast != 1:
        pixels = adjust_contrast(pixels, options.contrast)
    return replace(picture, pixels=pixels, alpha=alpha)


def transfer(
    content: FloatArray,
    style: Style,
    method: Arbitrary,
    options: ImageOptions,
    report: Report = quiet,
    alpha: FloatArray | None = None,
) -> FloatArray:
    """Paint the content, [H, W, 3] in 0..1, in the style, with the strength of the options."""
    content = seen(content, options)
    side = painted_side((content.shape[0], content.shape[1]), options)
    if side < max(content.shape[:2]):
        return stylize_broadly(method, content, style.code, side, options.strength, report, alpha)

    def paint(seen: FloatArray) -> FloatArray:
        return method.stylize(seen, style.code, options.strength, report)

    return painted_at(side, content, paint, options.strength, alpha)


def read_scale(options: ImageOptions, method: str) -> float:
    """The size at which a style is read: an optimiser shows it larger, the network paints smaller instead."""
    return options.style_scale if method == "optimize" else 1.0


def painted_side(size: tuple[int, int], options: ImageOptions) -> int:
    """The longest side at which a picture of (height, width) is painted, so that strokes have their size.

    Raises
    ------
    OptionError
        Strokes so fine that the painting would be too large.
    """
    longest = max(size)
    if options.colors_only:
        return longest
    wanted = options.paint_size if isinstance(options, PhotoOptions) else None
    side = max(LEAST_SIDE, round(min(longest, wanted or longest) / options.style_scale))
    height, width = fit_size(size, long=side)
    if side > longest and height * width > FINEST_PIXELS:
        raise OptionError(
            f"style-scale {options.style_scale:g} paints this photo at {width}x{height}, more than"
            f" {FINEST_PIXELS:,} pixels; take a larger scale, or a smaller photo by size"
        )
    return side


def seen(content: FloatArray, options: ImageOptions) -> FloatArray:
    """What of a content is to be painted: where only the palette is wanted, a smaller one shows it, too."""
    if options.colors_only and max(content.shape[:2]) > PALETTE_SIDE:
        return resize(content, fit_size(content.shape[:2], long=PALETTE_SIDE), "area")
    return content


def postprocess(painted: FloatArray, content: Picture, options: ImageOptions) -> Picture:
    """Settle whose colors the result has, and give it what came with the content's file."""
    if options.strength == 0:
        painted = content.pixels
    elif options.keep_colors == "luminance":
        painted = color.keep_luminance(content.pixels, painted)
    elif options.keep_colors == "statistics":
        painted = color.keep_statistics(content.pixels, painted)
    elif options.colors_only:
        painted = color.colors_only(content.pixels, painted)
    return replace(content, pixels=painted, grey=content.grey and options.strength == 0)


def save(picture: Picture, path: PathLike, options: SaveOptions, inputs: Iterable[PathLike] = ()) -> Path:
    """Save the result; the suffix picks the format, and `inputs` are never replaced."""
    return images.save(
        picture, path, quality=options.quality, overwrite=options.overwrite, inputs=tuple(inputs)
    )


def result_name(source: PathLike, style_name: str) -> str:
    """Name a result after its content and style: `photo.jpg` and `scream` give `photo-scream.jpg`.

    The suffix stays if restyle writes that format, and is `.png` otherwise.
    """
    path = Path(source)
    kind = formats.by_suffix(path)
    suffix = path.suffix if kind.writable else ".png"
    return f"{path.stem or path.name}-{style_name}{suffix}"


def framing(size: tuple[int, int], options: ImageOptions) -> Box:
    """What of a picture of (height, width) is used: cut for `--crop`, then to the aspect of `--size WxH`."""
    box = Box(0, 0, *size)
    wanted = parse_crop(options.crop)
    if wanted is not None:
        kind, width, height = wanted
        if kind == "aspect":
            box = aspect_box(size, width / height)
        elif kind == "pixels":
            box = size_box(size, (int(height), int(width)))
        else:
            box = fraction_box(size, width)
    exact = parse_size(options.size)
    if isinstance(exact, tuple):
        inner = aspect_box((box.height, box.width), exact[1] / exact[0])
        box = Box(box.top + inner.top, box.left + inner.left, inner.height, inner.width)
    return box


def _by_region(
    picture: Picture,
    content: Picture,
    regions: Regions,
    method: Arbitrary,
    options: ImageOptions,
    report: Report,
) -> Picture:
    """Paint and finish the content in every style, and blend the results by the shares of their regions."""
    box = framing((picture.height, picture.width), options)
    parts = regions.parts(picture, box, (content.height, content.width), options.feather)

    def finished() -> Iterator[tuple[FloatArray, FloatArray]]:
        for index, (share, style) in enumerate(parts):

            def so_far(done: float, before: int = index) -> None:
                report((before + done) / len(parts))

            painted = transfer(content.pixels, style, method, options, so_far, content.alpha)
            yield share, postprocess(painted, content, options).pixels

    pixels = blend(finished(), content.pixels)
    return replace(content, pixels=pixels, grey=content.grey and (options.strength == 0 or not parts))
