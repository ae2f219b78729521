"""The report of an evaluation as Markdown, CSV and JSON, and the facts that it states."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from restyle.evaluate.summary import BY_NAME, FIGURES, Figure, Interval, RowSummary, shown
from restyle.files import csv_text
from restyle.models.session import cores

NOTE = (
    "Lower is better unless a column says (up). Compare every row with the two baselines: `copy content` has"
    " all content and no style, `copy style` the reverse. No single figure says that a picture is good."
)
INTERVALS = (
    "95 % percentile intervals by resampling pairs (Efron 1979). Pairs that share content or style are not"
    " independent, so these are somewhat too narrow. `seconds`: 10 to 90 % of the pictures."
)


LIBRARIES = ("restyle", "numpy", "onnxruntime", "torch", "pillow")


def environment() -> dict[str, str]:
    """Processor, cores, system and versions, for the report."""
    facts = {
        "processor": _processor(),
        "cores": str(cores()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):  # an extra that is not installed
            facts[library] = metadata.version(library)
    return facts


def is_busy() -> bool:
    """Whether other processes use more than half a core."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5


def columns(rows: Sequence[RowSummary], *, published: bool = False) -> list[Figure]:
    """Figures that any row has."""
    measured = {name for row in rows for name in row.figures}
    return [each for each in FIGURES if each.published == published and each.name in measured]


def heading(figure: Figure) -> str:
    """Name of a column."""
    return f"{figure.name} (up)" if figure.higher else figure.name


def table_rows(rows: Sequence[RowSummary], *, published: bool = False) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of the table of means."""
    chosen = columns(rows, published=published)
    body = [
        [row.name, *(shown(each.name, _value(row, each)) for each in chosen), str(len(row.pairs))]
        for row in rows
    ]
    return ["row", *map(heading, chosen), "pairs"], body


def markdown(rows: Sequence[RowSummary], facts: Mapping[str, str], failures: Sequence[str] = ()) -> str:
    """Format the report as Markdown, with facts (date, machine, ...) and a line for each file left out."""
    parts = [f"- {name}: {text}" for name, text in facts.items()]
    parts += ["", *markdown_table(*table_rows(rows)), "", NOTE, ""]
    parts += [f"- `{each.name}`: {each.about}" for each in columns(rows)]
    parts += ["", "## Intervals", "", INTERVALS, "", *interval_table(rows)]
    if columns(rows, published=True):
        parts += ["", "## Losses as published", "", *markdown_table(*table_rows(rows, published=True)), ""]
        parts += [f"- `{each.name}`: {each.about}" for each in columns(rows, published=True)]
    if failures:
        parts += ["", "## Left out", "", *[f"- {line}" for line in failures]]
    return "\n".join(parts) + "\n"


def interval_table(rows: Sequence[RowSummary]) -> list[str]:
    """Format the intervals as a Markdown table."""
    chosen = columns(rows)
    spans = [[row.name, *(_span(each.name, row.figures.get(each.name)) for each in chosen)] for row in rows]
    return markdown_table(["row", *map(heading, chosen)], spans)


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]], *, figures: bool = True) -> list[str]:
    """Format a Markdown table; the first column holds names, the others figures or texts."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{(' ---: |' if figures else ' --- |') * (len(head) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in body]


def as_csv(rows: Sequence[RowSummary]) -> str:
    """Format a CSV with a line for each row and pair, and a column for each figure."""
    found = {name for row in rows for pair in row.pairs.values() for name in pair}
    names = [figure.name for figure in FIGURES if figure.scope == "pair" and figure.name in found]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "content", "style_picture", *names])
    for row in rows:
        for pair, figures in row.pairs.items():
            content, _, style = pair.partition("__")
            values = [repr(round(figures[name], 8)) if name in figures else "" for name in names]
            writer.writerow([*map(csv_text, (row.name, content, style)), *values])
    return out.getvalue()


def as_json(rows: Sequence[RowSummary], facts: Mapping[str, str], failures: Sequence[str] = ()) -> str:
    """Format everything as JSON: figures with their intervals, and every pair."""
    entry: dict[str, Any] = {
        "format": "restyle-evaluation/1",
        "facts": dict(facts),
        "figures": {
            each.name: {"about": each.about, "higher_is_better": each.higher, "scope": each.scope}
            for each in [*columns(rows), *columns(rows, published=True)]
        },
        "rows": [row_entry(row) for row in rows],
        "left_out": list(failures),
    }
    return json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def row_entry(row: RowSummary) -> dict[str, Any]:
    """Convert a row to plain values; NaN becomes None."""
    return {
        "name": row.name,
        "facts": dict(row.facts),
        "figures": {
            name: [_number(value) for value in (each.value, each.low, each.high)]
            for name, each in row.figures.items()
        },
        "pairs": {
            pair: {name: _number(value) for name, value in found.items()} for pair, found in row.pairs.items()
        },
    }


def row_of(entry: Mapping[str, Any]) -> RowSummary:
    """Read the values of `row_entry`."""
    return RowSummary(
        str(entry["name"]),
        dict(entry["facts"]),
        {name: Interval(*map(_parse, each)) for name, each in entry["figures"].items() if name in BY_NAME},
        {
            pair: {name: _parse(value) for name, value in found.items()}
            for pair, found in entry["pairs"].items()
        },
    )


def _value(row: RowSummary, figure: Figure) -> float:
    return row.figures[figure.name].value if figure.name in row.figures else float("nan")


def _span(name: str, interval: Interval | None) -> str:
    if interval is None or interval.low != interval.low:
        return "-"
    return f"{shown(name, interval.low)} to {shown(name, interval.high)}"


def _number(value: float) -> float | None:
    return None if value != value else float(f"{value:.6g}")


def _parse(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
