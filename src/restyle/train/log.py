"""What a run writes down: a CSV table, TensorBoard events, and learning curves as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from restyle.evaluate.charts import Chart, Series, draw

LOSSES, HELD_OUT = "losses.csv", "held-out.csv"
NO_LOSS = {"step", "rate", "seconds"}


class Log:
    """A CSV file of steps, and TensorBoard events when asked for.

    folder : of the run
    tensorboard : whether to write events too
    name : of the CSV file
    """

    def __init__(self, folder: Path, tensorboard: bool, name: str = LOSSES) -> None:
        self.path = folder / name
        self.prefix = "" if name == LOSSES else f"{Path(name).stem}/"
        self.events = folder / "tensorboard" if tensorboard else None
        self.board: Any = None

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append a row; the first one decides the columns."""
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
        if self.events is not None and self.board is None:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(self.events))
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(self.prefix + name, value, step)
            self.board.flush()

    def rewind(self, step: int) -> None:
        """Drop the rows of steps that a resumed run will do again."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows(rows[:1] + [r for r in rows[1:] if int(r[0]) <= step])


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a log by name; empty fields are NaN. Empty if there is no such file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    return {name: [float(row[name] or "nan") for row in rows] for name in names}


def draw_curves(folder: Path) -> Path | None:
    """Draw `curves.png` from the logs of a run; None if it has logged nothing yet."""
    losses, held_out = read_log(folder / LOSSES), read_log(folder / HELD_OUT)
    if not losses:
        return None
    charts = [_curves("Losses, training", losses)]
    if held_out:
        charts.append(_curves("Held out, and the same of what is trained on", held_out))
    path = folder / "curves.png"
    draw(charts).save(path)
    return path


def _curves(title: str, log: dict[str, list[float]]) -> Chart:
    names: Sequence[str] = [name for name in log if name not in NO_LOSS]
    series = [Series(name, log["step"], log[name]) for name in names]
    positive = all(v > 0 for name in names for v in log[name] if v == v)
    return Chart(title, "step", "loss", series, log_y=positive)
