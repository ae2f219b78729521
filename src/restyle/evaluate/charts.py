"""Plain charts with Pillow alone: lines, points, spread, one or two panels of them side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

COLOURS = ("#1f5fa8", "#d1495b", "#2e8b57", "#e0912f", "#7b4fa3", "#5c6670", "#0f9d9d", "#a8763e")
INK, FAINT = "#333333", "#e3e3e3"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
FINER = 2  # drawn larger by this and reduced, so that lines are smooth
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 18, 40, 52


@dataclass(frozen=True)
class Series:
    """What one colour shows.

    Parameters
    ----------
    name : str
        In the legend.
    x, y : sequences of float
    spread : sequence of (low, high) or None
        Drawn as a bar at each point.
    style : "line", "points" or "both"
    labels : sequence of str or None
        Beside each point.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[tuple[float, float]] | None = None
    style: Literal["line", "points", "both"] = "line"
    labels: Sequence[str] | None = None


@dataclass(frozen=True)
class Chart:
    """One pair of axes.

    Parameters
    ----------
    title, x_name, y_name : str
    series : sequence of Series
    log_x, log_y : bool
        Whether an axis is logarithmic.
    zero : bool
        Whether a linear y axis begins at 0.
    """

    title: str
    x_name: str
    y_name: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    zero: bool = False


def draw(charts: Sequence[Chart], size: tuple[int, int] = (600, 360)) -> Image.Image:
    """Draw charts side by side, each `size` (width, height) px."""
    width, height = size
    picture = Image.new("RGB", (FINER * width * len(charts), FINER * height), "white")
    for index, chart in enumerate(charts):
        picture.paste(_panel(chart, FINER * width, FINER * height), (FINER * width * index, 0))
    return picture.resize((width * len(charts), height), Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    log: bool
    begin: float  # px of `low`
    end: float  # px of `high`

    def place(self, value: float) -> float:
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        at = math.log(max(value, self.low / 10)) if self.log else value
        return self.begin + (at - low) / (high - low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            wide = self.high / self.low > 100
            found = [m * 10.0**d for d in decades for m in ((1,) if wide else (1, 2, 5))]
        else:
            rough = (self.high - self.low) / 5
            size = 10.0 ** math.floor(math.log10(rough))
            step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough)
            first = math.ceil(self.low / step)
            found = [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return [tick for tick in found if self.low * (1 - 1e-9) <= tick <= self.high * (1 + 1e-9)]


def _number(value: float) -> str:
    """`0.5`, `20`, `500 k`, `2 M`."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if abs(value) >= 1e4 else f"{value:g}"


def _axis(values: list[float], log: bool, zero: bool, begin: float, end: float) -> _Axis:
    values = [v for v in values if math.isfinite(v) and (v > 0 or not log)] or [1.0]
    low, high = min(values), max(values)
    if log:
        low, high = low / 1.15, high * 1.15
    else:
        margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        low, high = (0.0 if zero and low >= 0 else low - margin), high + margin
    return _Axis(low, high, log, begin, end)


def _panel(chart: Chart, width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    font, title_font = ImageFont.load_default(12 * FINER), ImageFont.load_default(14 * FINER)
    left, right, top, bottom = _LEFT * FINER, width - _RIGHT * FINER, _TOP * FINER, height - _BOTTOM * FINER
    names = [s.name for s in chart.series] if len(chart.series) > 1 else []
    right -= max((int(pen.textlength(name, font=font)) for name in names), default=0) + 36 * FINER * bool(
        names
    )
    xs = [x for s in chart.series for x in s.x]
    ys = [y for s in chart.series for y in [*s.y, *(v for pair in s.spread or () for v in pair)]]
    across = _axis(xs, chart.log_x, False, left, right)
    up = _axis(ys, chart.log_y, chart.zero, bottom, top)
    for tick in across.ticks():
        x = across.place(tick)
        pen.line([(x, top), (x, bottom)], fill=FAINT, width=FINER)
        pen.text((x, bottom + 6 * FINER), _number(tick), fill=INK, font=font, anchor="ma")
    for tick in up.ticks():
        y = up.place(tick)
        pen.line([(left, y), (right, y)], fill=FAINT, width=FINER)
        pen.text((left - 6 * FINER, y), _number(tick), fill=INK, font=font, anchor="rm")
    pen.line([(left, top), (left, bottom), (right, bottom)], fill=INK, width=FINER)
    pen.text((left, 10 * FINER), chart.title, fill=INK, font=title_font)
    pen.text(((left + right) / 2, height - 22 * FINER), chart.x_name, fill=INK, font=font, anchor="ma")
    _vertical(picture, chart.y_name, font, (3 * FINER, (top + bottom) // 2))
    for index, series in enumerate(chart.series):
        _draw_series(pen, series, COLOURS[index % len(COLOURS)], across, up, font)
    _legend(pen, names, font, right, top)
    return picture


def _draw_series(
    pen: ImageDraw.ImageDraw,
    series: Series,
    colour: str,
    across: _Axis,
    up: _Axis,
    font: Font,
) -> None:
    known = [i for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)) if math.isfinite(x * y)]
    points = [(across.place(series.x[i]), up.place(series.y[i])) for i in known]
    for i, (x, _) in zip(known, points, strict=True):
        if series.spread:
            low, high = (up.place(v) for v in series.spread[i])
            pen.line([(x, low), (x, high)], fill=colour, width=2 * FINER)
            for end in (low, high):
                pen.line([(x - 4 * FINER, end), (x + 4 * FINER, end)], fill=colour, width=2 * FINER)
    if series.style != "points" and len(points) > 1:
        pen.line(points, fill=colour, width=2 * FINER, joint="curve")
    if series.style != "line" or len(points) == 1:
        for x, y in points:
            radius = 4 * FINER
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
    for i, (x, y) in zip(known, points, strict=True):
        if series.labels:
            pen.text((x + 8 * FINER, y - 8 * FINER), series.labels[i], fill=colour, font=font, anchor="lm")


def _legend(pen: ImageDraw.ImageDraw, names: Sequence[str], font: Font, right: float, top: float) -> None:
    """Name the colours, to the right of the axes."""
    line, left = 18 * FINER, right + 6 * FINER
    for index, name in enumerate(names):
        y = top + line * (index + 0.5)
        ends = [(left + 6 * FINER, y), (left + 22 * FINER, y)]
        pen.line(ends, fill=COLOURS[index % len(COLOURS)], width=3 * FINER)
        pen.text((left + 27 * FINER, y), name, fill=INK, font=font, anchor="lm")


def _vertical(picture: Image.Image, text: str, font: Font, middle: tuple[int, int]) -> None:
    """Write upwards, centred at the middle of the left edge."""
    width = int(font.getlength(text)) + 4
    label = Image.new("RGB", (width, 16 * FINER), "white")
    ImageDraw.Draw(label).text((2, 0), text, fill=INK, font=font)
    turned = label.rotate(90, expand=True)
    picture.paste(turned, (middle[0], max(0, middle[1] - width // 2)))
