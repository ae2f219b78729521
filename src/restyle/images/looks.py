"""Photographic looks: made by formula (golden hour, bleach bypass, cyanotype, ...), or from .cube files.

A formula is a row of settings for one chain of adjustments: white balance and exposure in linear light, black
and white by a color filter, contrast, faded blacks, saturation, split toning (in OKLab).

Lightroom, Resolve, OBS, ffmpeg and others write and read color lookup tables as .cube files. The format is
that of Adobe's "Cube LUT Specification" 1.0 (one table, 1D or 3D, with a domain) and of DaVinci Resolve,
which puts a 1D table (a shaper) in front of a 3D table. Values are sRGB-coded, like those of a photo.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from restyle.errors import InputError, OptionError
from restyle.files import writing
from restyle.images.color import (
    ColorLut,
    Points,
    linear_to_srgb,
    oklab_into_gamut,
    rgb_to_oklab,
    srgb_to_linear,
)  # fmt: skip
from restyle.types import FloatArray, PathLike

SIDE = 33  # points of a table along each axis
MAX_BYTES = 100_000_000  # of a .cube file
_SIZES = {"LUT_1D_SIZE": (2, 65536), "LUT_3D_SIZE": (2, 129)}  # points along an axis
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_DOMAINS = ("DOMAIN_MIN", "DOMAIN_MAX")
_COUNTS = dict.fromkeys(_SIZES, 1) | dict.fromkeys(_RANGES, 2) | dict.fromkeys(_DOMAINS, 3)
_UNIT = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
_CHUNK = 1 << 18  # pixels at a time
_LARGEST = 1e3  # of a value; tables for scene-linear light stay far below

Tint = tuple[float, float]  # chroma in OKLab, from green to red and from blue to yellow


@dataclass(frozen=True, kw_only=True)
class Look:
    """Settings of a photographic look; the defaults change nothing."""

    name: str
    title: str
    balance: tuple[float, float, float] = (1, 1, 1)  # factors of red, green and blue in linear light
    exposure: float = 0  # in stops
    filter: tuple[float, float, float] | None = None  # weights of colors in black and white; None keeps color
    contrast: float = 1  # slope of lightness in the middle
    pivot: float = 0.6  # lightness that contrast leaves alone
    black: float = 0  # lightness of black
    white: float = 1  # lightness of white
    saturation: float = 1
    warm: float = 1  # saturation of hues near orange, times `saturation`
    cool: float = 1  # saturation of hues near blue
    shadows: Tint = (0, 0)  # added to dark colors
    highlights: Tint = (0, 0)  # added to light colors
    silver: float = 0  # share of silver left (bleach bypass), 0..1: multiplies a black and white copy

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
        low = (1 - light) ** 1.5 * np.clip(light * 5, 0, 1)
        high = light**1.5 * np.clip((1 - light) * 8, 0, 1)
        chroma = chroma + low[:, None] * np.array(self.shadows) + high[:, None] * np.array(self.highlights)
        light = self.black + (self.white - self.black) * light
        return oklab_into_gamut(np.column_stack([light, chroma]), 0.9)


# fmt: off
LOOKS = {
    look.name: look
    for look in (
        Look(name="golden-hour", title="low sun: warm light, open shadows", balance=(1.22, 1.0, 0.68),
             contrast=1.05, saturation=1.08, warm=1.15, shadows=(0.012, -0.012), highlights=(0.012, 0.03)),
        Look(name="blue-hour", title="after sunset: blue, soft, darker", balance=(0.72, 0.92, 1.35),
             exposure=-0.45, saturation=0.9, shadows=(-0.008, -0.035), highlights=(0.004, 0.006)),
        Look(name="night", title="day for night: dark, blue, little color", balance=(0.55, 0.8, 1.2),
             exposure=-1.7, contrast=1.15, pivot=0.4, saturation=0.55, shadows=(-0.005, -0.03),
             highlights=(-0.01, -0.01)),
        Look(name="mist", title="morning mist: pale, cool, low contrast", exposure=0.15, contrast=0.72,
             black=0.2, white=0.96, saturation=0.7, shadows=(-0.008, -0.014)),
        Look(name="bleach-bypass", title="silver left in the print: hard, pale colors", contrast=1.3,
             silver=0.9),
        Look(name="teal-and-orange", title="film grade: teal shadows, orange skin", contrast=1.12, warm=1.15,
             cool=0.9, shadows=(-0.045, -0.03), highlights=(0.018, 0.035)),
        Look(name="faded-film", title="an old print: gray blacks, soft color", contrast=0.88, black=0.13,
             white=0.97, saturation=0.78, shadows=(-0.012, 0.01), highlights=(0.012, 0.02)),
        Look(name="print-film", title="cinema print: dense blacks, warm whites", contrast=1.2,
             saturation=1.08, shadows=(-0.01, -0.014), highlights=(0.004, 0.018)),
        Look(name="slide-film", title="slide: deep, saturated colors", exposure=-0.1, contrast=1.18,
             saturation=1.3),
        Look(name="cross-process", title="slide film in the wrong bath: green lights, blue shadows",
             contrast=1.25, saturation=1.15, shadows=(0.01, -0.06), highlights=(-0.03, 0.05)),
        Look(name="autochrome", title="color plate of 1907: soft, dark, warm", exposure=-0.25,
             balance=(1.1, 1.0, 0.82), contrast=0.92, black=0.07, white=0.93, saturation=0.72,
             shadows=(0.01, -0.004), highlights=(0.006, 0.03)),
        Look(name="silver", title="black and white", filter=(0.3, 0.55, 0.15), contrast=1.15),
        Look(name="red-filter", title="black and white with a red filter: dark skies",
             filter=(0.85, 0.17, -0.02), contrast=1.3),
        Look(name="sepia", title="brown-toned print", filter=(0.25, 0.5, 0.25), black=0.06, white=0.97,
             shadows=(0.028, 0.045), highlights=(0.012, 0.045)),
        Look(name="cyanotype", title="blueprint of 1842", filter=(0.1, 0.4, 0.5), contrast=1.1, black=0.14,
             white=0.97, shadows=(-0.035, -0.14), highlights=(-0.02, -0.025)),
        Look(name="neon", title="city at night: magenta lights, cyan shadows", contrast=1.25, exposure=-0.3,
             saturation=1.25, shadows=(-0.04, -0.06), highlights=(0.075, -0.02)),
    )
}
# fmt: on


@dataclass(frozen=True, eq=False)
class Cube:
    """A color map as tables: a curve of each channel, then a table over RGB, or one of both."""

    curves: FloatArray | None  # [shape=(n, 3)]
    table: ColorLut | None
    curve_domain: FloatArray  # [shape=(2, 3)]: the smallest and the largest input of each channel
    table_domain: FloatArray
    title: str = ""

    def apply(self, pixels: FloatArray) -> FloatArray:
        """Map colors [shape=(..., 3), float32, range 0..1, RGB] to the same; results are clipped to 0..1."""
        flat = pixels.reshape(-1, 3)
        out = np.empty(flat.shape, np.float32)
        for start in range(0, len(flat), _CHUNK):
            part = flat[start : start + _CHUNK]
            if self.curves is not None:
                part = _apply_curves(self.curves, _unit(part, self.curve_domain))
            if self.table is not None:
                part = self.table.apply(np.ascontiguousarray(_unit(part, self.table_domain)))
            np.clip(part, 0, 1, out=out[start : start + _CHUNK])
        return out.reshape(pixels.shape)


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
    """Return a look by its name (OptionError if there is none), or from a .cube file (InputError)."""
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


def load_cube(path: PathLike) -> Cube:
    """Read a .cube file; InputError if it is missing, too large, no .cube file, or damaged."""
    name = os.fspath(path)
    try:
        if os.path.isdir(path):
            raise InputError(f"{name}: is a folder, not a .cube file")
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputError(f"{name}: is not a regular file")
        if os.path.getsize(path) > MAX_BYTES:
            raise InputError(
                f"{name}: has more than {MAX_BYTES / 1e6:.0f} MB; a .cube file of 65 points has 8"
            )
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not data.strip():
        raise InputError(f"{name}: is empty")
    if b"\0" in data[:4096]:
        raise InputError(f"{name}: is not a .cube file (it contains no text)")
    return parse_cube(data.decode("utf-8-sig", "replace"), name)


def parse_cube(text: str, name: str) -> Cube:
    """Parse the text of a .cube file; `name` is for messages, see `load_cube`."""
    header: dict[str, list[float]] = {}
    title, rows = "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        title_line = line.lstrip().startswith("TITLE")  # whose text may contain a #
        words = line.split() if title_line else line.split("#", 1)[0].split()
        if not words:
            continue
        if re.match(r"[-+.\d]", words[0]) or words[0].lower() in ("nan", "inf"):
            if len(words) != 3:
                raise InputError(f"{name}: line {number} has {len(words)} values instead of 3: '{line[:40]}'")
            rows.extend(words)
        elif words[0] == "TITLE":
            title = line.strip()[5:].strip().strip('"')[:200]
        else:
            _read_header(header, words, f"{name}: line {number}")
    return _build(header, rows, title, name)


def _read_header(header: dict[str, list[float]], words: list[str], where: str) -> None:
    key = words[0]
    if key not in _COUNTS:
        if key.isupper() and key.replace("_", "").isalnum():
            return  # keywords of other programs
        raise InputError(f"{where} is no line of a .cube file: '{' '.join(words)[:40]}'")
    if key in header:
        raise InputError(f"{where} repeats {key}")
    count = _COUNTS[key]
    try:
        values = [float(word) for word in words[1:]]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all() or max(map(abs, values)) > 1e6:
        raise InputError(
            f"{where}: {key} needs {count} number{'s' * (count > 1)}, not '{' '.join(words[1:])[:40]}'"
        )
    if key in _SIZES:
        low, high = _SIZES[key]
        if not low <= values[0] <= high or values[0] != int(values[0]):
            raise InputError(f"{where}: {key} {words[1]} is not a whole number in {low}..{high}")
    header[key] = values


def _build(header: dict[str, list[float]], rows: list[str], title: str, name: str) -> Cube:
    curve_size = int(header.get("LUT_1D_SIZE", [0])[0])
    side = int(header.get("LUT_3D_SIZE", [0])[0])
    if not curve_size and not side:
        raise InputError(f"{name}: is not a .cube file (it has neither LUT_3D_SIZE nor LUT_1D_SIZE)")
    wanted, found = curve_size + side**3, len(rows) // 3
    if wanted != found:
        raise InputError(f"{name}: has {found} colors instead of {wanted}; it may be cut off")
    try:
        exact = np.array(rows, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise InputError(f"{name}: contains a value that is no number ({str(error)[:60]})") from None
    if not (np.abs(exact) <= _LARGEST).all():
        raise InputError(f"{name}: contains NaN, infinite values, or values above {_LARGEST:g}")
    values = exact.astype(np.float32)
    domain = np.array([header.get("DOMAIN_MIN", [0.0] * 3), header.get("DOMAIN_MAX", [1.0] * 3)], np.float32)
    domains = []
    for key in _RANGES:
        span = np.repeat(np.array(header[key], np.float32)[:, None], 3, axis=1) if key in header else domain
        if (span[1] <= span[0]).any():
            raise InputError(
                f"{name}: its largest input {span[1].tolist()} is not above its smallest {span[0].tolist()}"
            )
        domains.append(span)
    curves = values[:curve_size] if curve_size else None
    table = None
    if side:
        # In the file red changes fastest; in memory it is the first axis.
        nodes = values[curve_size:].reshape(side, side, side, 3).transpose(2, 1, 0, 3)
        table = ColorLut(np.ascontiguousarray(nodes))
    if curves is not None and _RANGES[1] not in header:  # the domain of the file is that of what comes first
        domains[1] = _UNIT
    return Cube(curves, table, domains[0], domains[1], title)


def save_cube(
    table: ColorLut,
    path: PathLike,
    *,
    title: str = "",
    overwrite: bool = False,
    inputs: tuple[PathLike, ...] = (),
) -> Path:
    """Write a table over RGB as a .cube file; `overwrite` and `inputs` as for `files.check_output`."""
    side = table.nodes.shape[0]
    rows = table.nodes.transpose(2, 1, 0, 3).reshape(-1, 3)
    plain = re.sub(r'[^ -~]|"', "", title)
    lines = [f'TITLE "{plain}"', f"LUT_3D_SIZE {side}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1 1 1"]
    lines += [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows.tolist()]
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    return Path(path)


def _unit(pixels: FloatArray, domain: FloatArray) -> FloatArray:
    return np.asarray(np.clip((pixels - domain[0]) / (domain[1] - domain[0]), 0, 1), np.float32)


def _apply_curves(curves: FloatArray, pixels: FloatArray) -> FloatArray:
    axis = np.linspace(0, 1, len(curves), dtype=np.float32)
    channels = [np.interp(pixels[:, channel], axis, curves[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)
