"""What a network will see in training, as one picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restyle.train.data import Pictures, augment

COLUMNS, TILE, GAP, HEADING = 8, 144, 4, 26


def data_picture(photos: Pictures, styles: Pictures, crop: int, style_size: int, seed: int) -> Image.Image:
    """Crops as in training: three rows of photos, then a row of variations for each of six styles.

    Every tile is drawn at the same size; the headings tell the real ones.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, list[Image.Image]]] = []
    title = f"{len(photos)} photos, {crop} px a side"
    for row in range(3):
        chosen = rng.integers(len(photos), size=COLUMNS)
        crops = [augment(photos.pictures[int(i)], photos.how, crop, rng) for i in chosen]
        rows.append((title if row == 0 else "", crops))
    for index in range(min(6, len(styles))):
        name, picture = styles.paths[index].name, styles.pictures[index]
        crops = [augment(picture, styles.how, style_size, rng) for _ in range(COLUMNS)]
        size = f"{picture.width} x {picture.height} px"
        rows.append((f"{name}, {size}, looked at with {style_size} px", crops))
    height = sum(TILE + GAP + (HEADING if heading else 0) for heading, _ in rows)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, height + GAP), "white")
    pen, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(14), GAP
    for heading, crops in rows:
        if heading:
            pen.text((GAP, top + 4), heading, fill="black", font=font)
            top += HEADING
        for column, each in enumerate(crops):
            tile = each.resize((TILE, TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (GAP + column * (TILE + GAP), top))
        top += TILE + GAP
    return sheet
