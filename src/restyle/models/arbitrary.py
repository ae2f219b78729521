"""Any style in one pass: style picture -> code -> every pixel of the content.

The statistics that the transformer's normalisation needs are an output of its graph, and can be an input.
That makes pictures of any size possible: those too large for one pass take their statistics from a thumbnail,
and are then painted in tiles that all normalise alike, so no seam shows (URST, Chen et al. 2022).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import lru_cache

from restyle.images.padding import Padding, pad, unpad
from restyle.images.resize import resize
from restyle.images.tiles import Tile, join_tiles, plan_tiles
from restyle.models import blending, catalog
from restyle.models.graphs import SMALLEST_INPUT, Graphs
from restyle.models.session import Device
from restyle.types import FloatArray

Report = Callable[[float], None]

# One pass takes some 320 bytes a pixel. Up to this size it is done in one, within about 1 GB.
ONE_PASS_PIXELS = 2_500_000
THUMBNAIL_PIXELS = 1_000_000
TILE = 1024  # px, without its halo
# The receptive field reaches 112 px, 80 of them through ten 3x3 convolutions at an eighth of the size, but
# what is beyond 64 px moves no pixel by a tenth of an 8-bit level (measured; a test holds it to half of one).
HALO = 64
FEATHER = 32


def quiet(fraction: float) -> None:
    """Report no progress."""


class Arbitrary(Graphs):
    """A model of any style, on pictures of any size, at any strength; made as `Graphs` is."""

    @property
    def halo(self) -> int:
        """How far, in px, the network looks beyond a tile: a multiple of its stride."""
        return int(self.transformer.metadata.get("halo", HALO))

    def thumbnail_stats(
        self, content: FloatArray, code: FloatArray, stats: FloatArray | None = None, weight: float = 1.0
    ) -> FloatArray:
        """Statistics of a large picture, [P], from a smaller copy of it; `stats` as for `transfer`."""
        height, width = content.shape[:2]
        scale = min(1.0, math.sqrt(THUMBNAIL_PIXELS / (height * width)))
        size = (max(SMALLEST_INPUT, round(height * scale)), max(SMALLEST_INPUT, round(width * scale)))
        return self.transfer(resize(content, size, "area"), code, stats, weight)[1]

    def transfer_tiles(
        self,
        content: FloatArray,
        code: FloatArray,
        report: Report = quiet,
        stats: FloatArray | None = None,
    ) -> FloatArray:
        """Paint a picture too large for one pass: statistics from a thumbnail, then tile by tile.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]
        report : function of the fraction done, 0..1
        stats : np.ndarray [shape=(P,), float32] or None
            Statistics to normalise with; None takes those of the thumbnail.

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        """
        stride = int(self.transformer.setting("stride"))
        stats = self.thumbnail_stats(content, code) if stats is None else stats
        padded, padding = pad(content, stride) if _ragged(content, stride) else (content, Padding(0, 0, 0, 0))
        height, width = padded.shape[:2]
        # Tiles begin on the stride: elsewhere the network would see another grid and paint other strokes.
        grid = plan_tiles((height // stride, width // stride), TILE // stride, FEATHER // stride)
        tiles = [Tile(*(stride * each for each in (t.top, t.left, t.height, t.width))) for t in grid]
        report(1 / (len(tiles) + 1))
        halo = self.halo

        def painted() -> Iterator[FloatArray]:
            for done, tile in enumerate(tiles, 2):
                top, left = max(0, tile.top - halo), max(0, tile.left - halo)
                bottom, right = tile.top + tile.height + halo, tile.left + tile.width + halo
                part, _ = self.transfer(padded[top:bottom, left:right], code, stats)
                row, column = tile.top - top, tile.left - left
                report(done / (len(tiles) + 1))
                yield part[row : row + tile.height, column : column + tile.width]

        return unpad(join_tiles((height, width), tiles, painted(), FEATHER), padding)

    def paint(self, content: FloatArray, code: FloatArray, report: Report = quiet) -> FloatArray:
        """Paint a picture of any size: in one pass if it fits, otherwise in tiles.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        """
        if content.shape[0] * content.shape[1] > ONE_PASS_PIXELS:
            return self.transfer_tiles(content, code, report)
        picture, _ = self.transfer(content, code)
        report(1.0)
        return picture

    def paint_steady(
        self, content: FloatArray, code: FloatArray, stats: FloatArray | None, weight: float
    ) -> tuple[FloatArray, FloatArray]:
        """Paint a frame of any size with statistics that come partly from the frames before.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]
        stats : np.ndarray [shape=(P,), float32] or None
            What this gave for the frame before; None for the first.
        weight : float, 0..1
            How much they count.

        Returns
        -------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        stats : np.ndarray [shape=(P,), float32]
        """
        if content.shape[0] * content.shape[1] <= ONE_PASS_PIXELS:
            return self.transfer(content, code, stats, weight)
        stats = self.thumbnail_stats(content, code, stats, weight)
        return self.transfer_tiles(content, code, stats=stats), stats

    def stylize(
        self, content: FloatArray, code: FloatArray, strength: float = 1.0, report: Report = quiet
    ) -> FloatArray:
        """Paint a picture with a style of a given strength; see `models.blending`.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        code : np.ndarray [shape=(K,), float32]
        strength : float, 0..1
            0 gives the content, 1 the style in full.
        report : function of the fraction done, 0..1

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

        Examples
        --------
        >>> import numpy as np
        >>> from restyle.models.arbitrary import load
        >>> model = load()
        >>> photo = np.random.default_rng(0).random((64, 48, 3), np.float32)
        >>> model.stylize(photo, model.encode(photo), strength=0.5).shape
        (64, 48, 3)
        """
        if strength == 0:
            return content.copy()
        if strength == 1:
            return self.paint(content, code, report)
        if not self.encodes:  # no code stands for the content itself: pixels are mixed instead
            painted = self.paint(content, code, report)
            return blending.give_back(painted, content, painted, strength)
        own = self.encode(_large_enough(content))
        styled = self.paint(content, blending.toward(own, code, strength), lambda f: report(f / 2))
        rebuilt = self.paint(content, own, lambda f: report(0.5 + f / 2))
        return blending.give_back(styled, content, rebuilt, strength)


def load(
    model: str | os.PathLike[str] = catalog.DEFAULT, device: Device = "cpu", threads: int | None = None
) -> Arbitrary:
    """Return the model, the same object for the same arguments, so that its graphs are loaded once."""
    try:
        stamp = os.stat(model).st_mtime_ns  # a network that was trained further is another one
    except OSError:
        stamp = 0
    return _load(os.fspath(model), device, threads, stamp)


@lru_cache(maxsize=4)
def _load(model: str, device: Device, threads: int | None, stamp: int) -> Arbitrary:
    return Arbitrary(model, device=device, threads=threads)


def _ragged(picture: FloatArray, stride: int) -> bool:
    return any(side % stride for side in picture.shape[:2])


def _large_enough(content: FloatArray) -> FloatArray:
    """Reflect a tiny content picture so that it can be encoded."""
    return pad(content, 1, minimum=SMALLEST_INPUT)[0]
