"""What a search may choose among: values of options, and spans between two numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from restyle.errors import OptionError
from restyle.study.grid import options_to_vary, parse_vary

LOGARITHMIC = 10.0  # a span of floats from which on it is searched evenly in its logarithm
_SPAN = re.compile(r"([^./]*(?:\.[^./]+)?)\.\.([^/]*)(?:/(.*))?")


@dataclass(frozen=True)
class Span:
    """All numbers from `low` to `high`, both included.

    Parameters
    ----------
    low, high : int or float
        Integers when the option is one.
    step : int, float or None
        Only low, low + step, low + 2 step ...; None: any number, of an integer option every one.
    """

    low: float
    high: float
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is one of integers."""
        return isinstance(self.low, int)

    @property
    def logarithmic(self) -> bool:
        """Whether it spans so much that its logarithm is what should be evenly tried."""
        return self.step is None and not self.whole and self.low > 0 and self.high / self.low >= LOGARITHMIC

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}" + (f"/{self.step:g}" if self.step is not None else "")


Space = dict[str, list[Any] | Span]


def parse_space(texts: Sequence[str]) -> Space:
    """Read `content-weight=0.2..2`, `width=16..64/8`, and all that `parse_vary` reads.

    Raises
    ------
    OptionError
        An option is unknown or not to be varied, or a span or a value is none of its values.

    Examples
    --------
    >>> parse_space(["width=16..64/8", "normalisation=all,blocks"])
    {'width': Span(low=16, high=64, step=8), 'normalisation': ['all', 'blocks']}
    """
    found: Space = {}
    for text in texts:
        name, _, values = text.partition("=")
        span = _SPAN.fullmatch(values.strip())
        if span is None:
            found |= parse_vary([text])
            continue
        ends = parse_vary([f"{name}={span[1]}", f"{name}={span[2]}"])  # the last one holds for a name
        key = next(iter(ends))
        known = options_to_vary()
        kind: type = get_type_hints(known[key])[key]
        if kind not in (int, float):
            raise OptionError(f"vary '{text}': {name} is no number; write {name}=VALUE,VALUE")
        low, high = parse_vary([f"{name}={span[1]}"])[key][0], ends[key][0]
        try:
            step = kind(span[3]) if span[3] is not None else None
        except ValueError:
            step = 0
        if low >= high or (step is not None and step <= 0):
            raise OptionError(f"vary '{text}': write {name}=LOW..HIGH or {name}=LOW..HIGH/STEP")
        if step is not None:
            parse_vary(
                [f"{name}={kind(low + step)}"]
            )  # an even kernel, for one, is refused now, not at night
        found[key] = Span(low, high, step)
    return found
