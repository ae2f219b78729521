"""Keys of `restyle live` in a window: other styles, a wall of styles, snapshots, recording."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from restyle.files import name_part, unused
from restyle.images import picture
from restyle.images.resize import resize
from restyle.models.arbitrary import Arbitrary
from restyle.style import Style
from restyle.types import FloatArray, from_unit
from restyle.videos.devices import Bytes, Encoder, File

GRID = 3  # rows and columns of the wall
PAGE = GRID * GRID
HELP = "left/right: other styles; w: wall of styles, 1-9 choose; s: snapshot; r: record; q: end"


class Controls:
    """What the keys of a live window change.

    `styles` are those to choose from, the first one is used; snapshots and recordings are written to
    `folder`, as `live-STYLE.png` and `live-STYLE.mp4`, never over an existing file.
    """

    def __init__(self, styles: Sequence[Style], folder: Path, rate: Fraction) -> None:
        self._styles, self._folder, self._rate = styles, folder, rate
        self._at = 0
        self.wall = False
        self.written: list[Path] = []
        self._snapshot = False
        self._recording: Encoder | None = None
        self._record = False
        self._began = 0.0

    @property
    def style(self) -> Style:
        """The style in use."""
        return self._styles[self._at]

    @property
    def title(self) -> str:
        """Title of the window."""
        return f"restyle live: {self.style.name}{' (recording)' if self._record else ''}   {HELP}"

    def press(self, key: str) -> None:
        """React to a key, by Tk's name; others are ignored."""
        step = PAGE if self.wall else 1
        if key in ("Right", "Left"):
            self._at = (self._at + (step if key == "Right" else -step)) % len(self._styles)
        elif key == "w":
            self.wall = not self.wall
        elif key == "s":
            self._snapshot = True
        elif key == "r":
            self._record = not self._record
            if not self._record:
                self.close()
        elif self.wall and len(key) == 1 and key in "123456789":
            chosen = self._first + int(key) - 1
            if chosen < len(self._styles):
                self._at, self.wall = chosen, False

    @property
    def _first(self) -> int:
        """Index of the first style on the page of the wall."""
        return self._at - self._at % PAGE

    def paint_wall(self, method: Arbitrary, content: FloatArray, size: tuple[int, int]) -> FloatArray:
        """Return a frame of `size` with a page of styles, numbered, of a content [H, W, 3] in 0..1."""
        tile = (size[0] // GRID, size[1] // GRID)
        small = resize(
            content, (max(16, content.shape[0] // GRID), max(16, content.shape[1] // GRID)), "area"
        )
        wall = np.zeros((*size, 3), np.float32)
        for place, style in enumerate(self._styles[self._first : self._first + PAGE]):
            painted = resize(method.paint(small, style.code), tile, "bilinear")
            label = Image.fromarray(from_unit(painted, np.uint8))
            drawn = ImageDraw.Draw(label)
            drawn.text(
                (5, 4), f"{place + 1} {style.name}", fill=(255, 255, 255), stroke_width=2, stroke_fill=0
            )
            row, column = divmod(place, GRID)
            box = np.s_[row * tile[0] : (row + 1) * tile[0], column * tile[1] : (column + 1) * tile[1]]
            wall[box] = np.asarray(label, np.float32) / np.float32(255)
        return wall

    def shown(self, pixels: Bytes) -> None:
        """Save a shown frame [H, W, 3] if a snapshot or a recording was asked for."""
        if self._snapshot:
            self._snapshot = False
            path = unused(self._folder / f"live-{name_part(self.style.name)}.png")
            self.written.append(picture.save_image(picture.from_array(pixels), path))
        if self._record:
            if self._recording is None:
                path = unused(self._folder / f"live-{name_part(self.style.name)}.mp4")
                self._recording = Encoder(File(path, "h264", pixels.shape[:2], self._rate))
                self._began = time.monotonic()
                self.written.append(path)
            self._recording.show(pixels, time.monotonic() - self._began)

    def close(self) -> None:
        """Finish a recording."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None
