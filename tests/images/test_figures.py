from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from PIL import Image, ImageColor, ImageFont

from restyle.errors import MissingExtraError
from restyle.images import figures
from restyle.images.figures import (
    COLORS,
    GAP,
    PAPER,
    TEXT,
    Chart,
    Series,
    draw,
    drawing,
    find_font,
    fit_text,
    fonts_for,
    new_figure,
    sample_photo,
    sheet,
    to_image,
)


def places(picture: Image.Image, color: str) -> np.ndarray:
    """[n, 2] rows and columns of a color."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(np.asarray(picture, int) - wanted).max(2) < 40)


def chart(*series: Series, **options: object) -> Chart:
    return Chart("title", "x", "y", series, **options)  # type: ignore[arg-type]


def test_larger_is_higher_and_later_is_further_right() -> None:
    points = Series("a", [1, 2], [1, 5], style="points")
    found = places(draw([chart(points)]), COLORS[0])
    left, right = found[found[:, 1] < found[:, 1].mean()], found[found[:, 1] >= found[:, 1].mean()]
    assert left[:, 0].mean() > right[:, 0].mean() + 50
    assert right[:, 1].mean() > left[:, 1].mean() + 100


def test_logarithmic_axes_space_decades_evenly() -> None:
    found = places(draw([chart(Series("a", [1, 10, 100], [1, 1, 1], style="points"), log_x=True)]), COLORS[0])
    columns = np.unique(found[:, 1])
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    first, middle, last = (group.mean() for group in groups)
    assert middle - first == pytest.approx(last - middle, abs=2)


def test_charts_are_side_by_side_without_nan() -> None:
    broken = Series("a", [1, 2, 3], [1, math.nan, 2], interval=[(0.5, 1.5), (0, 0), (1, 3)])
    picture = draw([chart(broken, Series("b", [1], [1])), chart(broken, log_y=True, zero=True)], (300, 200))
    assert picture.size == (600, 200)
    assert len(places(picture, COLORS[0])) > 50


def test_an_interval_is_an_error_bar() -> None:
    flat = [1.0, 1.0]
    thin = places(draw([chart(Series("a", [1, 2], flat, style="points"))]), COLORS[0])
    wide = places(draw([chart(Series("a", [1, 2], flat, [(0, 2), (0, 2)], style="points"))]), COLORS[0])
    assert np.ptp(wide[:, 0]) > 5 * np.ptp(thin[:, 0])


def test_without_the_extra_a_chart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[plots\]'"):
        draw([chart(Series("a", [1], [1]))])


@pytest.fixture
def wave_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a font whose only character is \u6ce2, a filled square."""
    pen = TTGlyphPen(None)
    for index, point in enumerate([(0, 0), (0, 900), (900, 900), (900, 0)]):
        (pen.lineTo if index else pen.moveTo)(point)
    pen.closePath()
    empty = TTGlyphPen(None).glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "wave"])
    builder.setupCharacterMap({0x6CE2: "wave"})
    builder.setupGlyf({".notdef": empty, "wave": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "wave": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    family = "Noto Sans CJK SC"
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900, usWinAscent=900, usWinDescent=100)
    builder.setupPost()
    builder.save(tmp_path / "wave.ttf")
    others = [font for font in fontManager.ttflist if font.name != family]
    monkeypatch.setattr(fontManager, "ttflist", others)
    fontManager.addfont(tmp_path / "wave.ttf")
    return family


def test_chinese_is_drawn_with_an_installed_font(wave_font: str) -> None:
    assert fonts_for("wave \u6ce2") == (["DejaVu Sans", wave_font], "")
    with drawing(["\u6ce2"]):
        figure = new_figure(100, 100)
        figure.text(0.2, 0.3, "\u6ce2", fontsize=40, color="black")
        pixels = np.asarray(to_image(figure).convert("L"))
    assert pixels[40:60, 30:60].max() < 10  # the filled square of the font


def test_characters_that_no_font_has_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fontManager, "ttflist", [each for each in fontManager.ttflist if "DejaVu" in each.name]
    )
    assert fonts_for("\u00e9t\u00e9 \u6ce2") == (["DejaVu Sans"], "\u6ce2")


RED = Image.new("RGB", (60, 40), (255, 0, 0))
WIDE = Image.new("RGB", (400, 100), (0, 0, 255))


def where(page: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the pixels of a color."""
    rows, columns = np.nonzero((np.asarray(page) == color).all(-1))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def test_pictures_stand_in_rows_and_columns() -> None:
    page = sheet([[WIDE, RED], [RED, None]], [["", "a\nb"], ["", ""]])
    assert page.size == (400 + 120 + 3 * GAP - 60, 100 + 40 + 2 * TEXT + 3 * GAP)
    assert where(page, (0, 0, 255)) == (GAP, GAP + 100, GAP, GAP + 400)
    top, bottom, left, right = where(page.crop((GAP + 400, 0, page.width, GAP + 100)), (255, 0, 0))
    assert (bottom, right - left) == (GAP + 100, 60)  # aligned with the bottom of the row
    assert (top, left) == (GAP + 60, GAP)


def test_large_pictures_are_shrunk_into_their_cell_and_small_ones_are_not_enlarged() -> None:
    page = sheet([[WIDE], [RED]], [[""], [""]], cell=(80, 200))
    assert where(page, (255, 0, 0))[1] - where(page, (255, 0, 0))[0] == 40
    assert page.size == (200 + 2 * GAP, 50 + 40 + 3 * GAP)


def test_a_row_of_one_cell_may_be_as_wide_as_the_page() -> None:
    long = "a heading that is far wider than one column of small pictures is"
    pictures = [RED] * 8
    alone = sheet([[None], pictures], [[long], [""] * 8])
    column = sheet([[None] * 8, pictures], [[long] + [""] * 7, [""] * 8])

    def reach(page: Image.Image) -> int:
        brightest = np.asarray(page).max(-1)[: GAP + TEXT]
        return int(np.argwhere(brightest < 128)[:, 1].max())

    assert reach(alone) > 300
    assert reach(column) <= GAP + 60


def test_captions_are_below_and_further_lines_gray() -> None:
    page = np.asarray(sheet([[WIDE]], [["first\nsecond"]]))
    below = page[GAP + 100 :]
    assert (below[:TEXT] == (32, 32, 32)).all(-1).any()
    assert not (below[TEXT + 4 :] == (32, 32, 32)).all(-1).any()
    assert below[TEXT + 4 :].min() < 200
    assert tuple(page[0, 0]) == ImageColor.getrgb(PAPER)


def test_letters_that_no_font_has_lose_their_accents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FONTS", ())
    font = find_font("Café 神", 13)
    assert fit_text("Café 神奈川, 1831", font, 400) == "Cafe , 1831"


def test_accents_stay_when_a_font_has_them() -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 13)
    except OSError:
        pytest.skip("this system has no DejaVu Sans")
    font = find_font("Café à Łódź", 13)
    assert fit_text("Café à Łódź", font, 400) == "Café à Łódź"


def test_long_captions_are_cut() -> None:
    font = find_font("", 13)
    text = fit_text("The Great Wave off Kanagawa, " * 9, font, 100)
    assert text.endswith("...")
    assert font.getlength(text) <= 100


def test_the_sample_photo() -> None:
    photo = sample_photo()
    assert photo.shape == (256, 384, 3)
    assert photo.std() > 0.1
