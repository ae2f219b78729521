"""Write an evaluation down: Markdown for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from restyle.evaluate.bootstrap import Interval
from restyle.evaluate.figures import BY_NAME, FIGURES, Figure, shown
from restyle.evaluate.summary import RowSummary

NOTE = (
    "Lower is better unless a column says (up). Read every row beside the two trivial rows: `copy content`"
    " keeps all content and has no style, `copy style` the reverse, and no single figure says that a picture"
    " is good."
)
INTERVALS = (
    "95 % percentile intervals from drawing pairs again and again (Efron 1979). Pairs that share a content or"
    " a style are not independent, so these are somewhat too narrow. `seconds`: 10 to 90 % of the pictures."
)


def columns(rows: Sequence[RowSummary], *, published: bool = False) -> list[Figure]:
    """Figures that any row has, in their order."""
    return [
        figure
        for figure in FIGURES
        if figure.published == published and any(figure.name in row.figures for row in rows)
    ]


def heading(figure: Figure) -> str:
    """Name of a column."""
    return f"{figure.name} (up)" if figure.higher else figure.name


def table_rows(rows: Sequence[RowSummary], *, published: bool = False) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of the means, as texts."""
    chosen = columns(rows, published=published)
    body = [
        [row.name, *(shown(each.name, _value(row, each)) for each in chosen), str(len(row.pairs))]
        for row in rows
    ]
    return ["row", *map(heading, chosen), "pairs"], body


def markdown(rows: Sequence[RowSummary], facts: Mapping[str, str], failures: Sequence[str] = ()) -> str:
    """The report for people.

    Parameters
    ----------
    facts : mapping of name to text
        What was measured, on what, with which versions.
    failures : sequence of str
        One line for each file that could not be used.
    """
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
    """Lines of a Markdown table of the intervals."""
    chosen = columns(rows)
    spans = [[row.name, *(_span(each.name, row.figures.get(each.name)) for each in chosen)] for row in rows]
    return markdown_table(["row", *map(heading, chosen)], spans)


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]], *, figures: bool = True) -> list[str]:
    """Lines of a Markdown table; the first column holds names, the others figures or more texts."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{(' ---: |' if figures else ' --- |') * (len(head) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in body]


def as_csv(rows: Sequence[RowSummary]) -> str:
    """One line for each row and pair, a column for each figure; empty where there is none."""
    names = [figure.name for figure in FIGURES if figure.scope == "pair"]
    names = [name for name in names if any(name in pair for row in rows for pair in row.pairs.values())]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "content", "style_picture", *names])
    for row in rows:
        for pair, found in row.pairs.items():
            content, _, style = pair.partition("__")
            values = [repr(round(found[name], 8)) if name in found else "" for name in names]
            writer.writerow([row.name, content, style, *values])
    return out.getvalue()


def as_json(rows: Sequence[RowSummary], facts: Mapping[str, str], failures: Sequence[str] = ()) -> str:
    """Everything, for programs: figures with their intervals, and every pair."""
    entry: dict[str, Any] = {
        "format": "restyle-evaluation/1",
        "facts": dict(facts),
        "figures": {
            each.name: {"about": each.about, "higher_is_better": each.higher, "scope": each.scope}
            for each in FIGURES
            if any(each.name in row.figures for row in rows)
        },
        "rows": [row_entry(row) for row in rows],
        "left_out": list(failures),
    }
    return json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def row_entry(row: RowSummary) -> dict[str, Any]:
    """One row as plain values; no figure is written as null."""
    return {
        "name": row.name,
        "facts": dict(row.facts),
        "figures": {
            name: [_number(each.value), _number(each.low), _number(each.high)]
            for name, each in row.figures.items()
        },
        "pairs": {
            pair: {name: _number(value) for name, value in found.items()} for pair, found in row.pairs.items()
        },
    }


def row_of(entry: Mapping[str, Any]) -> RowSummary:
    """Read what `row_entry` wrote."""
    return RowSummary(
        str(entry["name"]),
        dict(entry["facts"]),
        {
            name: Interval(*(float("nan") if each is None else float(each) for each in values))
            for name, values in entry["figures"].items()
            if name in BY_NAME
        },
        {
            pair: {name: float("nan") if value is None else float(value) for name, value in found.items()}
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
