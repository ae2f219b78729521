"""How a fit went. No PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restyle.train.loop import Step


@dataclass
class History:
    """How a fit went; what `fit` returns.

    Parameters
    ----------
    step : list of int
        Steps at which losses were logged.
    losses : dict of name to list of float
        `total`, `style`, `content`, `colour`, `variation`, `range`, each a mean since the step logged before.
    held_out : dict of name to list of float
        Measured on photos that were not trained on, and on as many that were; with the `step` of each.
    seconds : float
        Time of the steps since this call began.
    skipped : list of str
        Pictures that could not be read, and why.
    warnings : list of str
    """

    step: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, step: Step, log_every: int) -> None:
        """Take down a step that was logged."""
        self.step.append(step.step)
        self.seconds += step.seconds * log_every
        for key, value in step.losses.items():
            self.losses.setdefault(key, []).append(value)
        self.add_held_out(step.step, step.held_out)

    def add_held_out(self, step: int, measured: dict[str, float]) -> None:
        """Take down what was measured after a step, if anything was."""
        for key, value in ({"step": float(step)} | measured).items() if measured else ():
            self.held_out.setdefault(key, []).append(value)
