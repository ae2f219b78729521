"""Contact sheets: places, captions, fonts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFont

from restyle.images import sheet as module
from restyle.images.sheet import GAP, INK, PAPER, TEXT, find_font, fit_text, sample_photo, sheet

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
    assert (below[:TEXT] == INK).all(-1).any()
    assert not (below[TEXT + 4 :] == INK).all(-1).any()
    assert below[TEXT + 4 :].min() < 200
    assert tuple(page[0, 0]) == PAPER


def test_letters_that_no_font_has_lose_their_accents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FONTS", ())
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
