"""The two graphs of a model of any style: loaded when first used, and run once a call.

The style encoder presses a picture into a code. The transformer paints the content by a code, in one pass;
the statistics that its normalisation needs are an output, and can be an input.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cached_property
from threading import Lock

import numpy as np

from restyle.errors import InputError, ModelError, OptionError, StyleError
from restyle.images.padding import pad, unpad
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
