"""Figures: contact sheets of pictures with captions, and charts.

Charts are drawn by matplotlib (extra `plots`), which is imported only when a chart is drawn.
"""

from __future__ import annotations

import math
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restyle.errors import require
from restyle.files import plain_text
from restyle.images.picture import load_image
from restyle.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#1f5fa8", "#d1495b", "#2e8b57", "#e0912f", "#7b4fa3", "#5c6670", "#0f9d9d", "#a8763e")
INK, SOFT, FAINT, PAPER = "#333333", "#6e6e6e", "#e3e3e3", "#faf9f6"
DPI = 100
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont
GAP = 12  # px between the cells of a sheet
TEXT = 15  # px, height of a line of a caption
MINIMUM = 120  # px, width of a column without pictures
_CAPTION = "#202020"
# Pillow's own font has ASCII only. These are searched for in the system's folders, in this order.
FONTS = (
    "DejaVuSans.ttf", "Arial.ttf", "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "wqy-microhei.ttc",
    "PingFang.ttc", "msyh.ttc", "Arial Unicode.ttf",
)  # fmt: skip
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
    """Find installed fonts for a text, and the characters that none of them has.

    The first is DejaVu Sans, which matplotlib ships; a CJK font and others follow that have what it lacks.
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
        known = [name for name in CJK_FONTS if name in installed]
        for name in (*known, *sorted(installed.keys() - set(known))):
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
    """One color of a chart; points with a NaN are left out."""

    name: str  # in the legend
    x: Sequence[float]
    y: Sequence[float]
    interval: Sequence[tuple[float, float]] | None = None  # low and high end of the error bar of each point
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
    """Draw charts side by side, each `size` (width, height) px; MissingExtraError without matplotlib."""
    require_plots("a chart")
    names = [series.name for chart in charts for series in chart.series]
    with drawing([*names, *(text for chart in charts for text in (chart.title, chart.x_name, chart.y_name))]):
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


def sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    captions: Sequence[Sequence[str]],
    cell: tuple[int, int] | None = None,
) -> Image.Image:
    """Lay out pictures in rows, each with its caption below.

    Parameters
    ----------
    rows : sequence of rows of PIL.Image.Image or None
        None leaves a cell empty but for its caption.
    captions : sequence of rows of str
        As many as there are cells. Lines after the first are gray. The caption of a row of one cell may be
        as wide as the page; others are cut to their column.
    cell : (height, width) or None
        Larger pictures are shrunk to fit, smaller ones are not enlarged. None keeps their sizes.
    """
    table = [[picture and _fit(picture, cell) for picture in row] for row in rows]
    columns = range(max(len(row) for row in table))
    by_column = [[row[column] for row in table if column < len(row)] for column in columns]
    widths = [
        cell[1] if cell else max([picture.width for picture in found if picture] or [MINIMUM])
        for found in by_column
    ]
    heights = [max([picture.height for picture in row if picture] or [0]) for row in table]
    captions = [[plain_text(caption) for caption in row] for row in captions]
    lines = [max([caption.count("\n") + 1 for caption in row if caption] or [0]) for row in captions]
    size = (
        sum(widths) + GAP * (len(widths) + 1),
        sum(heights) + TEXT * sum(lines) + GAP * (len(table) + 1),
    )
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    bottom = 0
    for row, texts, height, count in zip(table, captions, heights, lines, strict=True):
        bottom += GAP + height
        left = GAP
        for picture, caption, width in zip(row, texts, widths, strict=False):
            if picture is not None:
                page.paste(picture, (left, bottom - picture.height))
            room = size[0] - 2 * GAP if len(row) == 1 else width
            for index, line in enumerate(caption.split("\n")):
                font = find_font(line, TEXT - 2)
                place = (left, bottom + 2 + TEXT * index)
                draw.text(place, fit_text(line, font, room), SOFT if index else _CAPTION, font)
            left += width + GAP
        bottom += TEXT * count
    return page


def _fit(picture: Image.Image, cell: tuple[int, int] | None) -> Image.Image:
    if cell is None or (picture.height <= cell[0] and picture.width <= cell[1]):
        return picture
    fitted = picture.copy()
    fitted.thumbnail(cell[::-1], Image.Resampling.LANCZOS)
    return fitted


def find_font(text: str, size: int) -> Font:
    """Return the first font that has all letters of a text: Pillow's own, or one of the system."""
    default = ImageFont.load_default(size)
    if text.isascii():
        return default
    fonts = [default, *(font for name in FONTS if (font := _system_font(name, size)) is not None)]
    letters = unicodedata.normalize("NFC", text)
    return max(fonts, key=lambda font: sum(_has(font, letter) for letter in letters))


@cache
def _system_font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has(font: Font, letter: str) -> bool:
    """Whether a font has a glyph; for others it draws the same box as for a code that is no letter."""
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask("\U0010ffff"))


def fit_text(text: str, font: Font, width: int) -> str:
    """Cut a line to a width in px; letters that the font lacks lose their accents or are left out."""
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        base = letter if _has(font, letter) else unicodedata.normalize("NFKD", letter)
        letters.append("".join(each for each in base if _has(font, each)))
    text = "".join(letters)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip(" ,") + "..."


def sample_photo() -> FloatArray:
    """Return a photo to show styles on, scikit-image's `coffee` (CC0) [shape=(256, 384, 3), float32]."""
    return load_image(Path(__file__).with_name("sample_photo.jpg")).pixels
