"""The loop: take the newest frame, paint it, show it, and keep the pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from restyle import pipeline
from restyle.images import picture
from restyle.images.resize import fit_size
from restyle.methods.fast import apply_at_size, painted_side
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, VideoOptions, parse_size
from restyle.options.video import LiveOptions
from restyle.style import Style
from restyle.types import PathLike, from_unit
from restyle.videos.info import Pixels
from restyle.videos.live.camera import Newest, Shot, open_source
from restyle.videos.live.pace import SIZES, Pace
from restyle.videos.live.sinks import Bytes, open_sink
from restyle.videos.scenes import SceneCuts
from restyle.videos.steadiness import SteadyPainter

_WAIT = 0.25  # seconds without a frame after which the window is looked at again
_STILL = 1.0  # seconds after which a late frame is better than none
_TRIALS = 3


@dataclass
class Summary:
    """How it went.

    Parameters
    ----------
    shown, dropped : int
        Frames.
    seconds : float
    size : (height, width)
        At which frames were painted, at the end.
    delays : list of float
        Seconds from camera to result, of every frame shown.
    """

    shown: int
    dropped: int
    seconds: float
    size: tuple[int, int]
    delays: list[float]

    def delay(self, part: float) -> float:
        """Seconds that a part, 0..1, of the frames kept under; 0 if none was shown."""
        return float(np.quantile(self.delays, part)) if self.delays else 0.0

    def __str__(self) -> str:
        worst, usual = self.delay(0.95) * 1e3, self.delay(0.5) * 1e3
        rate = self.shown / max(self.seconds, 1e-9)
        return (
            f"{self.shown} frames shown in {self.seconds:.1f} s ({rate:.1f} fps),"
            f" {self.dropped} dropped; painted at {self.size[1]}x{self.size[0]};"
            f" delay {usual:.0f} ms, 95 % under {worst:.0f} ms"
        )


def show(
    source: str,
    style: Style,
    method: Arbitrary,
    pictures: ImageOptions,
    live: LiveOptions,
    output: PathLike | None = None,
    *,
    watch: Callable[[int, float, int], None] = lambda shown, delay, size: None,
) -> Summary:
    """Paint a camera, or a file played as one, until it ends or somebody ends it.

    Parameters
    ----------
    source : str
        Number or device of a camera, or a video file.
    style : Style
    method : Arbitrary
    pictures : ImageOptions
        `size` None chooses the resolution by what the machine manages.
    live : LiveOptions
    output : path or None
        A file, a virtual device, or None for a window.
    watch : function of frames shown, the last delay in seconds, the longest side in px
        Called after every frame. KeyboardInterrupt from it, or from Ctrl-C, ends well.

    Returns
    -------
    Summary

    Raises
    ------
    InputError, OutputError
        No such camera; no screen; a file that cannot be written.
    """
    camera = open_source(source)
    newest: Newest | None = None
    try:
        painter = _Painter(style, method, pictures, live, camera.size)
        size = painter.shown_size
        with open_sink(output, size, camera.rate, live.overwrite, [source]) as sink:
            painter.warm_up()
            newest = Newest(camera)
            summary = Summary(0, 0, 0.0, size, [])
            first, late, shown = None, 0, 0.0
            begin = time.monotonic()
            try:
                while not (sink.closed or newest.ended):
                    if live.seconds is not None and time.monotonic() - begin >= live.seconds:
                        break
                    shot = newest.take(_WAIT)
                    taken = time.monotonic()
                    if shot is None:
                        continue
                    if painter.pace.too_old(taken - shot.taken) and taken - shown < _STILL:
                        late += 1
                        continue
                    first = first or shot
                    sink.show(painter(shot), shot.taken - first.taken)
                    shown = now = time.monotonic()
                    painter.pace.took(now - taken, now, painter.painting)
                    summary.shown += 1
                    summary.delays.append(now - shot.taken)
                    watch(summary.shown, now - shot.taken, painter.pace.size)
            except KeyboardInterrupt:
                pass  # the usual way to end what has no end
            summary.seconds = time.monotonic() - begin
            summary.dropped, summary.size = newest.dropped + late, painter.painted_size
        return summary
    finally:
        if newest is not None:
            newest.close()
        else:
            camera.close()


class _Painter:
    """Frames of a camera in, painted frames of one size out, whatever the size they are painted at."""

    def __init__(
        self,
        style: Style,
        method: Arbitrary,
        pictures: ImageOptions,
        live: LiveOptions,
        camera: tuple[int, int],
    ) -> None:
        self._code, self._pictures, self._mirror = style.code, replace(pictures, size=None), live.mirror
        self._camera = camera
        self._exact = parse_size(pictures.size)
        box = pipeline.framing(camera, pictures)
        self._framed = (box.height, box.width)
        fixed = max(self._exact) if isinstance(self._exact, tuple) else self._exact
        self.pace = Pace(live.delay / 1e3, min(max(self._framed), SIZES[-1]), fixed)
        self._steady = SteadyPainter(method, pictures.strength, VideoOptions.steady_seconds)
        self._cuts, self._last = SceneCuts(), 0.0
        # Encoders and devices want even sides, and one size from beginning to end.
        height, width = self._size(fixed or max(self._framed))
        self.shown_size = (height - height % 2, width - width % 2)
        self.painted_size = self._size(self.pace.size)
        self.painting = 0.0  # seconds that the last frame was painted, without what its size does not change

    def warm_up(self) -> None:
        """Load the model, and find the size to begin with."""
        grey = np.full((*self._camera, 3), 128, np.uint8)
        took = []
        for _ in range(_TRIALS):
            self(Shot(grey, time.monotonic()))
            took.append(self.painting)
        self.pace.start(min(took))
        self._steady.cut()
        self._cuts, self._last = SceneCuts(), 0.0

    def __call__(self, shot: Shot) -> Bytes:
        """Paint a frame."""
        pixels = shot.pixels
        if self._cuts(pixels):
            self._steady.cut()
        self.painted_size = self._size(self.pace.size)
        if self._pictures.crop is None:
            pixels = _scaled(pixels, self.painted_size)  # faster than resizing floats
            options = self._pictures
        else:
            options = replace(self._pictures, size=f"{self.painted_size[1]}x{self.painted_size[0]}")
        begin = time.monotonic()
        content = pipeline.preprocess(picture.from_array(pixels), options)
        side = painted_side((content.height, content.width), options)
        elapsed = max(0.0, shot.taken - self._last)
        painted = apply_at_size(
            side, content.pixels, lambda seen: self._steady(seen, self._code, elapsed), options.strength
        )
        self._last = shot.taken
        done: Any = from_unit(pipeline.postprocess(painted, content, self._pictures).pixels, np.uint8)
        self.painting = time.monotonic() - begin
        return _scaled(done[:, ::-1] if self._mirror else done, self.shown_size)

    def _size(self, longest: int) -> tuple[int, int]:
        if isinstance(self._exact, tuple):
            return self._exact
        return fit_size(self._framed, long=longest)


def _scaled(pixels: Pixels, size: tuple[int, int]) -> Bytes:
    """Bring a frame to (height, width) and 8 bits."""
    import av
    from av.video.reformatter import Interpolation

    form = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
    if pixels.shape[:2] == size and form == "rgb24":
        return np.ascontiguousarray(pixels, np.uint8)
    whole: Any = np.ascontiguousarray(pixels)
    frame = av.VideoFrame.from_ndarray(whole, form)
    smaller = size[0] < pixels.shape[0]
    how = Interpolation.AREA if smaller else Interpolation.BICUBIC
    resized = frame.reformat(width=size[1], height=size[0], format="rgb24", interpolation=how)
    return np.asarray(resized.to_ndarray(), np.uint8)
