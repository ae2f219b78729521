"""The study as Markdown and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from benchmarks.retrieval.scoring import Answers, ratio
from restyle.evaluate.summary import Interval

LINEAR = "style, no labels"
OURS = "style"
_SCALE = 2  # the plot is drawn larger and reduced
_COLORS = {"baseline": "#9aa0a6", "ours": "#1f5fa8", "other": "#7fb2e5"}


@dataclass(frozen=True)
class Row:
    """One metric on one set.

    Parameters
    ----------
    name, about : str
    answers : Answers
    baseline : bool
        Color histograms and Gram matrices.
    """

    name: str
    about: str
    answers: Answers
    baseline: bool = False


def best_baseline(rows: Sequence[Row]) -> Row:
    """Return the baseline with the highest mAP."""
    return max((row for row in rows if row.baseline), key=lambda row: row.answers.precision.mean())


def table(rows: Sequence[Row]) -> str:
    """Return the rows by decreasing mAP, each compared with the best baseline."""
    reference = best_baseline(rows)
    lines = [
        "| metric | what it compares | mAP | 95 % | times best baseline | 95 % | mAP, artists alike "
        "| recall@1 | @5 | @10 |",
        "| --- | --- | ---: | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda each: -each.answers.precision.mean()):
        mean, times = row.answers.mean_precision(), ratio(row.answers, reference.answers)
        name = (
            f"{row.name} (baseline)" if row.baseline else f"**{row.name}**" if row.name == OURS else row.name
        )
        ranks = " | ".join(f"{row.answers.recall(rank):.3f}" for rank in (1, 5, 10))
        lines.append(
            f"| {name} | {row.about} | {mean.value:.4f} | {_range(mean, 4)} | {times.value:.2f} "
            f"| {_range(times, 2)} | {row.answers.by_artist():.4f} | {ranks} |"
        )
    return "\n".join(lines)


def plot(rows: Sequence[Row], title: str) -> Image.Image:
    """Draw bars of mAP with their intervals, the best on top."""
    rows = sorted(rows, key=lambda each: -each.answers.precision.mean())
    line, left, width = 30 * _SCALE, 190 * _SCALE, 900 * _SCALE
    top, bottom, right = 58 * _SCALE, 52 * _SCALE, 130 * _SCALE
    height = top + line * len(rows) + bottom
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    font, bold = ImageFont.load_default(14 * _SCALE), ImageFont.load_default(17 * _SCALE)
    intervals = [row.answers.mean_precision() for row in rows]
    longest = max(each.high for each in intervals)
    unit = (width - left - right) / longest
    pen.text((16 * _SCALE, 16 * _SCALE), title, "#222222", bold)
    step = 0.02 if longest < 0.2 else 0.05
    for tick in range(int(longest / step) + 1):
        x = left + tick * step * unit
        pen.line([(x, top), (x, height - bottom)], "#e6e6e6", _SCALE)
        pen.text((x, height - bottom + 6 * _SCALE), f"{tick * step:.2f}", "#555555", font, anchor="ma")
    reference = best_baseline(rows).answers.precision.mean()
    x = left + reference * unit
    for y in range(top, height - bottom, 10 * _SCALE):
        pen.line([(x, y), (x, y + 5 * _SCALE)], "#c0392b", _SCALE)
    for index, (row, mean) in enumerate(zip(rows, intervals, strict=True)):
        y = top + index * line
        kind = "baseline" if row.baseline else "ours" if row.name == OURS else "other"
        box = (left, y + 5 * _SCALE, left + mean.value * unit, y + line - 5 * _SCALE)
        pen.rectangle(box, _COLORS[kind])
        middle = y + line / 2
        pen.line([(left + mean.low * unit, middle), (left + mean.high * unit, middle)], "#222222", 2 * _SCALE)
        for end in (mean.low, mean.high):
            x = left + end * unit
            pen.line([(x, middle - 4 * _SCALE), (x, middle + 4 * _SCALE)], "#222222", 2 * _SCALE)
        pen.text((left - 10 * _SCALE, middle), row.name, "#222222", font, anchor="rm")
        words = f"{mean.value:.3f}  ({mean.value / reference:.2f}x)"
        pen.text((left + mean.high * unit + 8 * _SCALE, middle), words, "#222222", font, anchor="lm")
    label = "mean average precision; bars: 95 % over artists; dashed: the best baseline (gray)"
    pen.text((left, height - 24 * _SCALE), label, "#555555", font)
    return picture.resize((width // _SCALE, height // _SCALE), Image.Resampling.LANCZOS)


def values(rows: Sequence[Row]) -> list[Mapping[str, object]]:
    """Return the rows as plain values for JSON."""
    return [
        {
            "metric": row.name,
            "baseline": row.baseline,
            "queries": len(row.answers.precision),
            "mAP": (mean := row.answers.mean_precision()).value,
            "mAP low": mean.low,
            "mAP high": mean.high,
            "mAP, artists alike": row.answers.by_artist(),
            **{f"recall@{rank}": row.answers.recall(rank) for rank in (1, 5, 10)},
        }
        for row in rows
    ]


def _range(interval: Interval, digits: int) -> str:
    return f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"
