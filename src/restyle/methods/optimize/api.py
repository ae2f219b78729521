"""The method `optimize`: choose the initial picture, then optimize, write previews, and report progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.blend import blend
from restyle.images.resize import fit_size, resize
from restyle.methods.optimize.problem import Part
from restyle.methods.optimize.run import optimize
from restyle.methods.protocol import Files, Previous, Settings, Step, state_path
from restyle.models.style_codes import Exemplar
from restyle.options import OptimizeOptions
from restyle.options.optimize import STARTS
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray, PathLike

PREVIEW_SIDE = 1024  # px, longest side of the preview
_PREVIEW_SHARE = 0.1  # of the time, at most, goes into it
_NEXT = 3  # a frame that starts from the previous one takes a third of the steps


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Optimize [H, W, 3] float32 pixels in 0..1 for one style, which must be a picture."""
    return stylize_regions(content, [(None, style)], settings)


def stylize_regions(
    content: FloatArray, regions: Sequence[tuple[FloatArray | None, Style]], settings: Settings
) -> FloatArray:
    """Optimize pixels for several styles, each with its share ([H, W], 0..1; None: 1) of every pixel."""
    observer = Observer(settings)
    return optimize(
        content,
        [Part(share, style.exemplars()) for share, style in regions],
        settings.method,
        start=lambda: initial_picture(content, regions, settings),
        strength=settings.image.strength,
        device=settings.device,
        threads=settings.network.threads,
        state=observer.state,
        callback=observer,
    )


def stylize_frame(
    content: FloatArray,
    start: FloatArray,
    styles: Sequence[Exemplar],
    options: VideoMethodOptions,
    *,
    strength: float,
    threads: int | None,
    previous: Previous | None,
) -> FloatArray:
    """Optimize a video frame from `start`; with `previous`, a third of the steps is enough."""
    steps = options.steps if previous is None else -(-options.steps // _NEXT)
    return optimize(
        content,
        [Part(None, styles)],
        OptimizeOptions(method=options.method, steps=steps, encoder=options.encoder),
        start=lambda: start,
        strength=strength,
        threads=threads,
        previous=previous,
    )


def initial_picture(
    content: FloatArray, regions: Sequence[tuple[FloatArray | None, Style]], settings: Settings
) -> FloatArray:
    """The picture that `--init` names, at the content's size [shape=(H, W, 3), float32]."""
    init, strength, network = settings.method.init, settings.image.strength, settings.network
    if init not in STARTS:
        pixels = images.load_image(init, max_pixels=settings.image.max_pixels).pixels
        return resize(pixels, (content.shape[0], content.shape[1]))
    if init != "fast":
        return content
    painted = [(share, network.stylize(content, style.code, strength)) for share, style in regions]
    if painted[0][0] is None:
        return painted[0][1]
    return blend(((share, pixels) for share, pixels in painted if share is not None), content)


class Observer:
    """After each step: writes the preview and numbered pictures, reports, and calls back."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.files = settings, settings.files
        self.preview, self.every = settings.method.preview, settings.method.save_every
        self.preview_time = self.preview_cost = 0.0
        self.state: Path | None = None
        if self.files is not None:
            self.state = state_path(self.files.output)
        elif self.every is not None:
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
