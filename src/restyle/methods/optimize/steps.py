"""What an optimisation tells while it runs, and how it ends when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from restyle.images.picture import Picture
from restyle.types import FloatArray


class Stopped(Exception):  # noqa: N818
    """The run was stopped; `picture` is the best so far.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
        At full size, whatever size the run had come to.
    """

    def __init__(self, picture: FloatArray) -> None:
        super().__init__("stopped")
        self.picture = picture
        self.finished: Picture | None = None  # set by the stages that come after


@dataclass(frozen=True)
class Step:
    """What a callback is told after each step.

    Parameters
    ----------
    number, total : int
        The step just taken, from 1, and how many there are in all.
    height, width : int
        Size that is worked at, in px.
    terms : mapping of str to float
        What the loss was made of, weighted, before the step.
    seconds_left : float or None
        None until it can be guessed.
    """

    number: int
    total: int
    height: int
    width: int
    terms: Mapping[str, float]
    seconds_left: float | None
    _look: Callable[[], FloatArray] = field(repr=False)

    @property
    def loss(self) -> float:
        """Sum of the terms."""
        return sum(self.terms.values())

    def __str__(self) -> str:
        """Where the run is, as one line: `step 120/300, 512 px, gram 0.031, features 0.12, 1:20 left`."""
        told = [f"step {self.number}/{self.total}", f"{self.width}x{self.height}"]
        told += [f"{name} {value:.2g}" for name, value in self.terms.items() if value >= 1e-4]
        if self.seconds_left is not None:
            minutes, seconds = divmod(round(self.seconds_left), 60)
            told.append(f"{minutes}:{seconds:02d} left")
        return ", ".join(told)

    def picture(self) -> FloatArray:
        """The picture so far [shape=(H, W, 3), float32, RGB, range 0..1], enlarged to the content's size."""
        return self._look()
