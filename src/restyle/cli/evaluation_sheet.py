"""The contact sheet of an evaluation: a row for each pair, with content, style and all results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from restyle.evaluate.figures import shown
from restyle.evaluate.pairs import Pair
from restyle.evaluate.runs import TRIVIAL, Evaluation, Row
from restyle.images.resize import resize
from restyle.images.sheet import sheet
from restyle.types import FloatArray, from_unit

CELL = (200, 264)  # px, height and width that pictures are fitted into
LINES = 8  # pairs on a sheet
FIGURES = ("style", "content")  # below a result, and one for its artifacts


class Sheet:
    """Collects small copies of the pictures that are measured, and lays them out at the end.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs; `LINES` of them are chosen, evenly.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        ordered = sorted(dict.fromkeys(pairs), key=lambda pair: (pair.content.name, pair.style.name))
        places = np.linspace(0, len(ordered) - 1, min(LINES, len(ordered))).round().astype(int)
        self.pairs = [ordered[place] for place in dict.fromkeys(places.tolist())]
        self._pictures: dict[tuple[Pair, str], Image.Image] = {}

    def look(self, pair: Pair, row: str, pixels: FloatArray) -> None:
        """Keep a small copy, if the pair is on the sheet."""
        if pair in self.pairs:
            height, width = pixels.shape[:2]
            scale = min(CELL[0] / height, CELL[1] / width, 1.0)
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            self._pictures[pair, row] = Image.fromarray(from_unit(resize(pixels, size), np.uint8))

    def drawn(self, evaluation: Evaluation) -> Image.Image:
        """Lay the sheet out, with the figures of an evaluation below the results."""
        rows = [row for row in evaluation.rows if row.name not in TRIVIAL]
        titles = ["content", "style", *(row.name for row in rows)]
        pairs = [pair for pair in self.pairs if (pair, "content") in self._pictures]
        pictures = [[self._pictures.get((pair, title)) for title in titles] for pair in pairs]
        captions = [
            [pair.content.stem, pair.style.stem, *(_figures(row, pair) for row in rows)] for pair in pairs
        ]
        return sheet([[None] * len(titles), *pictures], [titles, *captions], CELL)


def _figures(row: Row, pair: Pair) -> str:
    """Caption of a result."""
    found = row.measured.get(pair)
    if found is None:
        return "left out"
    names = [*FIGURES, "temporal" if "temporal" in found.figures else "grid"]
    return "  ".join(f"{each} {shown(each, found.figures[each])}" for each in names)
