"""The stages of an optimised picture, in order: load, prepare, start, optimise and watch, finish."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from restyle import pipeline
from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.picture import Picture
from restyle.images.resize import fit_size, resize
from restyle.images.shares import blend
from restyle.methods.optimize.steps import Step, Stopped
from restyle.methods.regions import Regions
from restyle.models.arbitrary import Arbitrary, quiet
from restyle.options import ImageOptions, OptimizeOptions, SaveOptions
from restyle.options.optimize import STARTS
from restyle.style import Style
from restyle.types import FloatArray

PathLike = str | os.PathLike[str]
Finish = Callable[[FloatArray], Picture]

PREVIEW_SIDE = 1024  # px, longest side of the preview
_PREVIEW_SHARE = 0.1  # of the time, at most, goes into it


@dataclass(frozen=True)
class Files:
    """What a run may write.

    Parameters
    ----------
    output : path
        Of the result, which the caller writes; the state of the run and numbered pictures lie beside it.
    saving : SaveOptions
    inputs : tuple of path
        Never replaced.
    """

    output: PathLike
    saving: SaveOptions
    inputs: tuple[Any, ...] = ()


def optimized(
    source: Any,
    style: Style | Regions,
    method: Arbitrary,
    options: ImageOptions,
    finest: OptimizeOptions,
    *,
    device: str = "cpu",
    files: Files | None = None,
    report: Callable[[float], None] = quiet,
    callback: Callable[[Step], object] | None = None,
) -> Picture:
    """Load a picture, prepare it, optimise it, finish it: the whole way but for saving.

    Parameters
    ----------
    source, style, options
        As for `pipeline.image`; the styles must be pictures.
    method : Arbitrary
        Paints the start, and gives the number of threads.
    finest : OptimizeOptions
    device : "cpu" or "cuda"
    files : Files or None
        None where no file is written; then there is nothing to resume later.
    report : function of the fraction done, 0..1
    callback : function of a Step
        Returning True stops the run, which then gives the picture so far.

    Raises
    ------
    Stopped
        By Ctrl-C; its `picture` is finished as far as it came.
    MissingExtraError
        torch is not installed.
    """
    from restyle.methods.optimize.parts import Part
    from restyle.methods.optimize.run import optimize

    picture = pipeline.load(source, options)
    content = pipeline.preprocess(picture, options)
    pixels = pipeline.seen(content.pixels, options)
    seen: Sequence[tuple[FloatArray | None, Style]]
    if isinstance(style, Regions):
        box = pipeline.framing((picture.height, picture.width), options)
        shares = style.parts(picture, box, (content.height, content.width), options.feather)
        seen = [(resize(share, pixels.shape[:2], "area"), each) for share, each in shares]
    else:
        seen = [(None, style)]
    parts = [Part(share, each.exemplars()) for share, each in seen]

    def finish(painted: FloatArray) -> Picture:
        if not isinstance(style, Regions):
            return pipeline.postprocess(painted, content, options)
        blended = blend(
            ((share, pipeline.postprocess(painted, content, options).pixels) for share, _ in shares),
            content.pixels,
        )
        return replace(content, pixels=blended, grey=False)

    def start() -> FloatArray:
        return begin(pixels, seen, method, options, finest)

    if options.strength == 0:
        return finish(pixels)
    watch = Watch(finest, finish, files, report, callback)
    try:
        painted = optimize(
            pixels,
            parts,
            finest,
            start=start,
            strength=options.strength,
            device=device,
            threads=method.threads,
            state=watch.state,
            callback=watch,
        )
    except Stopped as stop:
        stop.finished = finish(stop.picture)
        raise
    return finish(painted)


def begin(
    pixels: FloatArray,
    shares: Sequence[tuple[FloatArray | None, Style]],
    method: Arbitrary,
    options: ImageOptions,
    finest: OptimizeOptions,
) -> FloatArray:
    """Where to start: the picture that `init` names, of the content's size [shape=(H, W, 3), float32]."""
    if finest.init not in STARTS:
        given = images.load(finest.init, max_pixels=options.max_pixels).pixels
        return resize(given, (pixels.shape[0], pixels.shape[1]))
    if finest.init != "fast":
        return pixels
    painted = [(share, method.stylize(pixels, style.code, options.strength)) for share, style in shares]
    if not painted:
        return pixels  # every pixel is kept
    if painted[0][0] is None:
        return painted[0][1]
    return blend(((share, each) for share, each in painted if share is not None), pixels)


class Watch:
    """Looks on: refreshes the preview, keeps numbered pictures, reports, and calls back."""

    def __init__(
        self,
        finest: OptimizeOptions,
        finish: Finish,
        files: Files | None,
        report: Callable[[float], None],
        callback: Callable[[Step], object] | None,
    ) -> None:
        self.finest, self.finish, self.files = finest, finish, files
        self.report, self.callback = report, callback
        self.seen = self.cost = 0.0
        self.state: Path | None = None
        if files is not None:
            self.state = state_of(files.output)
        elif finest.save_every is not None:
            raise OptionError("--save-every numbers files beside the result; give an output as well")
        if finest.preview is not None:
            formats.writable_kind(finest.preview)
            check_output(finest.preview, overwrite=True, inputs=() if files is None else files.inputs)

    def __call__(self, step: Step) -> object:
        self.report(step.number / step.total)
        every = self.finest.save_every
        if every is not None and step.number % every == 0 and self.files is not None:
            self._number(step, self.files)
        if self.finest.preview is not None:
            self._preview(step, self.finest.preview)
        return self.callback(step) if self.callback is not None else False

    def _number(self, step: Step, files: Files) -> None:
        path = numbered(files.output, step.number)
        pipeline.save(self._finished(step), path, files.saving, files.inputs)

    def _preview(self, step: Step, path: PathLike) -> None:
        start = time.monotonic()
        if step.number < step.total and start - self.seen < self.cost / _PREVIEW_SHARE:
            return
        picture = self._finished(step)
        size = (picture.height, picture.width)
        if max(size) > PREVIEW_SIDE:
            shown = fit_size(size, long=PREVIEW_SIDE)
            alpha = None if picture.alpha is None else resize(picture.alpha, shown, "area")
            picture = replace(picture, pixels=resize(picture.pixels, shown, "area"), alpha=alpha)
        pipeline.save(
            picture, path, SaveOptions(overwrite=True), () if self.files is None else self.files.inputs
        )
        self.seen = time.monotonic()
        self.cost = self.seen - start

    def _finished(self, step: Step) -> Picture:
        return self.finish(step.picture())


def state_of(output: PathLike) -> Path:
    """Where the state of a run lies until it is finished: `art.jpg.unfinished`, beside the result."""
    path = Path(os.path.realpath(output))
    return path.with_name(f"{path.name}.unfinished")


def numbered(output: PathLike, number: int) -> Path:
    """`art.jpg` after 40 steps: `art-00040.jpg`."""
    path = Path(output)
    return path.with_name(f"{path.stem}-{number:05d}{path.suffix}")
