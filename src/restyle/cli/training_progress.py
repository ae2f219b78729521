"""Progress of a training run: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restyle.train.loop import Step


class TrainingBar:
    """Shows losses, speed and the time left of a run on standard error.

    Parameters
    ----------
    name : str
        Name of the task.
    steps : int
    images : int
        Pictures per step; 0 hides pictures per second.
    quiet : bool
        Print nothing; for all ranks of torchrun but the first.
    """

    def __init__(self, name: str, steps: int, images: int = 0, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.images = images
        self.console = Console(stderr=True, quiet=quiet)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.progress = Progress(*columns, console=self.console)
        self.bar = self.progress.add_task(name, total=steps, note="")

    def __enter__(self) -> TrainingBar:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.progress.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def at(self, step: Step) -> None:
        """Show a step; a callback of `train.loop.fit`."""
        losses = "  ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
        speed = f"{self.images / step.seconds:.1f} images/s" if self.images else f"{step.seconds:.2f} s/step"
        note = f"{losses}  {speed}, {time_left(step.seconds_left)} left"
        self.progress.update(self.bar, completed=step.step, total=step.steps, note=note)
        if not self.console.is_terminal:
            self.say(f"step {step.step} of {step.steps}: {note}")
        if step.held_out:
            held_out = ", ".join(f"{name} {value:.3f}" for name, value in step.held_out.items())
            self.say(f"step {step.step}: evaluation: {held_out}")
        if step.warning:
            self.say(f"restyle: warning: {step.warning}")


def time_left(seconds: float) -> str:
    """Format a duration: `50 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
