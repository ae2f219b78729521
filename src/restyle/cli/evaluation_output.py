"""Output of an evaluation: the printed table, and a report with its contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import typer
from PIL import Image

from restyle.cli.terminal import table
from restyle.evaluate import report
from restyle.evaluate.bench import Bench
from restyle.evaluate.run import TRIVIAL, Evaluation, Pair, Row
from restyle.evaluate.summary import RowSummary, shown
from restyle.files import check_output, make_folder, write_text, writing
from restyle.images import picture
from restyle.images.figures import sheet
from restyle.images.resize import resize
from restyle.types import FloatArray, from_unit

REPORT = ("report.md", "report.csv", "report.json", "sheet.jpg")
CELL = (200, 264)  # px, height and width that pictures are fitted into
LINES = 8  # pairs on a sheet
FIGURES = ("style", "content")  # below a result, and one for its artifacts


def facts_of(bench: Bench, machine: Mapping[str, str]) -> dict[str, str]:
    """Facts that a report states: date, encoder, size, machine."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "encoder": f"{bench.encoder.name} ({bench.encoder.identity})",
        "size": f"{bench.size} px on the short side, smaller pictures as they are",
        **machine,
    }
    if report.is_busy():
        facts["note"] = "the machine was busy: seconds are not reliable"
    return facts


def print_rows(rows: Sequence[RowSummary], facts: Mapping[str, str]) -> None:
    """Print the table of figures."""
    typer.echo(table(*report.table_rows(rows)))
    typer.echo(f"\n{report.NOTE}\nMeasured with {facts['encoder']} at {facts['size']}.")


def print_failures(failures: Sequence[str]) -> None:
    """List files left out, and exit with 1 if there are any."""
    if failures:
        typer.echo(f"restyle: {len(failures)} left out:", err=True)
        for line in failures:
            typer.echo(f"  {line}", err=True)
        raise typer.Exit(1)


def check_report(folder: Path, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Refuse a folder where the report cannot be written, before any work."""
    make_folder(folder)
    for name in REPORT:
        check_output(folder / name, overwrite=overwrite, inputs=inputs)


def write_report(
    folder: Path,
    rows: Sequence[RowSummary],
    facts: Mapping[str, str],
    failures: Sequence[str],
    contact_sheet: Image.Image,
    inputs: Sequence[Path],
) -> Iterator[Path]:
    """Write the four files; yield each path when it is written."""
    texts = {
        "report.md": f"# Evaluation\n\n{report.markdown(rows, facts, failures)}\n![Results](sheet.jpg)\n",
        "report.csv": report.as_csv(rows),
        "report.json": report.as_json(rows, facts, failures),
    }
    for name, text in texts.items():
        with writing(folder / name, overwrite=True, inputs=inputs) as temporary:
            write_text(temporary, text)
        yield folder / name
    yield picture.save_image(
        picture.from_pil(contact_sheet), folder / "sheet.jpg", quality=88, overwrite=True, inputs=inputs
    )


class Sheet:
    """Collects small copies of the measured pictures, and lays them out at the end.

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

    def add(self, pair: Pair, row: str, pixels: FloatArray) -> None:
        """Keep a small copy, if the pair is on the sheet."""
        if pair in self.pairs:
            height, width = pixels.shape[:2]
            scale = min(CELL[0] / height, CELL[1] / width, 1.0)
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            self._pictures[pair, row] = Image.fromarray(from_unit(resize(pixels, size), np.uint8))

    def draw(self, evaluation: Evaluation) -> Image.Image:
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
