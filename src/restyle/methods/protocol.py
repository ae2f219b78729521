"""Interface of the methods: `Method`, the `Settings` it gets, the `Step` it reports, and its `Observer`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.color import ColorLut
from restyle.images.picture import Picture
from restyle.images.resize import Enlargement, fit_size, resize
from restyle.methods.table import DEFAULTS
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options import ImageOptions, OptimizeOptions, SaveOptions
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray, PathLike, Report, quiet

PREVIEW_SIDE = 1024  # px, longest side of the preview
_PREVIEW_SHARE = 0.1  # of the time, at most, goes into it

Tables = Callable[[FloatArray], ColorLut]
"""Gives the color map of a photo [shape=(H, W, 3), float32, range 0..1, RGB] of a set with one look."""

Thumbnail = Callable[[], tuple[FloatArray, FloatArray | None]]
"""Computes pixels [h, w, 3] and alpha of a picture as by `resize.thumbnail`."""


class Method(Protocol):
    """A module that stylizes pictures; its row in `methods.table` says which functions it has.

    Pictures are np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1].
    """

    def stylize(self, content: FloatArray, style: Style, settings: Settings, /) -> FloatArray:
        """Stylize one picture."""

    def needs_whole(self, size: tuple[int, int], options: ImageOptions, /) -> str:
        """Say what needs the complete picture of (height, width) in memory: "paint-size is"; or nothing."""

    def plan_rows(
        self, read: Thumbnail, size: tuple[int, int], style: Style, settings: Settings, /
    ) -> Enlargement | None:
        """Paint a large picture of (height, width) small, from its thumbnail.

        None: `settings.network` paints it by rows. Drop the thumbnail, up to 300 MB, as soon as possible.
        """

    def stylize_regions(
        self, content: FloatArray, regions: Sequence[tuple[FloatArray, Style]], settings: Settings, /
    ) -> FloatArray:
        """Stylize pixels in several styles, each with its share [H, W], 0..1, of every pixel."""

    def fit_tables(
        self, photos: Iterable[FloatArray], style: Style, strength: float, skin: bool, /
    ) -> Tables:
        """Fit one look for a set of photos; the result gives the color map of each of them."""

    def stylize_frame(
        self,
        content: FloatArray,
        start: FloatArray,
        styles: Sequence[Exemplar],
        options: VideoMethodOptions,
        /,
        *,
        strength: float,
        device: str,
        threads: int | None,
        previous: Previous | None,
    ) -> FloatArray:
        """Stylize a video frame from `start` of the same shape."""

    def stylize_key(
        self,
        content: FloatArray,
        start: FloatArray | None,
        styles: Sequence[Exemplar],
        options: VideoMethodOptions,
        /,
        *,
        device: str,
        threads: int | None,
    ) -> FloatArray:
        """Stylize a key frame from `start` of the same shape, or from nothing; about that size."""


@dataclass(frozen=True)
class Previous:
    """The stylized previous frame, warped by optical flow."""

    picture: FloatArray
    trust: FloatArray  # [H, W], 0..1; 0 where the flow is occluded
    weight: float  # of the temporal loss, the mean squared difference


@dataclass(frozen=True)
class Files:
    """Files a method may write beside the result `output`, which the caller writes; `inputs` stay."""

    output: PathLike
    saving: SaveOptions
    inputs: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a method may use besides content and style."""

    network: Arbitrary  # that encoded the style
    finish: Callable[[FloatArray], Picture]  # gives stylized pixels the colors and metadata of the result
    image: ImageOptions = field(default_factory=ImageOptions)
    # Which method it is, and its own options.
    method: OptimizeOptions = field(default_factory=lambda: OptimizeOptions(method=DEFAULTS[-1]))
    device: str = "cpu"
    alpha: FloatArray | None = None  # [H, W], of the content; hidden colors should not bleed into edges
    depth: int = 8  # bits per channel of the content: 8 or 16
    table_for: Tables | None = None
    files: Files | None = None  # None if no file is written
    report: Report = quiet
    callback: Callable[[Step], object] | None = None  # True stops the method: it returns the picture so far


class Stopped(Exception):  # noqa: N818
    """The method was stopped by Ctrl-C; `picture` is the best so far, at full size: float32 in 0..1."""

    def __init__(self, picture: FloatArray) -> None:
        super().__init__("stopped")
        self.picture = picture
        self.result: Picture | None = None  # `picture` with colors and metadata, set by the pipeline


@dataclass(frozen=True)
class Step:
    """Progress after one step, for a callback."""

    number: int  # of the step just taken, counted from 1
    total: int
    height: int  # of the current size, in px
    width: int
    terms: Mapping[str, float]  # weighted terms of the loss before the step
    seconds_left: float | None  # None until it can be estimated
    picture: Callable[[], FloatArray] = field(repr=False)
    """Returns the picture so far [shape=(H, W, 3), float32, RGB, range 0..1], at the content's size."""

    @property
    def loss(self) -> float:
        """Sum of the terms."""
        return sum(self.terms.values())

    def __str__(self) -> str:
        """Return one line: `step 120/300, 512x384, gram 0.031, features 0.12, 1:20 left`."""
        words = [f"step {self.number}/{self.total}", f"{self.width}x{self.height}"]
        words += [f"{name} {value:.2g}" for name, value in self.terms.items() if value >= 1e-4]
        if self.seconds_left is not None:
            minutes, seconds = divmod(round(self.seconds_left), 60)
            words.append(f"{minutes}:{seconds:02d} left")
        return ", ".join(words)


def state_path(output: PathLike) -> Path:
    """Where an unfinished run keeps its state: `art.jpg.unfinished`, beside the result."""
    path = Path(os.path.realpath(output))
    return path.with_name(f"{path.name}.unfinished")


class Observer:
    """After each step: writes the preview and numbered pictures, reports, and calls back."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.files = settings, settings.files
        self.preview, self.every = settings.method.preview, settings.method.save_every
        self.preview_time = self.preview_cost = 0.0
        if self.every is not None and self.files is None:
            raise OptionError("save-every numbers files beside the result; give an output as well")
        if self.preview is not None:
            formats.output_format(self.preview)
            check_output(self.preview, overwrite=True, inputs=() if self.files is None else self.files.inputs)

    def __call__(self, step: Step) -> object:
        self.settings.report(step.number / step.total)
        if self.every is not None and step.number % self.every == 0 and self.files is not None:
            self._save_numbered(step, self.files)
        if self.preview is not None:
            self._write_preview(step, self.preview)
        return self.settings.callback(step) if self.settings.callback is not None else False

    def _save_numbered(self, step: Step, files: Files) -> None:
        images.save_image(
            self.settings.finish(step.picture()),
            numbered(files.output, step.number),
            quality=files.saving.quality,
            overwrite=files.saving.overwrite,
            inputs=files.inputs,
        )

    def _write_preview(self, step: Step, path: PathLike) -> None:
        start = time.monotonic()
        if step.number < step.total and start - self.preview_time < self.preview_cost / _PREVIEW_SHARE:
            return
        picture = self.settings.finish(step.picture())
        size = (picture.height, picture.width)
        if max(size) > PREVIEW_SIDE:
            size = fit_size(size, long=PREVIEW_SIDE)
            alpha = None if picture.alpha is None else resize(picture.alpha, size, "area")
            picture = replace(picture, pixels=resize(picture.pixels, size, "area"), alpha=alpha)
        inputs = () if self.files is None else self.files.inputs
        images.save_image(picture, path, overwrite=True, inputs=inputs)
        self.preview_time = time.monotonic()
        self.preview_cost = self.preview_time - start


def numbered(output: PathLike, number: int) -> Path:
    """`art.jpg` after 40 steps: `art-00040.jpg`."""
    path = Path(output)
    return path.with_name(f"{path.stem}-{number:05d}{path.suffix}")
