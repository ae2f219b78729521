"""A contact sheet: one picture in every style, labelled."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restyle.images.resize import fit_size, resize
from restyle.models.arbitrary import Arbitrary, quiet
from restyle.style import Style
from restyle.types import FloatArray, Report, from_unit, to_unit

CELL = 384  # px, longest side of each picture
GAP = 16
TEXT = 15
INK, SOFT, PAPER = (32, 32, 32), (110, 110, 110), (250, 249, 246)


def contact_sheet(
    content: FloatArray, styles: Sequence[Style], method: Arbitrary, report: Report = quiet
) -> Image.Image:
    """Paint one picture in every style and lay the results out with their names.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    styles : sequence of Style
    method : Arbitrary
    report : function of the fraction done, 0..1

    Returns
    -------
    PIL.Image.Image
        RGB; the first cell is the content.
    """
    height, width = fit_size(content.shape[:2], long=CELL)
    small = resize(content, (height, width))
    count = len(styles) + 1
    wide = math.ceil(math.sqrt(count * (height + 4 * TEXT) / width * 1.4))
    columns = min(range(max(1, wide - 2), wide + 2), key=lambda n: (-count % n, abs(n - wide)))
    label = 3 * TEXT + 6
    cell_width, cell_height = width + GAP, height + label + GAP
    rows = math.ceil(count / columns)
    sheet = Image.new("RGB", (columns * cell_width + GAP, rows * cell_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    font, bold = ImageFont.load_default(TEXT - 2), ImageFont.load_default(TEXT)
    for index in range(count):
        row, column = divmod(index, columns)
        left, top = GAP + column * cell_width, GAP + row * cell_height
        if index == 0:
            pixels, name, lines = small, "the picture itself", ["", ""]
        else:
            style = styles[index - 1]
            pixels = method.paint(small, style.code)
            name, lines = style.name, [style.title, ", ".join(filter(None, [style.artist, style.year]))]
        sheet.paste(Image.fromarray(from_unit(pixels, np.uint8)), (left, top))
        draw.text((left, top + height + 3), name, INK, bold)
        for place, line in enumerate(lines, 1):
            draw.text((left, top + height + 3 + place * TEXT), fitted(line, font, width), SOFT, font)
        report((index + 1) / count)
    return sheet


def scene(height: int = 288, width: int = 384) -> FloatArray:
    """Draw a landscape to show styles on: sky, sun, hills, a lake, a house and trees.

    Returns
    -------
    np.ndarray [shape=(height, width, 3), float32, range 0..1, RGB]
    """
    factor = 3  # drawn larger and shrunk, for smooth edges
    h, w = height * factor, width * factor
    rows, columns = np.mgrid[0:h, 0:w].astype(np.float32)
    y, x = rows / h, columns / w

    def rgb(*color: int) -> FloatArray:
        return np.asarray(color, np.float32) / np.float32(255)

    picture = (
        rgb(92, 148, 208) + (rgb(250, 226, 190) - rgb(92, 148, 208)) * np.clip(y / 0.55, 0, 1)[..., None]
    )
    far = np.hypot((x - 0.72) * w / h, y - 0.2)
    picture += rgb(90, 60, 10) * np.exp(-((far / 0.22) ** 2))[..., None]
    picture[far < 0.075] = rgb(255, 240, 190)
    for cx, cy, size in ((0.2, 0.14, 0.1), (0.3, 0.17, 0.08), (0.48, 0.09, 0.07), (0.9, 0.3, 0.08)):
        cloud = np.exp(-((((x - cx) * 1.1) ** 2 + ((y - cy) * 2.6) ** 2) / size**2) * 2)
        picture += (rgb(252, 250, 246) - picture) * np.clip(cloud * 1.3 - 0.2, 0, 0.95)[..., None]
    leaves = _speckle(h, w, 10 * factor)
    hills = (
        (0.44, 0.10, 3.1, 0.3, (120, 140, 170)),
        (0.50, 0.06, 5.3, 1.2, (86, 122, 112)),
        (0.58, 0.04, 7.7, 2.2, (84, 128, 62)),
    )
    for base, swing, waves, phase, color in hills:
        line = base - swing * np.sin(waves * x + phase) - 0.3 * swing * np.sin(3.3 * waves * x)
        shade = 1 + 0.5 * leaves
        picture = np.where((y > line)[..., None], rgb(*color) * shade[..., None], picture)
    shore = 0.68 + 0.012 * np.sin(9 * x)
    ripple = 0.5 * _speckle(h, w, 4 * factor, wide=8)
    lake = rgb(70, 120, 168) * (1.25 - 0.5 * (y - 0.7) / 0.3 + ripple)[..., None]
    picture = np.where((y > shore)[..., None], lake, picture)
    bank = (
        0.66 + 0.22 / (1 + np.exp(-(x - 0.52) * 14)) - 0.14 * np.clip(x - 0.78, 0, 1) + 0.008 * np.sin(21 * x)
    )
    grass = rgb(80, 122, 48) * (1.1 - 0.5 * (y - 0.7) + 0.9 * _speckle(h, w, 3 * factor))[..., None]
    picture = np.where((y > bank)[..., None], grass, picture)
    canvas = Image.fromarray(from_unit(picture.astype(np.float32), np.uint8))
    _draw_house_and_trees(ImageDraw.Draw(canvas), w, h)
    return resize(to_unit(np.asarray(canvas)), (height, width), "area")


def _speckle(height: int, width: int, size: int, wide: int = 1) -> FloatArray:
    """Smooth noise around 0, [height, width], with spots of `size` px, `wide` times as wide as high."""
    rows, columns = height // size + 2, width // (size * wide) + 2
    coarse = np.random.default_rng(7).random((rows, columns), np.float32)
    return resize(coarse, (height, width), "bilinear") - np.float32(0.5)


def _draw_house_and_trees(draw: ImageDraw.ImageDraw, w: int, h: int) -> None:
    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(px * w, py * h) for px, py in points]

    draw.polygon(at((0.13, 0.60), (0.31, 0.60), (0.31, 0.76), (0.13, 0.76)), (236, 222, 196))
    draw.polygon(at((0.31, 0.60), (0.37, 0.57), (0.37, 0.73), (0.31, 0.76)), (196, 176, 148))
    draw.polygon(at((0.11, 0.61), (0.165, 0.49), (0.345, 0.47), (0.385, 0.575), (0.315, 0.61)), (172, 64, 44))
    draw.polygon(at((0.20, 0.76), (0.20, 0.67), (0.245, 0.67), (0.245, 0.76)), (96, 62, 40))
    for left in (0.145, 0.265):
        draw.polygon(
            at((left, 0.64), (left + 0.035, 0.64), (left + 0.035, 0.69), (left, 0.69)), (84, 110, 140)
        )
    draw.polygon(at((0.27, 0.50), (0.27, 0.43), (0.295, 0.43), (0.295, 0.50)), (128, 78, 60))
    for cx, base, size in ((0.06, 0.82, 0.24), (0.42, 0.69, 0.13), (0.87, 0.92, 0.36)):
        draw.polygon(
            at((cx - 0.012, base), (cx - 0.006, base - size), (cx + 0.006, base - size), (cx + 0.012, base)),
            (86, 58, 40),
        )
        for dx, dy, r, color in (
            (0, 0.95, 0.30, (40, 84, 40)),
            (-0.2, 0.72, 0.26, (52, 100, 46)),
            (0.2, 0.70, 0.26, (46, 92, 42)),
            (0.04, 1.12, 0.22, (92, 142, 58)),
        ):
            x, y, radius = (cx + dx * size) * w, (base - dy * size) * h, r * size * h * 1.2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), color)


def fitted(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Shorten a line to a width in px, and write it in the letters that Pillow's own font has: ASCII."""
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip(" ,") + "..."
