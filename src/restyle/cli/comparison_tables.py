"""Distances as text: every metric of a few styles, the matrix of more, the nearest of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from restyle.cli.terminal import table
from restyle.compare.clustering import Matrix
from restyle.compare.metrics import Metric
from restyle.compare.subjects import Subject

WIDE = 10  # subjects whose matrix fits a terminal
ABSENT = "-"


def every_metric(subjects: Sequence[Subject], wanted: Sequence[Metric]) -> tuple[str, list[dict[str, Any]]]:
    """Every metric that says something of any pair, pair by pair."""
    pairs = [(a, b) for i, a in enumerate(subjects) for b in subjects[i + 1 :]]
    shown = [each for each in wanted if any(each.defined(a, b) for a, b in pairs)]
    absent = [each.name for each in wanted if each not in shown and (each.need != "sound")]
    lines, rows = [], []
    for each in shown:
        cells = []
        for a, b in pairs:
            value = each.distance(a, b) if each.defined(a, b) else None
            cells.append(ABSENT if value is None else f"{value:.4f}")
            rows.append({"a": a.name, "b": b.name, "metric": each.name, "distance": value})
        lines.append([each.name, *cells, each.about])
    heads = ["distance"] if len(pairs) == 1 else [f"{_short(a)} | {_short(b)}" for a, b in pairs]
    text = table(["metric", *heads, "of"], lines)
    codes = [each.name for each in subjects if each.kind in ("preset", "style")]
    if codes and absent:
        verb = "are only codes" if len(codes) > 1 else "is only a code"
        text += f"\n\n{', '.join(codes)} {verb}, without pixels: no {', '.join(absent)}"
    elif codes and any(ABSENT in line for line in lines):
        text += f"\n\n{ABSENT}: {', '.join(codes)} without pixels"
    return text, rows


def matrix_table(subjects: Sequence[Subject], distances: Matrix, chosen: Metric) -> str:
    """The matrix, or for many subjects the nearest of each."""
    about = f"\n\n{chosen.name}: {chosen.about}"
    if len(subjects) <= WIDE:
        rows = [
            [each.name, *(f"{value:.3f}" for value in line)]
            for each, line in zip(subjects, distances, strict=True)
        ]
        return table(["", *(_short(each) for each in subjects)], rows) + about
    lonely = distances + np.diag(np.full(len(subjects), np.inf))
    rows = [
        [each.name, subjects[int(line.argmin())].name, f"{line.min():.4f}"]
        for each, line in zip(subjects, lonely, strict=True)
    ]
    return table(["style", "nearest", chosen.name], rows) + about


def _short(subject: Subject) -> str:
    name = Path(subject.name).stem if subject.kind != "preset" else subject.name
    return name if len(name) <= 16 else f"{name[:15]}…"
