"""Few styles or many: a small any-style network on each number of them, measured on styles it never saw."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restyle.evaluate.charts import Chart, Series, draw
from restyle.options.train import StyleTrainOptions
from restyle.study.networks import read_result


@dataclass(frozen=True)
class CountPlan:
    """What a run needs to know.

    Parameters
    ----------
    folder : str
    content, styles, held_out : tuples of str
        Photos; styles to train on; styles to measure on.
    seed, steps, batch, crop, threads : int
    encoder : str
    """

    folder: str
    content: tuple[str, ...]
    styles: tuple[str, ...]
    held_out: tuple[str, ...]
    seed: int
    steps: int
    batch: int
    crop: int
    threads: int
    encoder: str


def run(plan: CountPlan) -> dict[str, Any]:
    """Train and measure one network; a run that was stopped goes on from its checkpoint."""
    from restyle.study.style_counts_network import StyleCountTask
    from restyle.train.augmentation import CONTENT, STYLE
    from restyle.train.data import Pictures
    from restyle.train.log import HELD_OUT, read_log
    from restyle.train.loop import fit

    folder = Path(plan.folder)
    done = read_result(folder)
    if done is not None:
        return done
    task = StyleCountTask(
        Pictures(plan.content, CONTENT, longest=320),
        Pictures(plan.styles, STYLE, longest=320),
        Pictures(plan.held_out, STYLE, longest=320),
        crop=plan.crop,
        batch=plan.batch,
        seed=plan.seed,
        encoder=plan.encoder,
    )
    every = max(1, plan.steps // 12)
    options = StyleTrainOptions(
        steps=plan.steps,
        seed=plan.seed,
        threads=plan.threads,
        evaluate_every=every,
        save_every=every,
        preview_every=10**9,
        log_every=max(1, every // 2),
        rate=1e-3,
    )
    fit(task, folder, options, resume=(folder / "checkpoint.pt").exists())
    measured = read_log(folder / HELD_OUT)
    result = {
        "count": len(plan.styles),
        "seed": plan.seed,
        "train": measured["train style"][-1],
        "held out": measured["held out style"][-1],
        "curve": {name: measured[name] for name in ("step", "train style", "held out style")},
    }
    temporary = folder / "result.part"
    temporary.write_text(json.dumps(result, indent=1))
    os.replace(temporary, folder / "result.json")
    return result


def write_count_report(folder: Path, facts: str, results: Sequence[dict[str, Any]]) -> Path:
    """Write `report.md` and `styles.png` into the folder of the study."""
    counts = sorted({int(result["count"]) for result in results})
    of = {count: [r for r in results if r["count"] == count] for count in counts}
    rows, series = [], []
    for name in ("train", "held out"):
        values = [[float(r[name]) for r in of[count]] for count in counts]
        spread = [(min(v), max(v)) for v in values]
        told = {"train": "styles trained on", "held out": "styles held out"}[name]
        series.append(Series(told, counts, [statistics.fmean(v) for v in values], spread, "both"))
    gaps = []
    for place, count in enumerate(counts):
        trained, held_out = series[0].y[place], series[1].y[place]
        gaps.append(held_out / trained - 1)
        rows.append(f"| {count} | {len(of[count])} | {trained:.4f} | {held_out:.4f} | {gaps[-1]:+.0%} |")
    curves = [
        Series(f"{count}, {name}", of[count][0]["curve"]["step"], of[count][0]["curve"][f"{name} style"])
        for count in (counts[0], counts[-1])
        for name in ("train", "held out")
    ]
    draw(
        [
            Chart("Lower is better", "styles in training", "style loss", series, log_x=True, zero=True),
            Chart("On the way, first seed", "step", "style loss", curves, log_y=True),
        ]
    ).save(folder / "styles.png")
    best = counts[min(range(len(counts)), key=lambda i: series[1].y[i])]
    lines = [
        "# Study: how many styles to train on",
        "",
        facts,
        "",
        f"Lowest style loss on styles held out: {best} styles. The gap between styles held out and styles"
        f" trained on goes from {gaps[0]:+.0%} ({counts[0]}) to {gaps[-1]:+.0%} ({counts[-1]}).",
        "",
        "| styles in training | seeds | style loss, trained on | style loss, held out | gap |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        "![Style loss against the number of styles](styles.png)",
    ]
    path = folder / "report.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
