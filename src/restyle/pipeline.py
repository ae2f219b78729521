"""The stages from a source to a stylized picture; `image` calls them in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from restyle.errors import InputError, OptionError
from restyle.images import color, stream
from restyle.images import picture as images
from restyle.images.color import adjust_brightness, adjust_contrast
from restyle.images.geometry import Box, aspect_box, crop, fraction_box, parts_box, size_box
from restyle.images.looks import Cube, apply_look, load_look, look_name
from restyle.images.masks import blend
from restyle.images.picture import Picture
from restyle.images.resize import fill_hidden, fit_size, resize
from restyle.methods import table
from restyle.methods.protocol import Files, Settings, Step, Stopped, Tables
from restyle.methods.regions import Regions
from restyle.models import catalog
from restyle.models.arbitrary import Arbitrary
from restyle.models.session import free_memory
from restyle.options import ImageOptions, OptimizeOptions, PhotoOptions, SaveOptions, parse_crop, parse_size
from restyle.style import Style
from restyle.types import FloatArray, ImageLike, PathLike, Report, quiet

_log = logging.getLogger("restyle")
PALETTE_SIDE = 1024  # px, longest side of the copy whose palette is transferred

Parts = list[tuple[FloatArray, Style]]  # shares of every pixel, and their styles
StyleT = TypeVar("StyleT", bound=Style | Regions | None)


def image(
    source: ImageLike | Picture,
    style: Style | Regions | None,
    network: Arbitrary,
    options: ImageOptions,
    report: Report = quiet,
    *,
    method: OptimizeOptions | None = None,
    device: str = "cpu",
    files: Files | None = None,
    callback: Callable[[Step], object] | None = None,
    table_for: Tables | None = None,
) -> Picture:
    """Load a picture, prepare it, stylize it, finish it: everything but saving.

    The result has the bit depth, alpha, EXIF and ICC profile of the source.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), uint8, uint16 or float in 0..1, RGB]
    style : Style, Regions or None
        None: only the look of the options is applied.
    method : OptimizeOptions or None
        The method and its options. None: the default method, see `choose_method`.
    network, report, device, files, callback, table_for
        See `methods.protocol.Settings`.

    Raises
    ------
    methods.protocol.Stopped
        Ctrl-C during a method that works in steps.
    """
    method, _ = choose_method(method or OptimizeOptions(), style, network, options, callback)
    look = load_look(options.look) if isinstance(options, PhotoOptions) and options.look is not None else None
    check_method(method, options, callback)
    table.network_device(device, method.method)
    picture = load(source, options)
    size, regions = (picture.height, picture.width), isinstance(style, Regions)
    stream.check_memory(source, size[0] * size[1], options, free_memory(), regions=regions, decoded=True)
    content = preprocess(picture, options)
    if style is None and look is not None:
        return _with_look(content, look, options.strength)
    parts: Parts | None = None
    if isinstance(style, Regions):
        parts = style.parts(picture, framing(size, options), (content.height, content.width), options.feather)
    if options.strength == 0 or parts == []:
        return content

    def finish(painted: FloatArray) -> Picture:
        result = postprocess(painted, content, options)
        if parts is not None:
            mixed = blend(((share, result.pixels) for share, _ in parts), content.pixels)
            result = replace(result, pixels=mixed)
        return _with_look(result, look)

    settings = Settings(
        network=network,
        finish=finish,
        image=options,
        method=method,
        device=device,
        alpha=content.alpha,
        depth=content.depth,
        table_for=table_for,
        files=files,
        report=report,
        callback=callback,
    )
    try:
        if isinstance(style, Style):
            return finish(stylize(content.visible, style, settings))
        assert parts is not None
        if table.find(method.chosen).regions:
            return finish(_stylize_together(content.visible, parts, settings))
        mixed = blend(_stylize_in_turn(content, parts, settings), content.pixels)
        return _with_look(replace(content, pixels=mixed, gray=False), look)
    except Stopped as stop:
        stop.result = finish(stop.picture)
        raise


def _with_look(result: Picture, look: Cube | None, strength: float = 1.0) -> Picture:
    if look is None:
        return result
    return replace(result, pixels=apply_look(look, result.pixels, strength), gray=False)


def prepare(
    style: StyleT,
    network: Arbitrary,
    options: ImageOptions,
    method: OptimizeOptions,
    callback: Callable[[Step], object] | None = None,
) -> tuple[StyleT, OptimizeOptions, str]:
    """Choose the method and encode the style at the scale it needs, once for many pictures.

    Returns the style and the method for `image`, and a note from `choose_method`.
    """
    method, note = choose_method(method, style, network, options, callback)
    _log.info("method %s%s", method.chosen, note and f": {note}")
    if style is None:
        return style, method, note
    scaled = style.scaled(encoding_scale(options, method.chosen))
    return cast("StyleT", scaled), method, note


def fit_tables(
    contents: Iterable[ImageLike], style: Style, options: ImageOptions, method: OptimizeOptions
) -> Tables:
    """Fit one look for a set of photos, for `image`; photos that cannot be read are left out."""

    def photos() -> Iterator[FloatArray]:
        for content in contents:
            with suppress(InputError):
                yield preprocess(load(content, options), options).visible

    return table.load(method.chosen).fit_tables(photos(), style, options.strength, method.protect_skin)


def choose_method(
    method: OptimizeOptions,
    style: Style | Regions | None,
    network: Arbitrary,
    options: ImageOptions,
    callback: Callable[[Step], object] | None = None,
) -> tuple[OptimizeOptions, str]:
    """Choose the method if none is given: the best of the defaults, or the last one where that suits better.

    The last one is chosen if a style has no image, with a network other than the default, and for
    `colors_only`, which shows no strokes; but never if an option is given that it does not support.
    Returns the method, and a line that says why it is not the best one; empty if the user knows.
    """
    if method.method is not None:
        return method, ""
    if style is None:  # only a look, which needs no method
        return replace(method, method=table.DEFAULTS[-1]), ""
    best, other = (table.find(name) for name in table.DEFAULTS)
    chosen, note = best, ""
    if method.suits(other.name) and (callback is None or other.steps):
        if options.colors_only or (network.name != catalog.DEFAULT and not best.network):
            chosen = other
        elif best.pictures and not style.has_picture:
            chosen = other
            note = f"style '{style.name}' contains no image for {best.name}; using --method {other.name}"
    return replace(method, method=chosen.name), note


def check_method(
    method: OptimizeOptions, options: ImageOptions, callback: Callable[[Step], object] | None = None
) -> None:
    """Raise OptionError if the method does not support the callback or an option."""
    row = table.find(method.chosen)
    if callback is not None and not row.steps:
        raise OptionError(f"method '{row.name}' does not work in steps, so it takes no callback; use report")
    if options.paint_size is not None and not row.paint_size:
        raise OptionError(f"method '{row.name}' does not take paint-size; leave it out")
    check_strength(row.name, options)
    if not row.strokes:
        scaled, colors, kept = options.style_scale != 1, options.colors_only, options.keep_colors
        taken = {"style-scale": scaled, "colors-only": colors, "keep-colors": kept}
        if name := next((name for name, given in taken.items() if given), None):
            raise OptionError(
                f"method '{row.name}' changes colors and paints no strokes, so it does not take {name};"
                " leave it out"
            )


def check_strength(method: str, options: ImageOptions) -> None:
    """Raise OptionError if the strength is too large for the method."""
    limit = table.find(method).max_strength
    if options.strength > limit:
        raise OptionError(f"strength {options.strength:g} is outside 0..{limit:g} for method '{method}'")


def load(source: ImageLike | Picture, options: ImageOptions) -> Picture:
    """Load a picture from a path, a Pillow image or an array: upright, sRGB, float."""
    return images.load_image(source, max_pixels=options.max_pixels)


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
                "choose a smaller size or raise max-pixels"
            )
        pixels = resize(pixels, wanted, alpha=alpha)  # colors of transparent pixels must not bleed into edges
        alpha = None if alpha is None else resize(alpha, wanted)
    if options.brightness != 1:
        pixels = adjust_brightness(pixels, options.brightness)
    if options.contrast != 1:
        visible = (
            pixels if alpha is None else fill_hidden(pixels, alpha)
        )  # hidden colors must not set the mean
        pixels = adjust_contrast(visible, options.contrast)
    return replace(picture, pixels=pixels, alpha=alpha)


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Stylize [H, W, 3] float32 pixels in 0..1 by the method of the settings."""
    name, strength = settings.method.chosen, settings.image.strength
    content = pixels_to_stylize(content, settings.image)
    painted = table.load(name).stylize(content, style, settings)
    if strength < 1 and not table.find(name).strength:
        painted = content + np.float32(strength) * (painted - content)
    return painted


def _stylize_together(content: FloatArray, parts: Parts, settings: Settings) -> FloatArray:
    """Stylize all regions at once, with a method that supports it."""
    pixels = pixels_to_stylize(content, settings.image)
    shares = [(resize(share, pixels.shape[:2], "area"), style) for share, style in parts]
    return table.load(settings.method.chosen).stylize_regions(pixels, shares, settings)


def _stylize_in_turn(
    content: Picture, parts: Parts, settings: Settings
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Stylize and finish the whole picture in each style; yield (share, pixels)."""
    count = len(parts)
    for index, (share, style) in enumerate(parts):

        def report(fraction: float, before: int = index) -> None:
            settings.report((before + fraction) / count)

        def callback(step: Step, before: int = index) -> object:
            assert settings.callback is not None
            number, total = before * step.total + step.number, count * step.total
            left = step.seconds_left if count == 1 else None
            return settings.callback(replace(step, number=number, total=total, seconds_left=left))

        one = replace(settings, report=report, callback=settings.callback and callback)
        painted = stylize(content.visible, style, one)
        yield share, postprocess(painted, content, settings.image).pixels


def encoding_scale(options: ImageOptions, method: str) -> float:
    """Scale at which a style is encoded; 1 if the method resizes the content instead."""
    return options.style_scale if table.find(method).style_scale == "style" else 1.0


def prepared_size(size: tuple[int, int], options: ImageOptions) -> tuple[int, int]:
    """Return the (height, width) of a picture of this size after `preprocess`."""
    box = framing(size, options)
    wanted = parse_size(options.size)
    if isinstance(wanted, tuple):
        return wanted
    return (box.height, box.width) if wanted is None else fit_size((box.height, box.width), long=wanted)


def pixels_to_stylize(content: FloatArray, options: ImageOptions) -> FloatArray:
    """Return the pixels to stylize; for `colors_only` a downscaled copy is enough."""
    if options.colors_only and max(content.shape[:2]) > PALETTE_SIDE:
        return resize(content, fit_size(content.shape[:2], long=PALETTE_SIDE), "area")
    return content


def postprocess(painted: FloatArray, content: Picture, options: ImageOptions) -> Picture:
    """Apply the color mode and reattach the metadata of the source."""
    if options.strength == 0:
        painted = content.pixels
    elif options.keep_colors == "luminance":
        painted = color.keep_luminance(content.visible, painted)
    elif options.keep_colors == "statistics":
        painted = color.keep_statistics(content.visible, painted)
    elif options.colors_only:
        painted = color.colors_only(content.visible, painted)
    return replace(content, pixels=painted, gray=content.gray and options.strength == 0)


def save(picture: Picture, path: PathLike, options: SaveOptions, inputs: Iterable[PathLike] = ()) -> Path:
    """Save the result; the suffix decides the format, and `inputs` are never replaced."""
    return images.save_image(
        picture, path, quality=options.quality, overwrite=options.overwrite, inputs=tuple(inputs)
    )


def style_name(style: Style | Regions | None, options: PhotoOptions) -> str:
    """Return the name of a style, or of the look that is applied without one, for the name of the result."""
    return look_name(options.look or "") if style is None else style.name


def framing(size: tuple[int, int], options: ImageOptions) -> Box:
    """Return the part of a picture of (height, width) to use: `--crop`, then the aspect of `--size WxH`."""
    box = Box(0, 0, *size)
    wanted = parse_crop(options.crop)
    if wanted is not None:
        if wanted[0] == "box":
            box = parts_box(size, *wanted[1:])
        elif wanted[0] == "aspect":
            box = aspect_box(size, wanted[1] / wanted[2])
        elif wanted[0] == "pixels":
            box = size_box(size, (int(wanted[2]), int(wanted[1])))
        else:
            box = fraction_box(size, wanted[1])
    exact = parse_size(options.size)
    if isinstance(exact, tuple):
        inner = aspect_box((box.height, box.width), exact[1] / exact[0])
        box = Box(box.top + inner.top, box.left + inner.left, inner.height, inner.width)
    return box
