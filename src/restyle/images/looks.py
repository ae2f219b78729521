"""Photographic looks made by formula: golden hour, bleach bypass, cyanotype, and others.

A look is a row of settings for one chain of adjustments: white balance and exposure in linear light, black
and white by a color filter, contrast, faded blacks, saturation, split toning (in OKLab).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from restyle.errors import InputError, OptionError
from restyle.images.color import linear_to_srgb, oklab_into_gamut, rgb_to_oklab, srgb_to_linear
from restyle.images.color_lut import ColorLut, Points
from restyle.images.cube import Cube, load_cube
from restyle.types import FloatArray

SIDE = 33  # points of a table along each axis
_UNIT = np.array([[0, 0, 0], [1, 1, 1]], np.float32)

Tint = tuple[float, float]
"""Chroma in OKLab, from green to red and from blue to yellow."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Settings of a photographic look; the defaults change nothing.

    Parameters
    ----------
    name, title : str
    balance : tuple of 3 float
        Factors of red, green and blue in linear light.
    exposure : float
        In stops.
    filter : tuple of 3 float or None
        Weights of red, green and blue in black and white; None keeps color.
    contrast : float
        Slope of lightness in the middle.
    pivot : float
        Lightness that contrast leaves alone.
    black, white : float
        Lightness of black and white.
    saturation : float
    warm, cool : float
        Saturation of hues near orange and of hues near blue, times `saturation`.
    shadows, highlights : Tint
        Added to dark and to light colors.
    silver : float, 0..1
        Share of silver left in the picture (bleach bypass): multiplies a black and white copy.
    """

    name: str
    title: str
    balance: tuple[float, float, float] = (1, 1, 1)
    exposure: float = 0
    filter: tuple[float, float, float] | None = None
    contrast: float = 1
    pivot: float = 0.6
    black: float = 0
    white: float = 1
    saturation: float = 1
    warm: float = 1
    cool: float = 1
    shadows: Tint = (0, 0)
    highlights: Tint = (0, 0)
    silver: float = 0

    def __call__(self, colors: Points) -> Points:
        """Map colors [shape=(N, 3), float64, range 0..1, RGB]."""
        linear = srgb_to_linear(colors) * np.array(self.balance) * 2.0**self.exposure
        linear = linear / (1 + np.maximum(linear - 0.9, 0))  # a soft shoulder
        if self.filter is not None:
            linear = np.repeat((linear @ np.array(self.filter) / sum(self.filter))[:, None], 3, axis=1)
        lab = rgb_to_oklab(np.clip(linear_to_srgb(linear), 0, 1))
        light, chroma = lab[:, 0], lab[:, 1:]
        light = light * (1 - self.silver * 0.35 * (1 - light))
        light = _contrast(light, self.contrast, self.pivot)
        hue = np.arctan2(chroma[:, 1], chroma[:, 0])
        warmth = 0.5 + 0.5 * np.cos(hue - np.radians(60))
        gain = self.saturation * (self.cool + (self.warm - self.cool) * warmth) * (1 - 0.5 * self.silver)
        chroma = chroma * gain[:, None]
        low, high = (
            (1 - light) ** 1.5 * np.clip(light * 5, 0, 1),
            light**1.5 * np.clip((1 - light) * 8, 0, 1),
        )
        chroma = chroma + low[:, None] * np.array(self.shadows) + high[:, None] * np.array(self.highlights)
        light = self.black + (self.white - self.black) * light
        return oklab_into_gamut(np.column_stack([light, chroma]), 0.9)


LOOKS = {
    look.name: look
    for look in (
        Look(
            name="golden-hour",
            title="low sun: warm light, open shadows",
            balance=(1.22, 1.0, 0.68),
            contrast=1.05,
            saturation=1.08,
            warm=1.15,
            shadows=(0.012, -0.012),
            highlights=(0.012, 0.03),
        ),
        Look(
            name="blue-hour",
            title="after sunset: blue, soft, darker",
            balance=(0.72, 0.92, 1.35),
            exposure=-0.45,
            saturation=0.9,
            shadows=(-0.008, -0.035),
            highlights=(0.004, 0.006),
        ),
        Look(
            name="night",
            title="day for night: dark, blue, little color",
            balance=(0.55, 0.8, 1.2),
            exposure=-1.7,
            contrast=1.15,
            pivot=0.4,
            saturation=0.55,
            shadows=(-0.005, -0.03),
            highlights=(-0.01, -0.01),
        ),
        Look(
            name="mist",
            title="morning mist: pale, cool, low contrast",
            exposure=0.15,
            contrast=0.72,
            black=0.2,
            white=0.96,
            saturation=0.7,
            shadows=(-0.008, -0.014),
        ),
        Look(
            name="bleach-bypass",
            title="silver left in the print: hard, pale colors",
            contrast=1.3,
            silver=0.9,
        ),
        Look(
            name="teal-and-orange",
            title="film grade: teal shadows, orange skin",
            contrast=1.12,
            warm=1.15,
            cool=0.9,
            shadows=(-0.045, -0.03),
            highlights=(0.018, 0.035),
        ),
        Look(
            name="faded-film",
            title="an old print: gray blacks, soft color",
            contrast=0.88,
            black=0.13,
            white=0.97,
            saturation=0.78,
            shadows=(-0.012, 0.01),
            highlights=(0.012, 0.02),
        ),
        Look(
            name="print-film",
            title="cinema print: dense blacks, warm whites",
            contrast=1.2,
            saturation=1.08,
            shadows=(-0.01, -0.014),
            highlights=(0.004, 0.018),
        ),
        Look(
            name="slide-film",
            title="slide: deep, saturated colors",
            exposure=-0.1,
            contrast=1.18,
            saturation=1.3,
        ),
        Look(
            name="cross-process",
            title="slide film in the wrong bath: green lights, blue shadows",
            contrast=1.25,
            saturation=1.15,
            shadows=(0.01, -0.06),
            highlights=(-0.03, 0.05),
        ),
        Look(
            name="autochrome",
            title="color plate of 1907: soft, dark, warm",
            exposure=-0.25,
            balance=(1.1, 1.0, 0.82),
            contrast=0.92,
            black=0.07,
            white=0.93,
            saturation=0.72,
            shadows=(0.01, -0.004),
            highlights=(0.006, 0.03),
        ),
        Look(name="silver", title="black and white", filter=(0.3, 0.55, 0.15), contrast=1.15),
        Look(
            name="red-filter",
            title="black and white with a red filter: dark skies",
            filter=(0.85, 0.17, -0.02),
            contrast=1.3,
        ),
        Look(
            name="sepia",
            title="brown-toned print",
            filter=(0.25, 0.5, 0.25),
            black=0.06,
            white=0.97,
            shadows=(0.028, 0.045),
            highlights=(0.012, 0.045),
        ),
        Look(
            name="cyanotype",
            title="blueprint of 1842",
            filter=(0.1, 0.4, 0.5),
            contrast=1.1,
            black=0.14,
            white=0.97,
            shadows=(-0.035, -0.14),
            highlights=(-0.02, -0.025),
        ),
        Look(
            name="neon",
            title="city at night: magenta lights, cyan shadows",
            contrast=1.25,
            exposure=-0.3,
            saturation=1.25,
            shadows=(-0.04, -0.06),
            highlights=(0.075, -0.02),
        ),
    )
}


@lru_cache(maxsize=2)
def _read(path: str, stamp: int) -> Cube:
    """Read a file once, for all pictures of a folder; `stamp` is the time of its last change."""
    return load_cube(path)


@lru_cache(maxsize=len(LOOKS))
def look_table(name: str) -> ColorLut:
    """Return a look of `LOOKS` as a table."""
    axis = np.linspace(0, 1, SIDE)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return ColorLut(LOOKS[name](nodes).reshape(SIDE, SIDE, SIDE, 3).astype(np.float32))


def load_look(name: str) -> Cube:
    """Return a look by its name, or from a .cube file.

    Raises
    ------
    OptionError
        There is no such look; the message suggests a similar name.
    InputError
        The file cannot be used.
    """
    if name in LOOKS:
        return Cube(None, look_table(name), _UNIT, _UNIT, name)
    if name.lower().endswith(".cube") or os.path.lexists(name):
        if not os.path.lexists(name):
            raise InputError(f"{name}: does not exist")
        return _read(name, os.stat(name).st_mtime_ns)
    near = get_close_matches(name.lower(), LOOKS, 1)
    hint = f"did you mean '{near[0]}'?" if near else "`restyle styles` lists them"
    raise OptionError(f"look '{name}' is neither a .cube file nor a look; {hint}")


def look_name(look: str) -> str:
    """Return the name of a look or of a .cube file, for the names of results."""
    return look if look in LOOKS else Path(look).stem


def apply_look(look: Cube, pixels: FloatArray, strength: float = 1.0) -> FloatArray:
    """Apply a look to pixels [..., 3], mixed with them at a strength below 1."""
    result = look.apply(pixels)
    if strength != 1:
        result = np.clip(pixels + np.float32(strength) * (result - pixels), 0, 1)
    return result


def _contrast(light: Points, slope: float, pivot: float) -> Points:
    """S-curve of lightness 0..1 with a slope at the pivot; black and white stay."""
    low = pivot * np.clip(light / pivot, 0, 1) ** slope
    high = 1 - (1 - pivot) * np.clip((1 - light) / (1 - pivot), 0, 1) ** slope
    return np.where(light < pivot, low, high)
