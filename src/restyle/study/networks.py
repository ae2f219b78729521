"""`restyle study network`: train each setting with the same budget and several seeds, and write a report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image

from restyle.errors import InputError
from restyle.images.figures import Chart, Series, draw, sheet
from restyle.options.train import ENCODERS, NetworkOptions, StyleOptions, StyleTrainOptions
from restyle.study import (
    Result,
    Setting,
    at_most,
    hold_out,
    label,
    read_result,
    run_all,
    spread,
    title,
    write_json,
)
from restyle.train.data import picture_paths
from restyle.train.style_network import StyleNetwork

CALIBRATION = 6  # steps; the fastest gives the duration of a step
SPEED_SIDE = 512  # px, of the picture for the measurement of speed
COLUMNS = 4  # of pictures in the report


@dataclass(frozen=True)
class Conditions:
    """What all runs of a study have in common.

    content, held_out, styles : photos to train on and to measure on; style pictures
    budget : processor time for training in s; unlike wall-clock time it does not depend on other load
    """

    content: tuple[str, ...]
    held_out: tuple[str, ...]
    styles: tuple[str, ...]
    budget: float
    batch: int = 4
    crop: int = StyleOptions.crop
    style_size: int = StyleOptions.style_size
    threads: int = 1
    encoder: str = ENCODERS


@dataclass(frozen=True)
class RunPlan:
    """A run: its folder, the options that differ from the default, and the seed."""

    folder: str
    setting: Setting
    seed: int
    conditions: Conditions


def split_photos(content: Path, photos: int, held_out: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return at most `photos` paths to train on and `held_out` others to measure on.

    Raises InputError if there are too few.
    """
    paths = picture_paths(content)
    if len(paths) < held_out + 2:
        raise InputError(f"'{content}' has {len(paths)} pictures: too few to hold out {held_out}")
    rest, kept = hold_out(paths, held_out)
    return at_most(rest, photos), tuple(kept)


def run(plan: RunPlan) -> Result:
    """Train and measure one network; reads the result of a finished run, continues an interrupted one."""
    folder, shared = Path(plan.folder), plan.conditions
    done = read_result(folder)
    if done is not None:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    steps = max(10, round(shared.budget / _seconds_per_step(plan)))
    start = time.process_time()
    training = folder / "training"
    network, losses = _fit(
        plan,
        steps,
        folder=training,
        save_every=max(25, steps // 8),
        resume=(training / "checkpoint.pt").exists(),
    )
    seconds = time.process_time() - start
    from restyle.train.style import held_out_losses

    network.save(folder / "network.restyle", overwrite=True)
    result = {
        "setting": plan.setting,
        "seed": plan.seed,
        "steps": steps,
        "seconds": seconds,
        "parameters": sum(parameter.numel() for parameter in network.module.parameters()),
        "paint": _seconds_to_paint(network),
        "losses": held_out_losses(
            network.module, shared.held_out, shared.styles, shared.crop, shared.style_size, shared.encoder
        ),
        "training": {name: values[-1] for name, values in losses.items()},
    }
    network.predict(
        shared.held_out[0], network.styles[:1], size=256, output=folder / "art.png", overwrite=True
    )
    write_json(folder / "result.json", result)
    return result


def _fit(plan: RunPlan, steps: int, **more: Any) -> tuple[StyleNetwork, dict[str, list[float]]]:
    def chosen(options: type) -> dict[str, Any]:
        return {each.name: plan.setting[each.name] for each in fields(options) if each.name in plan.setting}

    shared = plan.conditions
    recipe = {"crop": shared.crop, "style_size": shared.style_size, "held_out": 0} | chosen(StyleOptions)
    network = StyleNetwork(**chosen(NetworkOptions), seed=plan.seed)
    quiet = {"save_every": 10**9, "preview_every": 10**9, "evaluate_every": 0, "log_every": 10}
    options = quiet | chosen(StyleTrainOptions) | {"seed": plan.seed, "threads": shared.threads} | more
    history = network.fit(
        shared.content,
        shared.styles,
        batch_size=shared.batch,
        recipe=StyleOptions(**recipe),
        encoder=shared.encoder,
        steps=steps,
        **options,
    )
    return network, history.losses


def _seconds_per_step(plan: RunPlan) -> float:
    """Measure the processor time of a step, once for all seeds of a setting."""
    path = Path(plan.folder).parent / f"{label(plan.setting)}_step.json"
    if path.is_file():
        return float(json.loads(path.read_text())["seconds"])
    times: list[float] = []
    _fit(plan, CALIBRATION, log_every=1, callbacks=[lambda step: times.append(time.process_time())])
    seconds = float(np.min(np.diff(times)))
    write_json(path, {"seconds": seconds})
    return seconds


def _seconds_to_paint(network: StyleNetwork) -> float:
    """Measure the processor time to paint 512 x 512 px: the least of three."""
    picture = np.random.default_rng(0).integers(0, 256, (SPEED_SIDE, SPEED_SIDE, 3), np.uint8)
    times = []
    for _ in range(4):
        start = time.process_time()
        network.predict(picture, list(network.styles[:1]))
        times.append(time.process_time() - start)
    return min(times[1:])  # the first call loads the graph


class NetworkStudy:
    """Measures settings, and reports.

    finished : called after each run with the number of finished runs, its plan and its result
    """

    def __init__(
        self,
        folder: Path,
        conditions: Conditions,
        seeds: int,
        jobs: int,
        finished: Callable[[int, RunPlan, Result], None],
    ) -> None:
        self.folder, self.conditions, self.seeds, self.jobs = folder, conditions, seeds, jobs
        self.finished = finished
        self.results: dict[str, list[Result]] = {}
        self.done = 0

    def measure(self, settings: Sequence[Setting]) -> list[float]:
        """Return the mean loss of each setting over the seeds; one seed of all settings before the next."""
        plans = [
            RunPlan(
                str(self.folder / "runs" / f"{label(setting)}_seed-{seed}"), setting, seed, self.conditions
            )
            for seed in range(1, self.seeds + 1)
            for setting in settings
        ]

        def finished(place: int, result: Result) -> None:
            self.done += 1
            self.finished(self.done, plans[place], result)

        self.results |= {label(setting): [] for setting in settings}
        for result in run_all(run, plans, self.jobs, finished):
            self.results[label(result["setting"])].append(result)
        return [
            fmean(result["losses"]["total"] for result in self.results[label(setting)])
            for setting in settings
        ]

    def report(self, settings: Sequence[Setting], facts: Sequence[str]) -> Path:
        """Write the report on settings, in this order."""
        varied = ", ".join(name.replace("_", "-") for name in (settings[0] if settings else {}))
        results = [result for setting in settings for result in self.results[label(setting)]]
        return write_report(self.folder, f"Study: {varied}", facts, results)


@dataclass(frozen=True)
class Group:
    """The runs of one setting, one per seed."""

    name: str
    label: str
    runs: tuple[Result, ...]

    def values(self, key: str) -> list[float]:
        """Return `steps`, `paint`, `parameters`, or a loss by name, of all seeds."""
        return [float(run["losses"][key] if key in run["losses"] else run[key]) for run in self.runs]

    def mean(self, key: str) -> float:
        """Return the mean over seeds."""
        return fmean(self.values(key))


def groups(results: Sequence[Result]) -> list[Group]:
    """Group runs by setting, in the order of the results."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(label(result["setting"]), []).append(result)
    return [Group(title(runs[0]["setting"]), name, tuple(runs)) for name, runs in found.items()]


def answer(found: Sequence[Group]) -> str:
    """Name the best setting, and say whether the variation over seeds supports it."""
    best, *others = sorted(found, key=lambda group: group.mean("total"))
    text = f"Best by held-out loss: **{best.name}** ({best.mean('total'):.4f})."
    if not others:
        return text
    second = others[0]
    more = second.mean("total") / best.mean("total") - 1
    text += f" Second: {second.name} ({second.mean('total'):.4f}, {more:+.1%})."
    seeds = min(len(best.runs), len(second.runs))
    if seeds < 2:
        return text + " There is only one seed each: the order may be chance."
    if max(best.values("total")) < min(second.values("total")):
        return text + f" All {seeds} seeds of the best are better than all seeds of the second."
    return text + " Their seeds overlap: the difference may be chance."


def write_report(folder: Path, heading: str, facts: Sequence[str], results: Sequence[Result]) -> Path:
    """Write `report.md`, `quality.png` and `pictures.png`."""
    found = groups(results)
    _charts(found).save(folder / "quality.png")
    lines = [f"# {heading}", "", *facts, "", "## Answer", "", answer(found), "", "## Figures", ""]
    lines += [
        "| setting | seeds | parameters | steps | paint 512 px, s | held-out loss (least to most) | style"
        " | content |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for group in found:
        low, high = spread(group.values("total"))
        lines.append(
            f"| {group.name} | {len(group.runs)} | {group.mean('parameters') / 1e3:.0f} k "
            f"| {group.mean('steps'):.0f} | {group.mean('paint'):.2f} "
            f"| {group.mean('total'):.4f} ({low:.4f} to {high:.4f}) | {group.mean('style'):.4f} "
            f"| {group.mean('content'):.4f} |"
        )
    lines += ["", "![Held-out loss, with bars from the best to the worst seed](quality.png)"]
    pictures = _pictures(folder, found)
    if pictures is not None:
        pictures.save(folder / "pictures.png")
        lines += ["", "![The same held-out photo painted by each network, first seed](pictures.png)"]
    path = folder / "report.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _charts(found: Sequence[Group]) -> Image.Image:
    charts = []
    for key, name in (("paint", "processor time to paint 512 x 512 px, s"), ("parameters", "parameters")):
        series = [
            Series(
                group.name,
                [group.mean(key)],
                [group.mean("total")],
                [spread(group.values("total"))],
                style="points",
            )
            for group in found
        ]
        charts.append(Chart("Lower is better", name, "held-out loss", series, log_x=True))
    return draw(charts)


def _pictures(folder: Path, found: Sequence[Group]) -> Image.Image | None:
    """Draw the picture of each setting with its name; None if there are none."""
    pictures: list[Image.Image | None] = []
    names = []
    for group in found:
        path = folder / "runs" / f"{group.label}_seed-{group.runs[0]['seed']}" / "art.png"
        if path.is_file():
            with Image.open(path) as art:
                pictures.append(art.convert("RGB"))
            names.append(group.name)
    rows = range(0, len(pictures), COLUMNS)
    if not pictures:
        return None
    return sheet([pictures[i : i + COLUMNS] for i in rows], [names[i : i + COLUMNS] for i in rows])
