"""The study as Markdown and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from benchmarks.retrieval.scoring import Answers, ratio
from restyle.evaluate.summary import Interval
from restyle.images.figures import drawing, new_figure, to_image

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
    intervals = [row.answers.mean_precision() for row in rows]
    values = [each.value for each in intervals]
    errors = [[v - each.low for v, each in zip(values, intervals, strict=True)]]
    errors += [[each.high - v for v, each in zip(values, intervals, strict=True)]]
    kinds = ["baseline" if row.baseline else "ours" if row.name == OURS else "other" for row in rows]
    reference = float(best_baseline(rows).answers.precision.mean())
    with drawing([title, *(row.name for row in rows)]):
        figure = new_figure(900, 110 + 30 * len(rows))
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        places = range(len(rows))
        axes.barh(places, values, 0.66, xerr=errors, capsize=3, color=[_COLORS[kind] for kind in kinds])
        axes.axvline(reference, color="#c0392b", linestyle="--", linewidth=1)
        axes.set_yticks(places, [row.name for row in rows])
        axes.invert_yaxis()
        for place, each in zip(places, intervals, strict=True):
            axes.text(each.high, place, f"  {each.value:.3f} ({each.value / reference:.2f}x)", va="center")
        axes.set(title=title, xlim=(0, 1.2 * max(each.high for each in intervals)))
        axes.set_xlabel("mean average precision; bars: 95 % over artists; dashed: the best baseline (gray)")
        axes.spines[["top", "right"]].set_visible(False)
        return to_image(figure)


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
