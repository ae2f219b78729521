"""The contact sheet of an evaluation: a line a pair, its content, its style, and every row's result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restyle.cli.contact_sheet import GAP, INK, PAPER, SOFT, TEXT, fitted
from restyle.evaluate.figures import shown
from restyle.evaluate.pairs import Pair
from restyle.evaluate.runs import TRIVIAL, Evaluation, Row
from restyle.images.resize import resize
from restyle.types import FloatArray, from_unit

CELL = (200, 264)  # px, height and width that pictures are fitted into
LINES = 8  # pairs on a sheet
TOLD = ("style", "content")  # figures below a result, and one of its artefacts


class Sheet:
    """Collects small copies of what is measured, and lays them out at the end.

    Parameters
    ----------
    pairs : sequence of Pair
        All; of many, as many as fit are chosen, evenly.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        ordered = sorted(dict.fromkeys(pairs), key=lambda pair: (pair.content.name, pair.style.name))
        places = np.linspace(0, len(ordered) - 1, min(LINES, len(ordered))).round().astype(int)
        self.pairs = [ordered[place] for place in dict.fromkeys(places.tolist())]
        self._seen: dict[tuple[Pair, str], Image.Image] = {}

    def look(self, pair: Pair, row: str, pixels: FloatArray) -> None:
        """Keep a small copy, if the pair is on the sheet."""
        if pair in self.pairs:
            height, width = pixels.shape[:2]
            scale = min(CELL[0] / height, CELL[1] / width, 1.0)
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            self._seen[pair, row] = Image.fromarray(from_unit(resize(pixels, size), np.uint8))

    def drawn(self, evaluation: Evaluation) -> Image.Image:
        """Lay the sheet out.

        Parameters
        ----------
        evaluation : Evaluation
            Its figures are written below the results.
        """
        rows = [row for row in evaluation.rows if row.name not in TRIVIAL]
        titles = ["content", "style", *(row.name for row in rows)]
        font, bold = ImageFont.load_default(TEXT - 2), ImageFont.load_default(TEXT)
        pairs = [pair for pair in self.pairs if (pair, "content") in self._seen]
        highs = [max(self._seen[key].height for key in self._seen if key[0] == pair) for pair in pairs]
        head, wide, label = 2 * TEXT + GAP, CELL[1] + GAP, 2 * TEXT + GAP
        height = head + sum(highs) + label * len(pairs) + GAP
        sheet = Image.new("RGB", (len(titles) * wide + GAP, height), PAPER)
        draw = ImageDraw.Draw(sheet)
        for column, title in enumerate(titles):
            draw.text((GAP + column * wide, GAP), fitted(title, bold, CELL[1]), INK, bold)
        bottom = head - label
        for pair, high in zip(pairs, highs, strict=True):
            bottom += label + high
            names = [pair.content.stem, pair.style.stem, *(_told(row, pair) for row in rows)]
            for column, (title, below) in enumerate(zip(titles, names, strict=True)):
                left = GAP + column * wide
                picture = self._seen.get((pair, title))
                if picture is not None:
                    sheet.paste(picture, (left, bottom - picture.height))
                draw.text((left, bottom + 3), fitted(below, font, CELL[1]), SOFT, font)
        return sheet


def _told(row: Row, pair: Pair) -> str:
    """What is written below a result."""
    found = row.measured.get(pair)
    if found is None:
        return "left out"
    names = [*TOLD, "temporal" if "temporal" in found.figures else "grid"]
    return "  ".join(f"{each} {shown(each, found.figures[each])}" for each in names)
