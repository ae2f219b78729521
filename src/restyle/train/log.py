"""Records of a run: CSV logs, TensorBoard events, learning curves, and the `History` of a fit. No PyTorch."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restyle.errors import MissingExtraError
from restyle.images.figures import Chart, Series, draw, require_plots

if TYPE_CHECKING:
    from restyle.train.loop import Step

LOSSES, HELD_OUT = "losses.csv", "held-out.csv"
NOT_LOSSES = {"step", "rate", "seconds"}  # other columns of losses.csv
_log = logging.getLogger("restyle")


class Log:
    """A CSV file with a row per logged step, and TensorBoard events if requested.

    folder : of the run
    tensorboard : whether to write events too
    name : of the CSV file
    """

    def __init__(self, folder: Path, tensorboard: bool, name: str = LOSSES) -> None:
        self.path = folder / name
        self.prefix = "" if name == LOSSES else f"{Path(name).stem}/"
        self.events = folder / "tensorboard" if tensorboard else None
        self.writer: Any = None

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append a row; the first row determines the columns."""
        if self.path.exists():
            with self.path.open(newline="") as file:
                names = next(csv.reader(file))
        else:
            names = ["step", *values]
            with self.path.open("w", newline="") as file:
                csv.writer(file).writerow(names)
        row = {"step": str(step)} | {k: f"{v:.6g}" for k, v in values.items()}
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([row.get(name, "") for name in names])
        if self.events is not None and self.writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.events))
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(self.prefix + name, value, step)
            self.writer.flush()

    def rewind(self, step: int) -> None:
        """Drop the rows of steps that a resumed run will repeat."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows(rows[:1] + [r for r in rows[1:] if int(r[0]) <= step])


def read_log(path: Path) -> dict[str, list[float]]:
    """Read the columns of a log by name; empty fields are NaN. Empty if there is no such file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    return {name: [float(row[name] or "nan") for row in rows] for name in names}


def draw_curves(folder: Path) -> Path | None:
    """Draw `curves.png` from the logs of a run; None without a log or without matplotlib."""
    losses, held_out = read_log(folder / LOSSES), read_log(folder / HELD_OUT)
    if not losses:
        return None
    try:
        require_plots("curves.png")
    except MissingExtraError as error:  # no reason to lose a training run
        _log.warning("%s", error)
        return None
    charts = [_curves("Training loss", losses)]
    if held_out:
        charts.append(_curves("Loss on held-out and on training pictures", held_out))
    path = folder / "curves.png"
    draw(charts).save(path)
    return path


def _curves(title: str, log: dict[str, list[float]]) -> Chart:
    names = [name for name in log if name not in NOT_LOSSES]
    series = [Series(name, log["step"], log[name]) for name in names]
    positive = all(v > 0 for name in names for v in log[name] if v == v)
    return Chart(title, "step", "loss", series, log_y=positive)


@dataclass
class History:
    """The course of a fit; `StyleNetwork.fit` returns it.

    step : logged steps
    losses : `total`, `style`, `content`, `color`, `variation`, `range`: means since the previous logged step
    held_out : losses on held-out photos and on as many photos in training, with the `step` of each
        measurement
    seconds : duration of the steps in this call
    skipped : pictures that could not be read, with the reason
    """

    step: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, step: Step, log_every: int) -> None:
        """Record a logged step."""
        self.step.append(step.step)
        self.seconds += step.seconds * log_every
        for key, value in step.losses.items():
            self.losses.setdefault(key, []).append(value)
        self.add_held_out(step.step, step.held_out)

    def add_held_out(self, step: int, losses: dict[str, float]) -> None:
        """Record the losses measured after a step; does nothing if there are none."""
        for key, value in ({"step": float(step)} | losses).items() if losses else ():
            self.held_out.setdefault(key, []).append(value)
