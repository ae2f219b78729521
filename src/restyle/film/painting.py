"""The three stages between reading and writing: prepare, paint, finish. Each may run in a thread of its own.

What a stage remembers from frame to frame is gathered at the end of every segment, so that a run that was
killed goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle import pipeline
from restyle.arrays import FloatArray, from_unit
from restyle.errors import OptionError
from restyle.media import images
from restyle.media.images import Picture
from restyle.media.video_info import VideoFrame, VideoInfo
from restyle.methods.arbitrary import Arbitrary
from restyle.moments import Moments
from restyle.options import ImageOptions, VideoOptions
from restyle.temporal.flow import FlowSteadier, Motion, MotionFinder
from restyle.temporal.scenes import SceneCuts
from restyle.temporal.steadying import SteadyPainter
from restyle.temporal.timeline import Timeline
from restyle.transforms.color_cube import ColorCube
from restyle.transforms.colors import palette_cube

State = dict[str, NDArray[Any]]

SEGMENT = 120  # frames that a killed run loses at most


@dataclass
class SegmentEnd:
    """Follows the last frame of a segment through the stages, and gathers what they remember."""

    index: int
    state: State = field(default_factory=dict)


@dataclass
class _Work:
    """A frame between two stages."""

    frame: VideoFrame
    content: Picture
    code: FloatArray
    elapsed: float
    new_scene: bool
    motion: Motion | None
    painted: FloatArray | None = None
    cube: ColorCube | None = None


class FilmPainter:
    """Paints the frames of a film, in stages that pass everything else through.

    Parameters
    ----------
    styles : list of (seconds, Style)
    method : Arbitrary
    pictures : ImageOptions
    film : VideoOptions
    info : VideoInfo
    state : dict of arrays or None
        Of a `SegmentEnd`: go on after that segment.

    Raises
    ------
    OptionError
        Options that contradict each other.
    MissingExtraError
        `--steady flow` without OpenCV.
    """

    def __init__(
        self,
        styles: Moments,
        method: Arbitrary,
        pictures: ImageOptions,
        film: VideoOptions,
        info: VideoInfo,
        state: State | None = None,
    ) -> None:
        if pictures.colors_only and len(styles) > 1:
            raise OptionError("colors-only takes one style for the whole of a video; give one, without times")
        self._pictures, self._time_base = pictures, info.time_base
        self._timeline = Timeline([(second, style.code) for second, style in styles])
        self._painter = SteadyPainter(
            method, pictures.strength, film.steady_seconds if film.steady != "none" else 0.0
        )
        self._cuts = SceneCuts()
        self._only_palette = pictures.colors_only and pictures.strength > 0
        by_flow = film.steady == "flow" and pictures.strength > 0 and not pictures.colors_only
        self._finder = MotionFinder() if by_flow else None
        self._steadier = FlowSteadier() if by_flow else None
        self._cube: ColorCube | None = None
        self._before = 0  # stamp of the frame before
        self._last: Any = None  # pixels of the last result
        if state is not None:
            self._restore(state)

    def prepare(self, items: Iterator[Any]) -> Iterator[Any]:
        """Crop, resize and adjust; find cuts, and motion if it is wanted."""
        first: int | None = None
        count = 0
        for item in items:
            if not isinstance(item, VideoFrame):
                yield item
                continue
            first = item.pts if first is None else first
            count += 1
            if item.pixels is None:
                yield item
            else:
                new_scene = self._cuts(item.pixels)
                content = pipeline.preprocess(images.from_array(item.pixels), self._pictures)
                yield _Work(
                    item,
                    content,
                    self._timeline.at(float((item.pts - first) * self._time_base)),
                    float((item.pts - self._before) * self._time_base),
                    new_scene,
                    self._finder(content.pixels, new_scene) if self._finder else None,
                )
                self._before = item.pts
            if count % SEGMENT == 0 and not item.skipped:
                state: State = {f"cuts.{name}": value for name, value in self._cuts.state().items()}
                state["before"] = np.array(self._before)
                if self._finder and self._finder.before is not None:
                    state["content"] = self._finder.before
                yield SegmentEnd(count // SEGMENT - 1, state)

    def paint(self, items: Iterator[Any]) -> Iterator[Any]:
        """Run the network."""
        for item in items:
            if isinstance(item, SegmentEnd):
                item.state |= {f"painter.{name}": value for name, value in self._painter.state().items()}
                if self._cube is not None:
                    item.state["cube"] = self._cube.nodes
            elif isinstance(item, _Work):
                content = item.content.pixels
                if item.new_scene:
                    self._painter.cut()
                if not self._only_palette:
                    item.painted = self._painter(content, item.code, item.elapsed)
                elif item.new_scene or self._cube is None:
                    # Fitted once, so that a colour becomes the same colour in every frame of a scene.
                    seen = pipeline.seen(content, self._pictures)
                    self._cube = palette_cube(content, self._painter(seen, item.code, item.elapsed))
                item.cube = self._cube
            yield item

    def finish(self, items: Iterator[Any]) -> Iterator[Any]:
        """Steady by motion, settle the colours, and make frames again."""
        for item in items:
            if isinstance(item, SegmentEnd):
                if self._steadier and self._steadier.last is not None:
                    item.state["steadied"] = self._steadier.last
                if self._last is not None:
                    item.state["last"] = self._last
                yield item
            elif isinstance(item, _Work):
                assert item.frame.pixels is not None
                self._last = from_unit(self._finished(item), item.frame.pixels.dtype)
                yield replace(item.frame, pixels=self._last)
            elif isinstance(item, VideoFrame) and not item.skipped:
                yield replace(item, pixels=self._last)  # damaged: the one before stands in
            else:
                yield item

    def _finished(self, item: _Work) -> FloatArray:
        if item.cube is not None:
            return item.cube.apply(item.content.pixels)
        assert item.painted is not None
        steady = self._steadier(item.painted, item.motion) if self._steadier else item.painted
        return pipeline.postprocess(steady, item.content, self._pictures).pixels

    def _restore(self, state: State) -> None:
        self._before = int(state["before"])
        self._last = state.get("last")
        self._cuts.restore(_part(state, "cuts."))
        self._painter.restore(_part(state, "painter."))
        if "cube" in state:
            self._cube = ColorCube(state["cube"])
        if self._finder and self._steadier:
            self._finder.before, self._steadier.last = state.get("content"), state.get("steadied")


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
