"""Charts as images, drawn by matplotlib (extra `plots`), which is imported only when a chart is drawn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from restyle.errors import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#1f5fa8", "#d1495b", "#2e8b57", "#e0912f", "#7b4fa3", "#5c6670", "#0f9d9d", "#a8763e")
INK, SOFT, FAINT, PAPER = "#333333", "#6e6e6e", "#e3e3e3", "#faf9f6"
DPI = 100
# Fonts with Chinese characters on Linux, macOS and Windows, best first. Matplotlib itself ships none.
CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti",
    "Arial Unicode MS", "Microsoft YaHei", "SimHei", "SimSun",
)  # fmt: skip


def require_plots(what: str) -> None:
    """Raise MissingExtraError, with the pip command, unless matplotlib and SciPy are installed."""
    require(what, "plots", "matplotlib", "scipy")


@contextmanager
def drawing(texts: Iterable[str] = ()) -> Iterator[None]:
    """Draw with fonts that have the characters of these texts; matplotlib's settings are restored."""
    import matplotlib

    families, _ = fonts_for("".join(texts))
    settings: Any = {
        "font.family": families, "text.color": INK, "axes.edgecolor": INK,
        "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "text.parse_math": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # missing glyphs; axes without extent
        yield


def fonts_for(text: str) -> tuple[list[str], str]:
    """Find installed fonts for a text.

    Returns
    -------
    families : list of str
        DejaVu Sans, which matplotlib ships, and a CJK font or others that have what DejaVu lacks.
    missing : str
        Characters that no installed font has.
    """
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    def lacking(path: str, characters: set[str]) -> set[str]:
        font = get_font(path)
        return {each for each in characters if not font.get_char_index(ord(each))}

    families = ["DejaVu Sans"]
    missing = lacking(
        findfont(FontProperties(family=families)), {each for each in text if each.isprintable()}
    )
    if missing:
        installed = {each.name: each.fname for each in fontManager.ttflist if "Last Resort" not in each.name}
        ranked = sorted(installed, key=lambda name: (name not in CJK_FONTS, _rank(name), name))
        for name in ranked:
            left = lacking(installed[name], missing)
            if len(left) < len(missing):
                families.append(name)
                missing = left
            if not missing:
                break
    return families, "".join(sorted(missing))


def new_figure(width: int, height: int, color: str = "white") -> Figure:
    """Make an empty figure of a size in px; call it inside `drawing`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=color)
    FigureCanvasAgg(figure)
    return figure


def to_image(figure: Figure) -> Image.Image:
    """Render a figure as an RGB image; call it inside `drawing`."""
    canvas: Any = figure.canvas
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


@dataclass(frozen=True)
class Series:
    """One color of a chart.

    Parameters
    ----------
    name : str
        Its text in the legend.
    x, y : sequences of float
        Points with a NaN are left out.
    interval : sequence of (low, high) or None
        Error bar of each point.
    style : "line", "points" or "both"
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    interval: Sequence[tuple[float, float]] | None = None
    style: Literal["line", "points", "both"] = "line"


@dataclass(frozen=True)
class Chart:
    """One pair of axes; `zero` starts a linear y axis at 0."""

    title: str
    x_name: str
    y_name: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    zero: bool = False


def draw(charts: Sequence[Chart], size: tuple[int, int] = (600, 360)) -> Image.Image:
    """Draw charts side by side, each `size` (width, height) px.

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    """
    require_plots("a chart")
    with drawing(text for chart in charts for text in _texts(chart)):
        figure = new_figure(size[0] * len(charts), size[1])
        figure.set_layout_engine("constrained")
        for chart, axes in zip(charts, figure.subplots(1, len(charts), squeeze=False)[0], strict=True):
            _draw_chart(axes, chart)
        return to_image(figure)


def _draw_chart(axes: Any, chart: Chart) -> None:
    for series, color in zip(chart.series, COLORS * len(chart.series), strict=False):
        known = [i for i, pair in enumerate(zip(series.x, series.y, strict=True)) if math.isfinite(sum(pair))]
        x, y = ([values[i] for i in known] for values in (series.x, series.y))
        errors = None
        if series.interval is not None:
            errors = np.transpose([np.abs(np.subtract(series.interval[i], series.y[i])) for i in known])
        line = "" if series.style == "points" else "-"
        marker = "" if series.style == "line" and len(known) > 1 else "o"
        axes.errorbar(x, y, errors, color=color, ls=line, marker=marker, capsize=4, label=series.name)
    axes.set(title=chart.title, xlabel=chart.x_name, ylabel=chart.y_name)
    from matplotlib.ticker import LogLocator, NullLocator

    for axis, is_log in ((axes.xaxis, chart.log_x), (axes.yaxis, chart.log_y)):
        if is_log:
            getattr(axes, f"set_{axis.axis_name}scale")("log")
            low, high = axis.get_view_interval()
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
            axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: _number(value))
    if chart.zero and not chart.log_y:
        axes.set_ylim(bottom=0)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def _number(value: float) -> str:
    """`0.5`, `20`, `500 k`, `2 M`."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if abs(value) >= 1e4 else f"{value:.6g}"


def _texts(chart: Chart) -> list[str]:
    return [chart.title, chart.x_name, chart.y_name, *(series.name for series in chart.series)]


def _rank(name: str) -> int:
    return CJK_FONTS.index(name) if name in CJK_FONTS else 0
