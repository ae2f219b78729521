"""The arbitrary-style network: style image -> code, content and code -> stylized picture of any size.

The style encoder maps a style image to a code. The transformer stylizes the content in one pass; the
statistics that its normalization needs are an output of its graph, and can be an input. Pictures too large
for one pass take them from a thumbnail and are stylized in tiles, which all normalize alike, so that no seams
show (URST, Chen et al. 2022).

With T(C, code) the transformer, own the code of the content C, and s the strength,

    out = T(C, own + s (code - own)) + (1 - s) (C - T(C, own))

so that s = 0 gives exactly C and s = 1 gives T(C, code). The second term restores what the transformer loses
of a photo. Differs from AdaIN (Huang and Belongie 2017), which interpolates features, so that the losses of
its decoder remain at strength 0.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from threading import Lock
from typing import cast

import numpy as np

from restyle.errors import InputError, ModelError, OptionError, StyleError
from restyle.images.geometry import (
    Box,
    crop,
    join_tile_rows,
    pad,
    padded_part,
    padding_of,
    plan_tiles,
    unpad,
    windows,
)
from restyle.images.resize import resize, thumbnail
from restyle.models import catalog
from restyle.models.network_files import NetworkRecord
from restyle.models.session import PROVIDERS, Device, Session, as_batch
from restyle.models.style_codes import check_scale, interpolate_code, mix_codes, restore_content
from restyle.types import FloatArray, PathLike, Report, quiet

SMALLEST_STYLE = 8  # px, short side; a smaller image holds a color but no brushwork
SMALLEST_INPUT = 16  # px, of both graphs

# A long style is encoded in windows, at most 4, and any style in up to 16 for large strokes. Each has at most
# this many pixels, or four squares at the size at which styles were learned; codes are averaged by area.
STYLE_PIXELS, MOST_WINDOWS = 1_000_000, (4, 16)

# One pass takes about 320 bytes per pixel, so this is the largest picture within about 1 GB.
ONE_PASS_PIXELS = 2_500_000
THUMBNAIL_PIXELS = 1_000_000
TILE = 1024  # px, without its halo
# The receptive field reaches 112 px, 80 of them through ten 3x3 convolutions at an eighth of the size. Beyond
# 64 px the influence on a pixel is below a tenth of an 8-bit level (measured; a test bounds it by a half).
HALO = 64
FEATHER = 32
Rows = tuple[int, FloatArray]  # the first row, and the rows [n, W, 3]
MOST_STRIDE, MOST_SETTING = FEATHER, 4096  # px, in the metadata of a graph, which is not trusted


class Arbitrary:
    """A model for arbitrary styles. Its graphs load on first use and are shared between threads.

    model : name in the catalog, a folder written by `restyle export`, or a `.restyle` file or its content. A
        network that has only its own styles has no style encoder: its codes are weights of those styles
    device : as for `Session`; afterwards the one that `auto` took
    threads : per call; None uses all cores available to the process
    """

    def __init__(
        self,
        model: PathLike | NetworkRecord | catalog.Record = catalog.DEFAULT,
        *,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if device not in (*PROVIDERS, "auto"):
            raise OptionError(f"unknown device '{device}'; choose one of auto, {', '.join(PROVIDERS)}")
        if threads is not None and threads < 1:
            raise OptionError(f"threads {threads} is less than 1")
        self.record = model if isinstance(model, catalog.Record) else catalog.find(model)
        self.device = cast("Device", device)
        self.threads = threads
        self._lock = Lock()
        self._others: dict[int, Arbitrary] = {}
        if device == "auto":
            self.device = cast("Device", self.transformer.device)

    def __getstate__(self) -> dict[str, object]:
        """Return the state without the graphs, which load again on first use."""
        return {"record": self.record, "device": self.device, "threads": self.threads}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _lock=Lock())

    @cached_property
    def style_encoder(self) -> Session:
        """Graph from style image to code; StyleError if the network has none."""
        if not self.encodes:
            raise StyleError(f"network '{self.name}' has only its own styles and cannot use style images")
        return self._load("style_encoder", {"style"}, {"code"})

    @cached_property
    def transformer(self) -> Session:
        """Graph from content and code to picture and statistics."""
        inputs = {"content", "code", "stats_in", "stats_weight"}
        return self._load("transformer", inputs, {"picture", "stats"})

    @property
    def encodes(self) -> bool:
        """Whether it can encode style images, or has only its own styles."""
        return self.record.has("style_encoder")

    @property
    def name(self) -> str:
        """Name of the model, which its style files carry."""
        if self.record.name in catalog.records():
            return self.record.name
        return self.transformer.setting("restyle_model")

    @property
    def code_size(self) -> int:
        """Length K of a style code."""
        return self.transformer.width("code")

    @property
    def style_size(self) -> int:
        """Short side, in px, at which styles are encoded."""
        return self.style_encoder.number("style_size", MOST_SETTING)

    @property
    def stride(self) -> int:
        """Sides of a picture must be multiples of this many pixels; `transfer` pads them."""
        return self.transformer.number("stride", MOST_STRIDE)

    @property
    def halo(self) -> int:
        """Context around a tile, in px: a multiple of the stride."""
        return self.transformer.number("halo", MOST_SETTING, HALO)

    def encode(self, picture: FloatArray, scale: float = 1.0) -> FloatArray:
        """Encode a style image.

        picture : [H, W, 3] float32, 0..1, RGB; at least 8 px a side; it is resized to the size at which the
            model learned styles
        scale : 0.25..4, stroke size; at 2 the style is encoded at twice its size

        Returns [K] float32.
        """
        check_scale(scale)
        height, width = picture.shape[:2]
        if (least := min(height, width)) < SMALLEST_STYLE:
            raise InputError(
                f"style image of {width} x {height} px is too small; it needs {SMALLEST_STYLE} px a side"
            )
        short = max(SMALLEST_INPUT, round(self.style_size * scale))
        side = min(short, self.style_size)
        pixels, most = max(STYLE_PIXELS, 4 * side * side), MOST_WINDOWS[short > side]
        codes, areas = [], []
        for window in windows(picture, short, pixels, most):
            rows, columns = (max(SMALLEST_INPUT, round(n * short / least)) for n in window.shape[:2])
            shrunk = resize(window, (rows, columns), "area" if rows < window.shape[0] else "lanczos")
            codes.append(self.style_encoder.run(style=as_batch(shrunk))["code"][0])
            areas.append(float(shrunk.shape[0] * shrunk.shape[1]))
        return mix_codes(codes, areas)

    def transfer(
        self, content: FloatArray, code: FloatArray, stats: FloatArray | None = None, weight: float = 1.0
    ) -> tuple[FloatArray, FloatArray]:
        """Stylize a picture in one pass.

        content : [H, W, 3] float32, 0..1, RGB; of any size; padding to the stride is by reflection
        code : [K] float32
        stats : [P] float32 or None; statistics to normalize with; None uses the picture's own
        weight : 0..1, of `stats` against the picture's own

        Returns picture [H, W, 3] float32, 0..1, RGB; stats [P] float32, the statistics that were used.
        """
        graph = self.transformer
        smallest = graph.number("smallest", MOST_SETTING, SMALLEST_INPUT)
        padded, padding = pad(content, self.stride, minimum=smallest)
        given = np.zeros(graph.width("stats_in"), np.float32) if stats is None else stats
        share = np.full((1, 1), 0.0 if stats is None else weight, np.float32)
        out = graph.run(content=as_batch(padded), code=code[None], stats_in=given[None], stats_weight=share)
        picture = unpad(out["picture"][0].transpose(1, 2, 0), padding)
        return np.ascontiguousarray(picture), out["stats"][0]

    def thumbnail_stats(self, content: FloatArray, code: FloatArray) -> FloatArray:
        """Compute the statistics [P] of a large picture from a thumbnail."""
        content, _ = thumbnail(content)
        height, width = content.shape[:2]
        scale = min(1.0, math.sqrt(THUMBNAIL_PIXELS / (height * width)))
        size = (max(SMALLEST_INPUT, round(height * scale)), max(SMALLEST_INPUT, round(width * scale)))
        return self.transfer(resize(content, size, "area"), code)[1]

    def transfer_tiles(
        self, content: FloatArray, code: FloatArray, report: Report = quiet, stats: FloatArray | None = None
    ) -> FloatArray:
        """Stylize a picture in tiles, all with the same statistics: `stats`, or those of a thumbnail."""
        stats = self.thumbnail_stats(content, code) if stats is None else stats
        size = (content.shape[0], content.shape[1])
        out = np.empty(content.shape, np.float32)
        for top, band in self.transfer_rows(lambda box: crop(content, box), size, code, stats, report):
            out[top : top + len(band)] = band
        return out

    def transfer_rows(
        self,
        read: Callable[[Box], FloatArray],
        size: tuple[int, int],
        code: FloatArray,
        stats: FloatArray,
        report: Report = quiet,
        start: int = 0,
    ) -> Iterator[Rows]:
        """Stylize a picture that is read by boxes, in tiles, and yield its rows in order.

        read : function of a Box that returns its pixels [shape=(box.height, box.width, 3), float32]
        size : (height, width)
        start : first row that is needed

        Yields the first row, maybe before `start`, and the rows [n, W, 3] float32, which the next step
        overwrites.
        """
        stride = self.stride
        padding = padding_of(size, stride)
        height, width = size[0] + padding.top + padding.bottom, size[1] + padding.left + padding.right
        # Tiles start at multiples of the stride: at any other place the network paints different strokes.
        grid = plan_tiles((height // stride, width // stride), TILE // stride, FEATHER // stride)
        every = [Box(*(stride * each for each in (t.top, t.left, t.height, t.width))) for t in grid]
        tiles = [tile for tile in every if tile.top + tile.height > start + padding.top]
        before, halo = len(every) - len(tiles) + 1, self.halo
        report(before / (len(every) + 1))

        def parts() -> Iterator[FloatArray]:
            for done, tile in enumerate(tiles, before + 1):
                top, left = max(0, tile.top - halo), max(0, tile.left - halo)
                bottom = min(height, tile.top + tile.height + halo)
                right = min(width, tile.left + tile.width + halo)
                around = padded_part(read, size, padding, Box(top, left, bottom - top, right - left))
                part, _ = self.transfer(around, code, stats)
                row, column = tile.top - top, tile.left - left
                report(done / (len(every) + 1))
                yield part[row : row + tile.height, column : column + tile.width]

        at = tiles[0].top - padding.top
        for band in join_tile_rows((height, width), tiles, parts(), FEATHER):
            first, last = max(0, -at), min(len(band), size[0] - at)
            if first < last:
                yield at + first, band[first:last, padding.left : padding.left + size[1]]
            at += len(band)

    def paint(self, content: FloatArray, code: FloatArray, report: Report = quiet) -> FloatArray:
        """Stylize a picture [H, W, 3] of any size: in one pass if it fits, otherwise in tiles."""
        if content.shape[0] * content.shape[1] > ONE_PASS_PIXELS:
            return self.transfer_tiles(content, code, report)
        picture, _ = self.transfer(content, code)
        report(1.0)
        return picture

    def stylize(
        self, content: FloatArray, code: FloatArray, strength: float = 1.0, report: Report = quiet
    ) -> FloatArray:
        """Stylize a picture at a given strength; see the top of this module.

        content : [H, W, 3] float32, 0..1, RGB
        code : [K] float32
        strength : 0..1; 0 gives the content, 1 the full style
        report : function of the fraction done, 0..1

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
        if not self.encodes:  # no code represents the content itself, so pixels are mixed instead
            painted = self.paint(content, code, report)
            return restore_content(painted, content, painted, strength)
        own = self.own_code(content)
        styled = self.paint(content, interpolate_code(own, code, strength), lambda f: report(f / 2))
        rebuilt = self.paint(content, own, lambda f: report(0.5 + f / 2))
        return restore_content(styled, content, rebuilt, strength)

    def stylize_rows(
        self,
        read: Callable[[Box], FloatArray],
        size: tuple[int, int],
        photo: FloatArray,
        code: FloatArray,
        strength: float = 1.0,
        report: Report = quiet,
        start: int = 0,
    ) -> Iterator[Rows]:
        """Stylize a picture like `stylize`, by boxes like `transfer_rows`; `photo` is its thumbnail."""

        def rows(code: FloatArray, report: Report) -> Iterator[Rows]:
            return self.transfer_rows(read, size, code, self.thumbnail_stats(photo, code), report, start)

        if strength == 1:
            yield from rows(code, report)
            return
        if not self.encodes:
            pairs: Iterable[tuple[Rows, Rows]] = ((each, each) for each in rows(code, report))
        else:
            own = self.own_code(photo)
            styled = rows(interpolate_code(own, code, strength), lambda f: report(f / 2))
            pairs = zip(styled, rows(own, lambda f: report(0.5 + f / 2)), strict=True)
        for (top, band), (_, other) in pairs:
            yield top, restore_content(band, read(Box(top, 0, len(band), size[1])), other, strength)

    def own_code(self, content: FloatArray) -> FloatArray:
        """Encode a picture as its own style."""
        return self.encode(pad(thumbnail(content)[0], 1, minimum=SMALLEST_INPUT)[0])

    def with_threads(self, threads: int) -> Arbitrary:
        """Return this network with another number of threads per call; on a GPU, this one itself."""
        if self.device != "cpu" or threads == self.threads:
            return self
        with self._lock:
            if threads not in self._others:
                self._others[threads] = Arbitrary(self.record, threads=threads)
            return self._others[threads]

    def _load(self, role: str, inputs: set[str], outputs: set[str]) -> Session:
        # The lock makes cached_property load only once when two threads ask first at the same time.
        with self._lock:
            if role in self.__dict__:
                loaded: Session = self.__dict__[role]
                return loaded
            file = self.record.file(role)
            session = Session(
                file.read(), name=f"{self.record.name}/{role}", device=self.device, threads=self.threads
            )
            if set(session.inputs) != inputs or set(session.outputs) != outputs:
                raise ModelError(
                    f"'{file.path}' takes {sorted(session.inputs)} and gives {sorted(session.outputs)}; "
                    f"a {role} takes {sorted(inputs)} and gives {sorted(outputs)}"
                )
            self.__dict__[role] = session
            return session


def load(model: PathLike = catalog.DEFAULT, device: str = "cpu", threads: int | None = None) -> Arbitrary:
    """Return a model, cached by its arguments, so that its graphs load only once."""
    try:
        stamp = os.stat(model).st_mtime_ns  # a file that has changed is loaded again
    except OSError:
        stamp = 0
    return _load(os.fspath(model), device, threads, stamp)


@lru_cache(maxsize=4)
def _load(model: str, device: str, threads: int | None, stamp: int) -> Arbitrary:
    return Arbitrary(model, device=device, threads=threads)
