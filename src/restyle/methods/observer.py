"""What a method that works in steps does after each of them: report, call back, write previews."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.resize import fit_size, resize
from restyle.methods.protocol import Files, Settings, Step
from restyle.types import PathLike

PREVIEW_SIDE = 1024  # px, longest side of the preview
_PREVIEW_SHARE = 0.1  # of the time, at most, goes into it


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
