"""Styles over time: `0:starry-night` and `4.5:great-wave:0.3`, or {0: style, 4.5: style}."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from restyle.errors import StyleError
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import split_weight
from restyle.style import Style, resolve_all
from restyle.types import FloatArray, PathLike, TimedStylesLike

TimedStyles = list[tuple[float, Style]]

_NEGATIVE = re.compile(r"-[\d.]+:\D")
_TIMED = re.compile(r"(?:(\d+):(?=\d{1,2}(?:\.\d+)?:))?(\d+(?:\.\d+)?):(.+)", re.DOTALL)


def timed_styles(style: TimedStylesLike | None, method: Arbitrary, scale: float = 1.0) -> TimedStyles:
    """Encode styles, each with the second at which it applies.

    Styles are those of `restyle.image`, texts `[MINUTES:]SECONDS:STYLE[:WEIGHT]`, or a dict {seconds:
    style}. Those of the same second are mixed; without times there is one style at second 0. Raises
    StyleError if only some have a time.
    """
    if isinstance(style, Mapping):
        pairs = [(float(second), each) for second, each in style.items()]
        if not pairs or min(second for second, _ in pairs) < 0:
            raise StyleError("styles over time need at least one {seconds: style}, with seconds from 0 up")
        return [(second, resolve_all(each, model=method, scale=scale)) for second, each in sorted(pairs)]
    items = list(style) if isinstance(style, (list, tuple)) else [style]
    timed = [split_time(each) for each in items]
    if all(second is None for second, _ in timed):
        return [(0.0, resolve_all(style, model=method, scale=scale))]
    groups: dict[float, list[Any]] = {}
    for (second, each), item in zip(timed, items, strict=True):
        if second is None:
            raise StyleError(
                f"style '{item!s}' has no time, but others have one; write 0:{item!s}, for example"
            )
        groups.setdefault(second, []).append(each)
    return [(second, resolve_all(groups[second], model=method, scale=scale)) for second in sorted(groups)]


def split_time(style: Any) -> tuple[float | None, Any]:
    """Split the time off a style.

    Examples
    --------
    >>> split_time("4.5:great-wave"), split_time("1:02:great-wave:0.5"), split_time("great-wave:2")
    ((4.5, 'great-wave'), (62.0, 'great-wave:0.5'), (None, 'great-wave:2'))
    """
    if not isinstance(style, str) or os.path.exists(style):
        return None, style
    match = _TIMED.fullmatch(style)
    if match is None and _NEGATIVE.match(style):
        raise StyleError(f"style '{style}' has a time before the start of the video; seconds count from 0")
    if match is None:
        return None, style
    return 60 * float(match[1] or 0) + float(match[2]), match[3]


def style_paths(sources: TimedStylesLike | None) -> Iterator[PathLike]:
    """Yield the files among the sources of styles."""
    if isinstance(sources, Mapping):
        for each in sources.values():
            yield from style_paths(each)
    elif isinstance(sources, str):
        yield split_weight(split_time(sources)[1])[0]
    elif isinstance(sources, os.PathLike):
        yield sources
    elif isinstance(sources, (list, tuple)):
        for each in sources:
            yield from style_paths(each)


class Timeline:
    """Style codes [shape=(K,), float32] at given seconds, with linear interpolation in between.

    Examples
    --------
    >>> import numpy as np
    >>> line = Timeline([(0.0, np.zeros(2, np.float32)), (4.0, np.ones(2, np.float32))])
    >>> line.at(1.0)
    array([0.25, 0.25], dtype=float32)
    """

    def __init__(self, codes: Sequence[tuple[float, FloatArray]]) -> None:
        ordered = sorted(codes, key=lambda each: each[0])
        self.seconds = [second for second, _ in ordered]
        self.codes = [code for _, code in ordered]

    def at(self, second: float) -> FloatArray:
        """Return the code [shape=(K,), float32] of a second; constant before the first and after the last."""
        after = int(np.searchsorted(self.seconds, second, side="right"))
        if after in (0, len(self.codes)):
            return self.codes[max(0, after - 1)]
        start, end = self.seconds[after - 1], self.seconds[after]
        weight = np.float32((second - start) / (end - start))
        mixed = self.codes[after - 1] + weight * (self.codes[after] - self.codes[after - 1])
        return np.asarray(mixed, np.float32)
