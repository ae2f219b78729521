"""Regions: parts of a picture, given by masks, with their own styles.

A region without a style keeps the photo. A mask is a grayscale picture (see `images.masks`), the photo's
alpha channel, written `alpha`, or `sky`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from restyle.errors import InputError, OptionError
from restyle.images import formats
from restyle.images.geometry import Box
from restyle.images.masks import check_aspect, fit_mask, load_mask, mask_name, mask_weights
from restyle.images.picture import Picture
from restyle.methods.selection import BOX, SKY, Rectangle, cut_out, find_sky, parse_rectangle
from restyle.models.arbitrary import Arbitrary
from restyle.style import Style, resolve_all
from restyle.types import FloatArray, RegionsLike, StylesLike

ALPHA = "alpha"
KEEP = "keep"
_UNKNOWN = ("subject", "person", "people", "face", "faces", "foreground", "background")


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the picture and its styles."""

    # [H, W], 0..1; the path of a video mask; what a rectangle encloses; None is the photo's alpha channel
    mask: FloatArray | Path | Rectangle | Literal["sky"] | None
    name: str  # of the mask, for messages
    sources: tuple[Any, ...]  # the styles as the user gave them, to be mixed; empty keeps the photo

    @property
    def kept(self) -> bool:
        """Whether the photo stays as it is."""
        return not self.sources


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions with their styles encoded, and the style of the rest."""

    regions: tuple[Region, ...]
    styles: tuple[Style | None, ...]  # one per region; None keeps the photo
    background: Style | None  # outside all masks; None keeps the photo

    @property
    def name(self) -> str:
        """Names of the styles, the background's first, for the name of the output file."""
        names = [style.name for style in (self.background, *self.styles) if style is not None]
        return "+".join(dict.fromkeys(names))

    @property
    def has_picture(self) -> bool:
        """Whether all styles know their images: see `Style.has_picture`."""
        return all(style.has_picture for style in (self.background, *self.styles) if style is not None)

    def scaled(self, factor: float) -> Regions:
        """Return the same regions with strokes `factor` times as large: see `Style.scaled`."""
        styles = tuple(style and style.scaled(factor) for style in self.styles)
        return replace(self, styles=styles, background=self.background and self.background.scaled(factor))

    def parts(
        self, photo: Picture, box: Box, size: tuple[int, int], percent: float
    ) -> list[tuple[FloatArray, Style]]:
        """Return the share of each style in each pixel of a photo [shape=size, float32, range 0..1].

        Each style comes once, without those that cover no pixel. Where shares sum to less than 1, the rest is
        the photo.

        Parameters
        ----------
        photo : Picture
            Before the crop to `box` and the resizing to `size`, (height, width).
        percent : float
            Width of the transition between regions, in percent of the longer side.

        Raises
        ------
        InputError
            A mask has another aspect ratio than the photo, or the photo has no alpha channel.
        """
        masks = [_mask(region, photo) for region in self.regions]
        shares = divide(masks, self.regions, (photo.height, photo.width), box, size, percent)
        merged: dict[bytes, tuple[FloatArray, Style]] = {}
        for share, style in zip(shares, (*self.styles, self.background), strict=True):
            if style is None or not share.any():
                continue
            key = style.code.tobytes()
            merged[key] = (merged[key][0] + share if key in merged else share, style)
        return list(merged.values())


def read_regions(
    given: RegionsLike, max_pixels: int | None = None, *, moving: bool = False
) -> tuple[Region, ...]:
    """Read regions and load their masks.

    Parameters
    ----------
    given : texts `MASK=STYLE[:WEIGHT]`, pairs (mask, style), a list of such, or a dict {mask: style}
        A mask is a path, a PIL image, an array, "alpha", "sky", or "box:LEFT,TOP,WIDTH,HEIGHT": what stands
        out in that rectangle. A style is anything that `restyle.image` accepts; "keep" or None keeps the
        photo. Several styles of one mask are mixed.
    max_pixels : int or None
        Larger masks are refused before they are decoded.
    moving : bool
        Whether a mask can be a video, an animated GIF, or a folder with one picture per frame.

    Raises
    ------
    OptionError
        A text or pair is not a region, or a mask has both a style and "keep".
    InputError
        A mask cannot be used.
    """
    grouped: dict[Any, tuple[Any, list[Any]]] = {}
    for mask, style in _pairs(given):
        key: Any = mask if isinstance(mask, str) else id(mask)
        if isinstance(mask, (str, os.PathLike)) and mask not in (ALPHA, SKY):
            key = os.path.realpath(mask)
        styles = grouped.setdefault(key, (mask, []))[1]
        styles += [*style] if isinstance(style, list) else [style]
    if not grouped:
        raise OptionError("regions are empty; give at least one MASK=STYLE, or leave them out")
    limits = {} if max_pixels is None else {"max_pixels": max_pixels}
    regions = []
    for mask, styles in grouped.values():
        alpha, sky, box = _is_text(mask, ALPHA), _is_text(mask, SKY), _is_box(mask)
        name = mask if alpha or sky else mask_name(mask)
        kept = [style is None or _is_text(style, KEEP) for style in styles]
        if any(kept) and not all(kept):
            raise OptionError(f"region '{name}' has both a style and 'keep'; give one of them")
        pixels: FloatArray | Path | Rectangle | Literal["sky"] | None = None
        if box or sky:
            if moving:
                raise OptionError(f"region '{name}' is for photos; give a video a mask that moves with it")
            pixels = "sky" if sky else parse_rectangle(mask)
        elif not alpha:
            _check_findable(mask)
            pixels = Path(mask) if moving and _moves(mask) else load_mask(mask, **limits)
        regions.append(Region(pixels, name, () if any(kept) else tuple(styles)))
    return tuple(regions)


def _check_findable(mask: Any) -> None:
    """Raise OptionError for what restyle cannot find in a photo, unless it is a file."""
    if isinstance(mask, str) and mask in _UNKNOWN and not os.path.lexists(mask):
        raise OptionError(
            f"region '{mask}' cannot be found automatically; draw a box around it"
            f" ({BOX}LEFT,TOP,WIDTH,HEIGHT, extra flow), or give a mask; only 'sky' is found by itself"
        )


def make_regions(
    given: RegionsLike,
    style: StylesLike | None,
    *,
    model: Arbitrary,
    scale: float = 1.0,
    max_pixels: int | None = None,
    moving: bool = False,
    rest: bool = False,
) -> Regions:
    """Read regions, load their masks and encode their styles.

    Parameters
    ----------
    given, max_pixels, moving
        As for `read_regions`.
    style : as for `restyle.image`, or None
        Style outside all masks; None or an empty list keeps the photo there.
    scale : float, 0.25..4
        Stroke size, in all regions.
    rest : bool
        Whether the caller supplies the style outside all masks.

    Raises
    ------
    OptionError
        There is no style at all; or as for `read_regions`.
    """
    regions = read_regions(given, max_pixels, moving=moving)
    empty = style is None or (isinstance(style, (list, tuple)) and not style)
    if empty and not rest and all(region.kept for region in regions):
        raise OptionError("every region is 'keep' and no other style is given; nothing would be stylized")
    background = None if empty else resolve_all(style, model=model, scale=scale)
    styles = tuple(
        None if region.kept else resolve_all(list(region.sources), model=model, scale=scale)
        for region in regions
    )
    return Regions(regions, styles, background)


def divide(
    masks: Sequence[FloatArray],
    regions: Sequence[Region],
    whole: tuple[int, int],
    box: Box,
    size: tuple[int, int],
    percent: float,
) -> list[FloatArray]:
    """Return the share of each region, then of the background, in each pixel: [size] each; they sum to 1.

    There is a mask [shape=(H, W), float32, range 0..1] for each region; `whole` is the (height, width) of the
    uncropped photo; the rest is as for `Regions.parts`.
    """
    fitted = []
    for mask, region in zip(masks, regions, strict=True):
        check_aspect(mask, whole, region.name)
        fitted.append(fit_mask(mask, whole, (box.top, box.left, box.height, box.width), size))
    return mask_weights(fitted, [region.kept for region in regions], percent / 100 * max(size))


def _mask(region: Region, photo: Picture) -> FloatArray:
    """The mask of a region, which may be the photo's alpha channel."""
    match region.mask:
        case Rectangle():
            return cut_out(photo.visible, region.mask)
        case str():
            return find_sky(photo.visible)
        case np.ndarray():
            return region.mask
    assert region.mask is None  # the path of a moving mask is for videos only
    if photo.alpha is None:
        raise InputError("the photo has no alpha channel to use as a mask")
    if not np.any(photo.alpha):
        raise InputError("the photo's alpha channel is 0 everywhere, but is used as a mask")
    return photo.alpha


def region_paths(given: RegionsLike) -> Iterator[Any]:
    """Yield the masks and styles that are inputs, which no output may overwrite."""
    for mask, style in _pairs(given):
        if isinstance(mask, (str, os.PathLike)) and mask not in (ALPHA, SKY) and not _is_box(mask):
            yield os.fspath(mask) if isinstance(mask, str) else mask
        if style is not None and not _is_text(style, KEEP):
            yield style


def split_region(text: str) -> tuple[str, str]:
    """Split `MASK=STYLE[:WEIGHT]`; an equals sign in the path of an existing mask is part of the path.

    Examples
    --------
    >>> split_region("sky.png=great-wave:0.4")
    ('sky.png', 'great-wave:0.4')
    """
    places = [place for place, letter in enumerate(text) if letter == "="]
    existing = [place for place in places if os.path.lexists(text[:place])]
    place = (existing or places or [0])[0]
    mask, style = text[:place], text[place + 1 :]
    if not mask or not style:
        raise OptionError(f"region '{text}' is not MASK=STYLE, such as sky.png=great-wave or alpha=keep")
    return mask, style


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        yield from given.items()
    elif isinstance(given, str):
        yield split_region(given)
    elif _is_pair(given):
        yield given
    elif isinstance(given, (list, tuple)):
        for each in given:
            if not isinstance(each, str) and not _is_pair(each):
                raise OptionError(f"a region is (mask, style) or 'MASK=STYLE', not {each!r:.80}")
            yield from _pairs(each)
    else:
        raise OptionError(f"regions are a dict or a list of (mask, style), not {type(given).__name__}")


def _is_pair(given: Any) -> bool:
    """Tell whether this is (mask, style); two texts that both have an equals sign are two regions."""
    if not isinstance(given, tuple) or len(given) != 2 or isinstance(given[0], tuple):
        return False
    return not all(isinstance(each, str) and "=" in each for each in given)


def _moves(mask: Any) -> bool:
    """Tell whether a mask is a file or folder with one picture per frame."""
    if not isinstance(mask, (str, os.PathLike)) or not os.path.exists(mask):
        return False
    return os.path.isdir(mask) or not formats.is_image(mask) or Path(mask).suffix.lower() == ".gif"


def _is_box(mask: Any) -> bool:
    return isinstance(mask, str) and mask.startswith(BOX) and not os.path.lexists(mask)


def _is_text(given: Any, text: str) -> bool:
    return isinstance(given, str) and given == text
