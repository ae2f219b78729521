"""Choose the resolution at which a machine keeps up.

A frame is as late as it waited to be taken, at most the time that the one before took, plus the time that
it takes itself. So a delay of D allows D / 2 for a frame, and a little of that is kept in reserve. The time
of painting grows with the pixels that are painted; what reading, enlarging and encoding a frame take does
not, so painting smaller is no cure for it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

SIZES = (96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512, 576, 640, 768, 896, 1024, 1280, 1536, 1920)
"""Longest sides in px: steps of about a fifth, all multiples of 32."""

_RESERVE = 0.9  # part of the time allowed that a frame may take on average
_WORST = 1.05  # and the slower ones among the last
_HELPS = 0.05  # of a frame's time must be saved by painting the next smaller size, or it is not worth it
_MEMORY = 12  # frames after which a larger size may be tried
_PATIENCE = 1.0  # seconds at one size before a larger one is tried
_PATIENCE_GROWTH = 2.0  # after every step that had to be taken back


class Pace:
    """The size to paint at, from what painting took so far.

    Parameters
    ----------
    delay : float
        Seconds from camera to result.
    longest : int
        Longest side of the camera's frames, which is never exceeded.
    fixed : int or None
        A size to stay at.

    Examples
    --------
    >>> pace = Pace(0.2, 640)
    >>> pace.start(seconds=0.030)  # that a frame of `SIZES[pace.trial]` took
    >>> pace.size
    320
    """

    def __init__(self, delay: float, longest: int, fixed: int | None = None) -> None:
        self.allowed = delay / 2
        self._sizes = [size for size in SIZES if size < longest] + [longest]
        self.trial = min(len(self._sizes) - 1, 4)
        self._fixed = fixed
        self._at = self.trial
        self._took: deque[float] = deque(maxlen=_MEMORY)
        self._painting: deque[float] = deque(maxlen=_MEMORY)
        self._since, self._patience = 0.0, _PATIENCE
        self._went_up = False

    @property
    def size(self) -> int:
        """Longest side to paint at."""
        return self._fixed or self._sizes[self._at]

    @property
    def slow(self) -> float:
        """Seconds that the slower frames took lately; 0 before any."""
        return float(np.quantile(self._took, 0.9)) if self._took else 0.0

    def too_old(self, age: float) -> bool:
        """Tell whether a frame that was taken so many seconds ago would come too late."""
        return age > self.allowed + max(0.0, self.allowed - self.slow)

    def start(self, seconds: float) -> None:
        """Choose the first size, from the time that a frame of the trial size took."""
        share = seconds / self._pixels(self.trial)
        fits = [n for n in range(len(self._sizes)) if share * self._pixels(n) <= _RESERVE * self.allowed]
        self._at = max(fits, default=0)

    def took(self, seconds: float, now: float, painting: float | None = None) -> None:
        """Tell how long a frame took, from being taken to being shown; of that, how long it was painted."""
        if self._since == 0.0:
            self._since = now
        self._took.append(seconds)
        self._painting.append(seconds if painting is None else painting)
        usual, slow = float(np.median(self._took)), self.slow
        too_slow = len(self._took) >= 3 and (usual > _RESERVE * self.allowed or slow > _WORST * self.allowed)
        if too_slow and self._at > 0:
            if -self._change(-1) < _HELPS * usual:
                return
            if self._went_up:
                self._patience *= _PATIENCE_GROWTH  # or it would swing to and fro
            self._go(self._at - 1, now)
        elif len(self._took) == _MEMORY and now - self._since > self._patience and self._at + 1 < self._count:
            more = self._change(1)
            if usual + more < _RESERVE * self.allowed and slow + more < _WORST * self.allowed:
                self._go(self._at + 1, now)

    def _change(self, by: int) -> float:
        """Seconds that a frame would take more, painted so many sizes larger."""
        growth = self._pixels(self._at + by) / self._pixels(self._at)
        return (growth - 1) * float(np.median(self._painting))

    @property
    def _count(self) -> int:
        return len(self._sizes)

    def _go(self, at: int, now: float) -> None:
        self._went_up = at > self._at
        self._at = at
        self._took.clear()
        self._painting.clear()
        self._since = now

    def _pixels(self, at: int) -> float:
        return float(self._sizes[at]) ** 2
