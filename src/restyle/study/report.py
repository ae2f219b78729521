"""What came out of a study, for a person to read: tables, plots with spread, pictures, an answer."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from restyle.evaluate.charts import Chart, Series, draw
from restyle.study.grid import label, shown


@dataclass(frozen=True)
class Group:
    """The runs of one setting, one for each seed."""

    name: str
    label: str
    runs: tuple[dict[str, Any], ...]

    def values(self, key: str) -> list[float]:
        """A figure of all seeds: `steps`, `paint`, `parameters`, or a loss by name."""
        return [float(run["losses"][key] if key in run["losses"] else run[key]) for run in self.runs]

    def mean(self, key: str) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.values(key))

    def ends(self, key: str) -> tuple[float, float]:
        """Least and most over seeds."""
        return min(self.values(key)), max(self.values(key))


def groups(results: Sequence[dict[str, Any]]) -> list[Group]:
    """Put the runs of one setting together, in the order in which settings come."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        found.setdefault(label(result["setting"]), []).append(result)
    return [Group(shown(runs[0]["setting"]), name, tuple(runs)) for name, runs in found.items()]


def answer(found: Sequence[Group]) -> str:
    """Say which setting is best, and whether the spread over seeds allows to say it."""
    order = sorted(found, key=lambda group: group.mean("total"))
    best = order[0]
    told = f"Best by held-out loss: **{best.name}** ({best.mean('total'):.4f})."
    if len(order) == 1:
        return told
    next_one = order[1]
    apart = best.ends("total")[1] < next_one.ends("total")[0]
    more = next_one.mean("total") / best.mean("total") - 1
    told += f" Next: {next_one.name} ({next_one.mean('total'):.4f}, {more:+.1%})."
    seeds = min(len(best.runs), len(next_one.runs))
    if seeds < 2:
        return told + " With one seed each, no spread is known: the order may be chance."
    told += (
        f" Every one of the {seeds} seeds of the first is better than every one of the second."
        if apart
        else " Their seeds overlap: the difference between these two may be chance."
    )
    return told


def write_report(folder: Path, title: str, facts: Sequence[str], results: Sequence[dict[str, Any]]) -> Path:
    """Write `report.md`, `quality.png` and `pictures.png` into the folder of a study."""
    found = groups(results)
    _plots(found).save(folder / "quality.png")
    pictures = _pictures(folder, found)
    lines = [f"# {title}", "", *facts, "", "## Answer", "", answer(found), "", "## Figures", ""]
    lines += [
        "| setting | seeds | parameters | steps | paint 512 px, s | held-out loss (least to most) | style"
        " | content |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for group in found:
        low, high = group.ends("total")
        lines.append(
            f"| {group.name} | {len(group.runs)} | {group.mean('parameters') / 1e3:.0f} k "
            f"| {group.mean('steps'):.0f} | {group.mean('paint'):.2f} "
            f"| {group.mean('total'):.4f} ({low:.4f} to {high:.4f}) | {group.mean('style'):.4f} "
            f"| {group.mean('content'):.4f} |"
        )
    lines += [
        "",
        "![Held-out loss against time to paint and against parameters; bars go from the best to the worst"
        " seed](quality.png)",
    ]
    if pictures is not None:
        pictures.save(folder / "pictures.png")
        lines += ["", "![The same held-out photo through each network, first seed](pictures.png)"]
    path = folder / "report.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _plots(found: Sequence[Group]) -> Image.Image:
    charts = []
    for key, name in (("paint", "processor time to paint 512 x 512 px, s"), ("parameters", "parameters")):
        series = [
            Series(
                group.name,
                [group.mean(key)],
                [group.mean("total")],
                [group.ends("total")],
                style="points",
            )
            for group in found
        ]
        charts.append(Chart("Lower is better", name, "held-out loss", series, log_x=True))
    return draw(charts)


def _pictures(folder: Path, found: Sequence[Group]) -> Image.Image | None:
    tiles = []
    for group in found:
        path = folder / "runs" / f"{group.label}_seed-{group.runs[0]['seed']}" / "art.png"
        if path.is_file():
            with Image.open(path) as art:
                tiles.append((group.name, art.convert("RGB")))
    if not tiles:
        return None
    wide, high = max(t.width for _, t in tiles) + 8, max(t.height for _, t in tiles) + 30
    columns = min(4, len(tiles))
    sheet = Image.new("RGB", (columns * wide, -(-len(tiles) // columns) * high), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (name, tile) in enumerate(tiles):
        left, top = index % columns * wide, index // columns * high
        sheet.paste(tile, (left + 4, top + 24))
        pen.text((left + 4, top + 4), name, fill="black", font=font)
    return sheet
