"""Captioned images in rows and columns, for the pictures of the docs. Aspect ratios are kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageDraw, ImageFont, ImageOps

GAP, CAPTION = 12, 30  # px between images, and of a caption's line
LANCZOS = Image.Resampling.LANCZOS


def captioned(image: Image.Image, caption: str) -> Image.Image:
    """Return the image with a caption below it."""
    cell = Image.new("RGB", (image.width, image.height + CAPTION), "white")
    cell.paste(image)
    center = cell.width / 2, image.height + CAPTION / 2
    ImageDraw.Draw(cell).text(center, caption, "black", ImageFont.load_default(17), anchor="mm")
    return cell


def square(image: Image.Image, side: int, caption: str) -> Image.Image:
    """Return the image centered in a square of `side` px, with a caption below it."""
    return captioned(ImageOps.pad(image.convert("RGB"), (side, side), LANCZOS, "white"), caption)


def scaled_to_width(images: Sequence[Image.Image], width: int, gap: int = GAP) -> list[Image.Image]:
    """Scale the images to the one height at which, side by side, they are `width` px wide."""
    aspects = [image.width / image.height for image in images]
    height = round((width - gap * (len(images) - 1)) / sum(aspects))
    widths = [round(aspect * height) for aspect in aspects]
    widths[-1] += width - gap * (len(images) - 1) - sum(widths)
    return [image.resize((w, height), LANCZOS) for image, w in zip(images, widths, strict=True)]


def row(cells: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """Return the cells side by side on white, aligned at the top."""
    width = sum(cell.width for cell in cells) + gap * (len(cells) - 1)
    strip = Image.new("RGB", (width, max(cell.height for cell in cells)), "white")
    left = 0
    for cell in cells:
        strip.paste(cell, (left, 0))
        left += cell.width + gap
    return strip


def column(rows: Sequence[Image.Image], gap: int = GAP) -> Image.Image:
    """Return the rows below each other on white, aligned at the left."""
    height = sum(each.height for each in rows) + gap * (len(rows) - 1)
    page = Image.new("RGB", (max(each.width for each in rows), height), "white")
    top = 0
    for each in rows:
        page.paste(each, (0, top))
        top += each.height + gap
    return page


def save_jpeg(image: Image.Image, path: Path, quality: int) -> None:
    """Write a small JPEG: libvips' encoder (mozjpeg) takes 13 % less than Pillow's at the same quality."""
    pyvips.Image.new_from_array(np.asarray(image.convert("RGB"))).copy(interpretation="srgb").jpegsave(
        str(path),
        Q=quality,
        interlace=True,
        optimize_coding=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        quant_table=3,
    )
