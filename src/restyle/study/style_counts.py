"""`restyle study styles`: how many styles must a network for any style be trained on?

Trains a small network on each number of styles and measures it on styles that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from restyle.errors import InputError, OptionError
from restyle.images.figures import Chart, Series, draw
from restyle.models import catalog
from restyle.nn.arbitrary import ArbitraryNetwork
from restyle.nn.encoders import load_encoder, load_loss_network
from restyle.nn.losses import content_loss, out_of_range, texture_loss, total_variation
from restyle.nn.transformer import TransformerShape
from restyle.options.train import ENCODER, StyleOptions, StyleTrainOptions
from restyle.study import Result, hold_out, read_result, spread, write_json
from restyle.train.augmentation import CONTENT, PLAIN, STYLE
from restyle.train.data import Pictures, picture_paths, save_grid, to_tensor
from restyle.train.log import HELD_OUT, read_log
from restyle.train.loop import fit

SMALL = TransformerShape(half=16, quarter=32, eighth=48, full=12, blocks=3, code=64)
MEASURED = 16  # styles of each kind that are measured, each on one photo


class StyleCountTask:
    """Trains a small network for any style on some styles; measures it on held-out styles as well.

    styles, held_out : style pictures to train on; to measure on only
    shape : of the transformer
    """

    name = "styles"

    def __init__(
        self,
        content: Pictures,
        styles: Pictures,
        held_out: Pictures,
        *,
        crop: int = 96,
        batch: int = 4,
        shape: TransformerShape = SMALL,
        seed: int = 1,
        encoder: str | Path = ENCODER,
    ) -> None:
        self.content, self.styles, self.held_out = content, styles, held_out
        self.crop, self.batch_size = crop, batch
        self.loss_network = load_loss_network(encoder)
        record = catalog.records().get(str(encoder))
        torch.manual_seed(seed)
        network = ArbitraryNetwork(load_encoder(record.file("encoder").path if record else encoder), shape)
        # Not on the training styles: a single one has no deviation, and runs must not differ in calibration.
        rng = np.random.default_rng([seed, 0xCA11])
        network.style.calibrate(source.batch(8, crop, rng) for source in [content] * 4 + [held_out] * 4)
        self.model: nn.Module = network

    def to(self, device: torch.device) -> None:
        """Move the loss network."""
        self.loss_network.to(device)

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return crops of photos and of styles."""
        return {
            "content": self.content.batch(self.batch_size, self.crop, rng),
            "style": self.styles.batch(self.batch_size, self.crop, rng),
        }

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return style, content, total variation and range losses; `total` is their weighted sum."""
        out = model(batch["content"], batch["style"]).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            photo, style = (self.loss_network.features(batch[key]) for key in ("content", "style"))
        ours = self.loss_network.features(out)
        terms = {
            "style": texture_loss(ours, style).mean(),
            "content": content_loss(ours, photo, 1.0).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
        }
        total = (
            terms["style"]
            + StyleOptions.content_weight * terms["content"]
            + 0.01 * terms["variation"]
            + 3.0 * terms["range"]
        )
        return {"total": total, **terms}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return losses with styles in training and with held-out styles; the crops are always the same."""
        found: dict[str, float] = {}
        device = next(model.parameters()).device
        for name, pictures in (("train", self.styles), ("held out", self.held_out)):
            sums = {"total": 0.0, "style": 0.0}
            for place in range(MEASURED):
                batch = {
                    "content": _center(self.content, place, self.crop).to(device),
                    "style": _center(pictures, place * len(pictures) // MEASURED, self.crop).to(device),
                }
                losses = self.losses(model, batch, 0)
                for key in sums:
                    sums[key] += float(losses[key]) / MEASURED
            found |= {name: sums["total"], f"{name} style": sums["style"]}
        return found

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a grid of photo, style and result: three styles in training, three held out."""
        device = next(model.parameters()).device
        columns = []
        for place, pictures in enumerate([self.styles] * 3 + [self.held_out] * 3):
            content = _center(self.content, place, 160).to(device)
            style = _center(pictures, place, 160).to(device)
            columns.append([content[0], style[0], model(content, style)[0]])
        save_grid(list(zip(*columns, strict=True)), path)


def _center(pictures: Pictures, place: int, side: int) -> Tensor:
    """Return the largest square of a picture, [1, 3, side, side]."""
    crop = pictures.crop(place % len(pictures), side, np.random.default_rng(place), PLAIN)
    return to_tensor([crop])


@dataclass(frozen=True)
class CountPlan:
    """A run: photos, styles to train on, styles to measure on, and options."""

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


def parse_counts(text: str) -> list[int]:
    """Parse `1,8,64`; raises OptionError if a value is not a positive integer."""
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        counts = [0]
    if counts[0] < 1:
        raise OptionError(f"counts '{text}': write numbers from 1 up, such as 1,8,64,512")
    return counts


def split_styles(folder: Path, counts: Sequence[int], held_out: int) -> tuple[list[str], list[str]]:
    """Return styles to train on and styles to hold out; raises InputError if there are too few."""
    paths = picture_paths(folder)
    if len(paths) < held_out + counts[-1]:
        raise InputError(
            f"'{folder}' has {len(paths)} pictures: too few for {counts[-1]} and {held_out} held out"
        )
    return hold_out(paths, held_out)


def run(plan: CountPlan) -> Result:
    """Train and measure one network; reads the result of a finished run, continues an interrupted one."""
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
    write_json(folder / "result.json", result)
    return result


def write_report(folder: Path, facts: str, results: Sequence[Result]) -> Path:
    """Write `report.md` and `styles.png` into the folder of the study."""
    counts = sorted({int(result["count"]) for result in results})
    runs = {count: [r for r in results if r["count"] == count] for count in counts}
    series = []
    for key, name in (("train", "styles in training"), ("held out", "held-out styles")):
        values = [[float(r[key]) for r in runs[count]] for count in counts]
        series.append(Series(name, counts, [fmean(v) for v in values], [spread(v) for v in values], "both"))
    trained, held_out = series[0].y, series[1].y
    gaps = [theirs / ours - 1 for ours, theirs in zip(trained, held_out, strict=True)]
    curves = [
        Series(f"{count}, {name}", runs[count][0]["curve"]["step"], runs[count][0]["curve"][f"{name} style"])
        for count in (counts[0], counts[-1])
        for name in ("train", "held out")
    ]
    charts = [
        Chart("Lower is better", "styles in training", "style loss", series, log_x=True, zero=True),
        Chart("During training, first seed", "step", "style loss", curves, log_y=True),
    ]
    draw(charts).save(folder / "styles.png")
    best = counts[int(np.argmin(held_out))]
    lines = [
        "# Study: how many styles to train on",
        "",
        facts,
        "",
        f"Lowest style loss on held-out styles: {best} styles. The gap between held-out styles and styles in"
        f" training is {gaps[0]:+.0%} with {counts[0]} and {gaps[-1]:+.0%} with {counts[-1]}.",
        "",
        "| styles in training | seeds | style loss, in training | style loss, held out | gap |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {count} | {len(runs[count])} | {ours:.4f} | {theirs:.4f} | {gap:+.0%} |"
            for count, ours, theirs, gap in zip(counts, trained, held_out, gaps, strict=True)
        ),
        "",
        "![Style loss against the number of styles](styles.png)",
    ]
    path = folder / "report.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
