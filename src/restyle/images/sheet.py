"""Contact sheets: rows of pictures with captions on one page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from restyle.files import plain_text
from restyle.images.picture import load_image
from restyle.types import FloatArray

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

GAP = 12  # px between cells
TEXT = 15  # px, height of a line of a caption
MINIMUM = 120  # px, width of a column without pictures
INK, SOFT, PAPER = (32, 32, 32), (110, 110, 110), (250, 249, 246)

# Pillow's own font has ASCII only. These are searched for in the system's folders, in this order.
FONTS = (
    "DejaVuSans.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "Arial Unicode.ttf",
)


def sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    captions: Sequence[Sequence[str]],
    cell: tuple[int, int] | None = None,
) -> Image.Image:
    """Lay out pictures in rows, each with its caption below.

    Parameters
    ----------
    rows : sequence of rows of PIL.Image.Image or None
        None leaves a cell empty but for its caption.
    captions : sequence of rows of str
        As many as there are cells. Lines after the first are gray. The caption of a row of one cell may be
        as wide as the page; others are cut to their column.
    cell : (height, width) or None
        Larger pictures are shrunk to fit, smaller ones are not enlarged. None keeps their sizes.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    table = [[picture and _fit(picture, cell) for picture in row] for row in rows]
    columns = range(max(len(row) for row in table))
    by_column = [[row[column] for row in table if column < len(row)] for column in columns]
    widths = [
        cell[1] if cell else max([picture.width for picture in found if picture] or [MINIMUM])
        for found in by_column
    ]
    heights = [max([picture.height for picture in row if picture] or [0]) for row in table]
    captions = [[plain_text(caption) for caption in row] for row in captions]
    lines = [max([caption.count("\n") + 1 for caption in row if caption] or [0]) for row in captions]
    size = (
        sum(widths) + GAP * (len(widths) + 1),
        sum(heights) + TEXT * sum(lines) + GAP * (len(table) + 1),
    )
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    bottom = 0
    for row, texts, height, count in zip(table, captions, heights, lines, strict=True):
        bottom += GAP + height
        left = GAP
        for picture, caption, width in zip(row, texts, widths, strict=False):
            if picture is not None:
                page.paste(picture, (left, bottom - picture.height))
            room = size[0] - 2 * GAP if len(row) == 1 else width
            for index, line in enumerate(caption.split("\n")):
                font = find_font(line, TEXT - 2)
                place = (left, bottom + 2 + TEXT * index)
                draw.text(place, fit_text(line, font, room), SOFT if index else INK, font)
            left += width + GAP
        bottom += TEXT * count
    return page


def _fit(picture: Image.Image, cell: tuple[int, int] | None) -> Image.Image:
    if cell is None or (picture.height <= cell[0] and picture.width <= cell[1]):
        return picture
    fitted = picture.copy()
    fitted.thumbnail(cell[::-1], Image.Resampling.LANCZOS)
    return fitted


def find_font(text: str, size: int) -> Font:
    """Return the first font that has all letters of a text: Pillow's own, or one of the system."""
    default = ImageFont.load_default(size)
    if text.isascii():
        return default
    fonts = [default, *(font for name in FONTS if (font := _system_font(name, size)) is not None)]
    letters = unicodedata.normalize("NFC", text)
    return max(fonts, key=lambda font: sum(_has(font, letter) for letter in letters))


@cache
def _system_font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has(font: Font, letter: str) -> bool:
    """Whether a font has a glyph; for others it draws the same box as for a code that is no letter."""
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask("\U0010ffff"))


def fit_text(text: str, font: Font, width: int) -> str:
    """Cut a line to a width in px; letters that the font lacks lose their accents or are left out."""
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        base = letter if _has(font, letter) else unicodedata.normalize("NFKD", letter)
        letters.append("".join(each for each in base if _has(font, each)))
    text = "".join(letters)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip(" ,") + "..."


def sample_photo() -> FloatArray:
    """Return a photo to show styles on [shape=(256, 384, 3), float32, range 0..1, RGB].

    scikit-image's `coffee` (CC0).
    """
    return load_image(Path(__file__).with_name("sample_photo.jpg")).pixels
