"""Contact sheets show what changes, and find where nothing should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.video.sheets import SCALE, TIMES, WINDOW, stillest, write_sheet, write_still
from restyle.types import FloatArray


def film() -> list[FloatArray]:
    """Noise at the left that changes, texture at the right that does not, a plain stripe above."""
    random = np.random.default_rng(0)
    texture = random.random((128, 256, 3)).astype(np.float32)
    frames = []
    for _ in range(4):
        frame = texture.copy()
        frame[:, :128] = random.random((128, 128, 3)) * 0.1
        frame[:48] = 0.5
        frames.append(frame)
    return frames


def test_the_still_window_is_where_nothing_moves_but_something_shows() -> None:
    top, left = stillest(film())
    assert left >= 128
    assert film()[0][top : top + WINDOW[0], left : left + WINDOW[1]].std() > 0.1


def test_a_sheet_has_frames_and_their_differences(tmp_path: Path) -> None:
    frames = [np.full((8, 10, 3), level, np.float32) for level in (0.2, 0.3, 0.3)]
    write_sheet(tmp_path / "a.png", [frames, frames])
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    assert sheet.shape == (4 * 8, 2 * 10, 3)
    assert abs(int(sheet[12, 5, 0]) - 255 * 0.1 * TIMES) < 2
    assert sheet[12, 15, 0] == 0
    assert (sheet[16:] == sheet[:16]).all()


def test_the_still_window_is_enlarged(tmp_path: Path) -> None:
    write_still(tmp_path / "a.png", [film()])
    height, width = WINDOW
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (3 * width * SCALE, 2 * height * SCALE)
