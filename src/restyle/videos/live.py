"""`restyle live`: stylize a camera in real time, and drop frames so that the output is never late.

Only the newest frame of the camera is taken, so a frame waits for at most one interval of the camera. What is
left of the largest delay, less a reserve, is the time to paint a frame. The resolution is chosen to fit that
time, but never below a quarter of the pixels that are shown. If that is still too slow, frames are dropped.
The painting is enlarged with the frame's own fine detail.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from restyle import pipeline
from restyle.files import name_part, unused
from restyle.images import picture
from restyle.images.resize import fit_size, resize
from restyle.methods import table
from restyle.methods.fast import MIN_SIDE
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.options.video import LiveOptions
from restyle.style import Style
from restyle.types import FloatArray, PathLike, from_unit
from restyle.videos.devices import Bytes, Newest, Shot, Sink, Window, open_sink, open_source, record, scaled
from restyle.videos.formats import Tell
from restyle.videos.stages import enlarged, reduced

GRID = 3  # rows and columns of the wall
PAGE = GRID * GRID
HELP = "left/right: other styles; w: wall of styles, 1-9 choose; s: snapshot; r: record; q: end"

_WAIT = 0.25  # seconds without a frame after which the window is checked
_STILL = 1.0  # seconds after which a late frame is better than none
_TRIALS = 3
SIZES = (96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512, 576, 640, 768, 896, 1024, 1280, 1536, 1920)
# px, longest sides; steps of about a fifth, all multiples of 32
_RESERVE = 0.9  # share of the allowed time that an average frame may take
_WORST = 1.05  # share that the slowest recent frames may take
_HELPS = 0.05  # share of a frame's time that the next smaller size must save
_MEMORY = 12  # frames at one size before a larger one is tried
_PATIENCE = 1.0  # seconds at one size before a larger one is tried
_PATIENCE_GROWTH = 2.0  # factor after every larger size that was too slow


class Controls:
    """What the keys of a live window change: other styles, a wall of styles, snapshots, recording.

    The first of `styles` is used; snapshots and recordings are written to the current folder, as
    `live-STYLE.png` and `live-STYLE.mp4`, never over an existing file.
    """

    def __init__(self, styles: Sequence[Style], rate: Fraction) -> None:
        self._styles, self._rate = styles, rate
        self._at, self._began = 0, 0.0
        self.wall = self._snapshot = self._record = False
        self.written: list[Path] = []
        self._recording: Sink | None = None

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
        height, width = (max(16, side // GRID) for side in content.shape[:2])
        small = resize(content, (height, width), "area")
        wall = np.zeros((*size, 3), np.float32)
        for place, style in enumerate(self._styles[self._first : self._first + PAGE]):
            painted = resize(method.paint(small, style.code), tile, "bilinear")
            label = Image.fromarray(from_unit(painted, np.uint8))
            text = f"{place + 1} {style.name}"
            ImageDraw.Draw(label).text((5, 4), text, fill=(255, 255, 255), stroke_width=2, stroke_fill=0)
            row, column = divmod(place, GRID)
            box = np.s_[row * tile[0] : (row + 1) * tile[0], column * tile[1] : (column + 1) * tile[1]]
            wall[box] = np.asarray(label, np.float32) / np.float32(255)
        return wall

    def shown(self, pixels: Bytes) -> None:
        """Save a shown frame [H, W, 3] if a snapshot or a recording was asked for."""
        if self._snapshot:
            self._snapshot = False
            self.written.append(picture.save_image(picture.from_array(pixels), self._path(".png")))
        if self._record:
            if self._recording is None:
                path = self._path(".mp4")
                self._recording = record(path, pixels.shape[:2], self._rate)
                self._began = time.monotonic()
                self.written.append(path)
            self._recording.show(pixels, time.monotonic() - self._began)

    def _path(self, suffix: str) -> Path:
        return unused(Path(f"live-{name_part(self.style.name)}{suffix}"))

    def close(self) -> None:
        """Finish a recording."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None


@dataclass
class Summary:
    """Figures of a finished run: frames, the last size (height, width), delays of shown frames in seconds."""

    shown: int
    dropped: int
    seconds: float
    size: tuple[int, int]
    delays: list[float]

    def delay(self, part: float) -> float:
        """Return the quantile `part`, 0..1, of the delays in seconds; 0 if no frame was shown."""
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
    others: Sequence[Style] = (),
    watch: Callable[[int, float, int], None] = lambda shown, delay, size: None,
    tell: Tell = lambda line: None,
) -> Summary:
    """Stylize a camera (number, device or a video file) until it ends or is stopped.

    Without `pictures.paint_size` the resolution that is painted adapts to the speed of the machine. The
    output is a file, a virtual camera, or a window, in which keys choose one of the `others`. `watch` takes
    the frames shown, the last delay in seconds and the longest painted side in px after every frame;
    KeyboardInterrupt from it, or by Ctrl-C, ends the run normally. `tell` takes the names of snapshots.

    Raises InputError or OutputError if there is no such camera or no screen, or the file cannot be written.
    """
    camera = open_source(source)
    newest: Newest | None = None
    try:
        controls = Controls([style, *others], camera.rate)
        painter = _Painter(controls, method, pictures, live, camera.size, camera.rate)
        size = painter.shown_size
        with open_sink(output, size, camera.rate, live.overwrite, [source]) as sink:
            painter.warm_up()
            newest = Newest(camera)
            summary = Summary(0, 0, 0.0, size, [])
            try:
                _run(newest, painter, controls, sink, live, summary, watch)
            except KeyboardInterrupt:
                pass  # the normal way to stop
            finally:
                controls.close()
            summary.dropped += newest.dropped
            summary.size = painter.painted_size
        for path in controls.written:
            tell(f"wrote {path}")
        return summary
    finally:
        if newest is not None:
            newest.close()
        else:
            camera.close()


def _run(
    newest: Newest,
    painter: _Painter,
    controls: Controls,
    sink: Sink,
    live: LiveOptions,
    summary: Summary,
    watch: Callable[[int, float, int], None],
) -> None:
    """Show frames until the source, the time or the user ends it."""
    first, shown, begin = None, 0.0, time.monotonic()
    try:
        while not (sink.closed or newest.ended):
            if live.seconds is not None and time.monotonic() - begin >= live.seconds:
                break
            if isinstance(sink, Window):
                while sink.keys:
                    controls.press(sink.keys.pop(0))
                    sink.rename(controls.title)
            shot = newest.take(_WAIT)
            taken = time.monotonic()
            if shot is None:
                continue
            if painter.pace.too_old(taken - shot.taken) and taken - shown < _STILL:
                summary.dropped += 1
                continue
            first = first or shot
            done = painter(shot)
            sink.show(done, shot.taken - first.taken)
            controls.shown(done)
            shown = now = time.monotonic()
            painter.pace.took(now - taken, now, painter.painting)
            summary.shown += 1
            summary.delays.append(now - shot.taken)
            watch(summary.shown, now - shot.taken, painter.pace.size)
    finally:
        summary.seconds = time.monotonic() - begin


class _Painter:
    """Stylizes camera frames at any resolution and returns frames of one size."""

    def __init__(
        self,
        controls: Controls,
        method: Arbitrary,
        pictures: ImageOptions,
        live: LiveOptions,
        camera: tuple[int, int],
        rate: Fraction,
    ) -> None:
        pipeline.check_strength(table.DEFAULTS[-1], pictures)
        self._controls, self._method, self._mirror, self._camera = controls, method, live.mirror, camera
        # Encoders and devices need even sides and a constant size.
        height, width = pipeline.prepared_size(camera, pictures)
        self.shown_size = (height - height % 2, width - width % 2)
        self._pictures = replace(pictures, size=f"{self.shown_size[1]}x{self.shown_size[0]}")
        longest = max(self.shown_size)
        fixed = None if pictures.paint_size is None else min(longest, pictures.paint_size)
        self.pace = Pace(live.delay / 1e3, longest, fixed, float(1 / rate))
        self.painted_size = self._size()
        self.painting = 0.0  # seconds of the last frame, without the steps that do not depend on its size

    def warm_up(self) -> None:
        """Load the model and choose the first size."""
        gray, took = np.full((*self._camera, 3), 128, np.uint8), []
        for _ in range(_TRIALS):
            self(Shot(gray, time.monotonic()))
            took.append(self.painting)
        self.pace.start(min(took))

    def __call__(self, shot: Shot) -> Bytes:
        """Stylize a frame."""
        crops = self._pictures.crop is not None
        pixels = shot.pixels if crops else scaled(shot.pixels, self.shown_size)  # faster than as floats
        content = pipeline.preprocess(picture.from_array(pixels), self._pictures)
        options, code = self._pictures, self._controls.style.code
        if self._controls.wall:  # never mirrored: it has text
            wall = self._controls.paint_wall(self._method, content.pixels, self.shown_size)
            return np.asarray(from_unit(wall, np.uint8))
        self.painted_size = self._size()
        begin, small = time.monotonic(), content.pixels
        if self.painted_size != self.shown_size:
            small = reduced(small, self.painted_size)
        painted = self._method.stylize(small, code, options.strength)
        self.painting = time.monotonic() - begin
        painted = enlarged(painted, small, content.pixels, options.strength)
        done: Any = from_unit(pipeline.postprocess(painted, content, options).pixels, np.uint8)
        return np.ascontiguousarray(done[:, ::-1]) if self._mirror else np.asarray(done)

    def _size(self) -> tuple[int, int]:
        """Return the size to paint at."""
        if self._pictures.colors_only:
            return self.shown_size
        side = max(MIN_SIDE, round(self.pace.size / self._pictures.style_scale))
        return self.shown_size if side == max(self.shown_size) else fit_size(self.shown_size, long=side)


class Pace:
    """Chooses the resolution from the time that recent frames took.

    `delay` is the allowed time from camera to output in seconds, `longest` the longest side of what is shown
    in px, `fixed` a size that is always used, and `interval` the time between two frames of the camera. At
    least half of `longest` is painted, a quarter of the pixels.

    Examples
    --------
    >>> pace = Pace(0.2, 1280)
    >>> pace.start(seconds=0.050)  # for a frame of `pace.size`
    >>> pace.size
    768
    """

    def __init__(
        self, delay: float, longest: int, fixed: int | None = None, interval: float = math.inf
    ) -> None:
        self.allowed = max(delay / 2, delay - interval)
        self._delay = delay
        self._sizes = [size for size in SIZES if longest <= 2 * size and size < longest] + [longest]
        self._fixed = fixed
        self._at = 0
        self._took: deque[float] = deque(maxlen=_MEMORY)
        self._painting: deque[float] = deque(maxlen=_MEMORY)
        self._since, self._patience = 0.0, _PATIENCE
        self._went_up = False

    @property
    def size(self) -> int:
        """Current longest side in px."""
        return self._fixed or self._sizes[self._at]

    @property
    def slow(self) -> float:
        """Seconds that the slowest recent frames took; 0 before the first."""
        return float(np.quantile(self._took, 0.9)) if self._took else 0.0

    def too_old(self, age: float) -> bool:
        """Return whether a frame that was captured `age` seconds ago would be shown too late."""
        return age > max(self._delay - self.slow, self._delay / 2)

    def start(self, seconds: float) -> None:
        """Choose the first size from the seconds that a frame of the smallest size took."""
        share = seconds / self._area(0)
        fits = [n for n in range(len(self._sizes)) if share * self._area(n) <= _RESERVE * self.allowed]
        self._at = max(fits, default=0)

    def took(self, seconds: float, now: float, painting: float | None = None) -> None:
        """Record the seconds that a frame took in total, and those that depend on the resolution."""
        if self._since == 0.0:
            self._since = now
        self._took.append(seconds)
        self._painting.append(seconds if painting is None else painting)
        usual, slow = float(np.median(self._took)), self.slow
        too_slow = len(self._took) >= 3 and (usual > _RESERVE * self.allowed or slow > _WORST * self.allowed)
        is_tried = len(self._took) == _MEMORY and now - self._since > self._patience
        if too_slow and self._at > 0:
            if -self._change(-1) < _HELPS * usual:
                return
            if self._went_up:
                self._patience *= _PATIENCE_GROWTH  # or the size would oscillate
            self._go(self._at - 1, now)
        elif is_tried and self._at + 1 < len(self._sizes):
            more = self._change(1)
            if usual + more < _RESERVE * self.allowed and slow + more < _WORST * self.allowed:
                self._go(self._at + 1, now)

    def _change(self, by: int) -> float:
        """Return the additional seconds per frame at a size that is `by` steps larger."""
        growth = self._area(self._at + by) / self._area(self._at)
        return (growth - 1) * float(np.median(self._painting))

    def _go(self, at: int, now: float) -> None:
        self._went_up, self._at, self._since = at > self._at, at, now
        self._took.clear()
        self._painting.clear()

    def _area(self, at: int) -> float:
        return float(self._sizes[at]) ** 2
