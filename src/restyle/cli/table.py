"""Plain text tables: aligned columns that a terminal shows and that `grep`, `cut` and `awk` can read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align rows under a heading, two spaces between columns.

    Examples
    --------
    >>> print(table(["name", "year"], [["wave", "1831"]]))
    name  year
    wave  1831
    """
    lines = [list(heading), *(list(row) for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(heading))]
    return "\n".join(
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    """Columns of a terminal: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
