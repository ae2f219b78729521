"""The two graphs of a model of any style: loaded when first used, and run once a call.

The style encoder presses a picture into a code. The transformer paints the content by a code, in one pass;
the statistics that its normalisation needs are an output, and can be an input.

Any style in one pass: style picture -> code -> every pixel of the content.

The statistics that the transformer's normalisation needs are an output of its graph, and can be an input.
That makes pictures of any size possible: those too large for one pass take their statistics from a thumbnail,
and are then painted in tiles that all normalise alike, so no seam shows (URST, Chen et al. 2022).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from threading import Lock

import numpy as np

from restyle.errors import InputError, ModelError, OptionError, StyleError
from restyle.images.geometry import Box, Padding, join_tiles, pad, plan_tiles, unpad
from restyle.images.resize import fit_size, resize
from restyle.models import blending, catalog
from restyle.models.session import PROVIDERS, Device, Session
from restyle.types import FloatArray

SMALLEST_STYLE = 8  # px, short side: below it a picture holds no brushwork to learn, only a colour
SMALLEST_INPUT = 16  # px, of both graphs

# A style is encoded in windows of at most this many pixels, and the codes are averaged by area.
STYLE_PIXELS = 4_000_000
STYLE_SCALES = (0.25, 4.0)


class Graphs:
    """The two graphs of one model; both are loaded when first used, and shared between threads.

    Parameters
    ----------
    model : str or path
        Name in the catalog, a folder that `restyle export` wrote, or a `.restyle` file. A network that has
        only styles of its own has no style encoder: its codes are the weights of those styles.
    device : "cpu" or "cuda"
    threads : int or None
        Threads of one call; None takes all cores that the process may use.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = catalog.DEFAULT,
        *,
        device: Device = "cpu",
        threads: int | None = None,
    ) -> None:
        if device not in PROVIDERS:
            raise OptionError(f"unknown device '{device}'; choose one of {', '.join(PROVIDERS)}")
        if threads is not None and threads < 1:
            raise OptionError(f"threads {threads} is less than 1")
        self.record = catalog.find(model)
        self.device = device
        self.threads = threads
        self._lock = Lock()

    @cached_property
    def style_encoder(self) -> Session:
        """Graph of style picture -> code; StyleError where there is none."""
        if not self.encodes:
            raise StyleError(f"network '{self.name}' paints only styles of its own, not those of pictures")
        return self._load("style_encoder", {"style"}, {"code"})

    @cached_property
    def transformer(self) -> Session:
        """Graph of content and code -> picture and statistics."""
        inputs = {"content", "code", "stats_in", "stats_weight"}
        return self._load("transformer", inputs, {"picture", "stats"})

    @property
    def encodes(self) -> bool:
        """Whether it takes the style of any picture, or only has styles of its own."""
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
        """Short side, in px, that styles are looked at with."""
        return int(self.style_encoder.setting("style_size"))

    def encode(self, picture: FloatArray, scale: float = 1.0) -> FloatArray:
        """Press a style picture into its code.

        Parameters
        ----------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            Any size from 8 px; it is brought to the size that the model learnt styles at.
        scale : float, 0.25..4
            Size of the strokes: at 2 the style is looked at from half the distance.

        Returns
        -------
        np.ndarray [shape=(K,), float32]
        """
        low, high = STYLE_SCALES
        if not low <= scale <= high:
            raise OptionError(f"style scale {scale:g} is outside {low:g}..{high:g}")
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST_STYLE:
            raise InputError(
                f"style picture of {width} x {height} px is too small; it needs {SMALLEST_STYLE} px a side"
            )
        short = max(SMALLEST_INPUT, round(self.style_size * scale))
        codes, areas = [], []
        for window in _windows(picture, short):
            size = fit_size(window.shape[:2], short=short)
            shrunk = resize(window, size, "area" if size[0] < window.shape[0] else "lanczos")
            codes.append(self.style_encoder.run(style=_batch(shrunk))["code"][0])
            areas.append(float(shrunk.shape[0] * shrunk.shape[1]))
        return blending.mix(codes, areas)

    def transfer(
        self, content: FloatArray, code: FloatArray, stats: FloatArray | None = None, weight: float = 1.0
    ) -> tuple[FloatArray, FloatArray]:
        """Paint a picture in one pass.

        Parameters
        ----------
        content : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            Any size; it is padded by reflection to the stride, and the padding is cut off again.
        code : np.ndarray [shape=(K,), float32]
        stats : np.ndarray [shape=(P,), float32] or None
            Statistics to normalise with; None takes the picture's own.
        weight : float, 0..1
            How much `stats` count; the rest is the picture's own.

        Returns
        -------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        stats : np.ndarray [shape=(P,), float32]
            The statistics that were used.
        """
        graph = self.transformer
        smallest = int(graph.metadata.get("smallest", SMALLEST_INPUT))
        padded, padding = pad(content, int(graph.setting("stride")), minimum=smallest)
        given = np.zeros(graph.width("stats_in"), np.float32) if stats is None else stats
        share = np.full((1, 1), 0.0 if stats is None else weight, np.float32)
        out = graph.run(content=_batch(padded), code=code[None], stats_in=given[None], stats_weight=share)
        picture = unpad(out["picture"][0].transpose(1, 2, 0), padding)
        return np.ascontiguousarray(picture), out["stats"][0]

    def _load(self, role: str, inputs: set[str], outputs: set[str]) -> Session:
        # The lock makes cached_property load once when two threads ask first at the same time.
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


def _batch(picture: FloatArray) -> FloatArray:
    """[H, W, 3] -> [1, 3, H, W]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1))[None]


def _windows(picture: FloatArray, short: int) -> Iterator[FloatArray]:
    """Cut a long scroll along its long side, so that each part fits once its short side is `short`."""
    height, width = picture.shape[:2]
    scale = short / min(height, width)
    count = math.ceil(height * width * scale * scale / STYLE_PIXELS)
    yield from np.array_split(picture, min(count, max(height, width)), axis=int(width > height))


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
        tiles = [Box(*(stride * each for each in (t.top, t.left, t.height, t.width))) for t in grid]
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
