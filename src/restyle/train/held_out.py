"""Does a network learn what it is shown, or what is behind it? Told by pictures that it never sees."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

RISES = 3  # times in a row that the gap must be wide before it is worth a warning


@dataclass
class HeldOutWatch:
    """Compares the loss on what is trained on with that on what is held out, each time they are measured.

    patience : times in a row without a better held-out loss after which training should stop; 0 is never
    gap : warn when the held-out loss is that share above the other; 0 is never
    """

    patience: int = 0
    gap: float = 0.0
    best: float = math.inf
    worse: int = 0
    wide: int = 0
    warned: bool = False

    def see(self, trained: float, held_out: float) -> str:
        """Take note of a measurement; return a warning, or nothing."""
        self.worse = 0 if held_out < self.best else self.worse + 1
        self.best = min(self.best, held_out)
        share = held_out / max(trained, 1e-12) - 1
        self.wide = self.wide + 1 if self.gap and share > self.gap else 0
        if self.warned or self.wide < RISES:
            return ""
        self.warned = True
        return (
            f"the gap is open: held out {held_out:.3f} is {share:.0%} above {trained:.3f} in training; "
            "more or more varied pictures help, or stopping here"
        )

    @property
    def stop(self) -> bool:
        """Whether it has not become better for long enough."""
        return bool(self.patience) and self.worse >= self.patience

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        kept = asdict(self)
        return {name: float(kept[name]) for name in ("best", "worse", "wide", "warned")}

    def restore(self, state: dict[str, float]) -> None:
        """Go on where a checkpoint was."""
        self.best, self.worse, self.wide = state["best"], int(state["worse"]), int(state["wide"])
        self.warned = bool(state["warned"])
