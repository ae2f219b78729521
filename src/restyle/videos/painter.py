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
from restyle.errors import OptionError
from restyle.images import picture
from restyle.images.blend import blend
from restyle.images.color import fit_palette
from restyle.images.color_lut import ColorLut
from restyle.images.picture import Picture
from restyle.methods import table
from restyle.methods.fast import apply_at_size, painted_side
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, VideoOptions
from restyle.types import FloatArray, from_unit
from restyle.videos.flow import FlowSteadier, Motion, MotionFinder
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.masks import VideoRegions
from restyle.videos.optimized import OptimizedPainter
from restyle.videos.scenes import SceneCuts
from restyle.videos.steadiness import SteadyPainter
from restyle.videos.timeline import TimedStyles, Timeline

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
    codes: list[FloatArray | None]
    shares: list[FloatArray] | None
    elapsed: float
    new_scene: bool
    motion: Motion | None
    painted: list[FloatArray | None] = field(default_factory=list)
    cubes: list[ColorLut | None] = field(default_factory=list)

    def wanted(self, layer: int) -> bool:
        """Whether a layer shows anywhere in the frame."""
        return self.codes[layer] is not None and (self.shares is None or bool(self.shares[layer].any()))


class _Layer:
    """One style of a film: what paints it, and what it remembers from frame to frame."""

    def __init__(self, painter: SteadyPainter | OptimizedPainter, steadier: FlowSteadier | None) -> None:
        self.painter, self.steadier = painter, steadier
        self.cube: ColorLut | None = None

    def cut(self) -> None:
        """Forget what was."""
        self.painter.cut()
        self.cube = None

    def paint(self, item: _Work, code: FloatArray, pictures: ImageOptions) -> None:
        """Run the network, or fit the palette once a scene."""
        content = item.content.pixels
        if isinstance(self.painter, OptimizedPainter):
            item.painted.append(self.painter(content, code, item.elapsed, item.motion))
        elif not pictures.colors_only or pictures.strength == 0:
            side = painted_side((item.content.height, item.content.width), pictures)
            painter, elapsed = self.painter, item.elapsed
            item.painted.append(
                apply_at_size(side, content, lambda seen: painter(seen, code, elapsed), pictures.strength)
            )
        else:
            if self.cube is None:
                # Fitted once, so that a colour becomes the same colour in every frame of a scene.
                seen = pipeline.pixels_to_stylize(content, pictures)
                self.cube = fit_palette(content, self.painter(seen, code, item.elapsed))
            item.painted.append(None)
        item.cubes.append(self.cube)

    def state(self) -> State:
        """What the painting stage remembers."""
        state = {f"painter.{name}": value for name, value in self.painter.state().items()}
        return state if self.cube is None else {**state, "cube": self.cube.nodes}

    def restore(self, state: State) -> None:
        """Go on where another one was."""
        self.painter.restore(_part(state, "painter."))
        if "cube" in state:
            self.cube = ColorLut(state["cube"])
        if self.steadier:
            self.steadier.last = state.get("steadied")


class VideoPainter:
    """Paints the frames of a film, in stages that pass everything else through.

    Parameters
    ----------
    styles : list of (seconds, Style)
    method : Arbitrary
    pictures : ImageOptions
    film : VideoOptions
    info : VideoInfo
    regions : VideoRegions or None
        Where other styles are painted; `styles` are then those of the rest, and none leave it as it is.

    Raises
    ------
    OptionError
        Options that contradict each other.
    MissingExtraError
        `--steady flow` without OpenCV; `--method optimize` without it or torch.
    """

    def __init__(
        self,
        styles: TimedStyles,
        method: Arbitrary,
        pictures: ImageOptions,
        film: VideoOptions,
        info: VideoInfo,
        regions: VideoRegions | None = None,
    ) -> None:
        if pictures.colors_only and len(styles) > 1:
            raise OptionError("colors-only takes one style for the whole of a video; give one, without times")
        self._pictures, self._time_base = pictures, info.time_base
        self._timeline = Timeline([(second, style.code) for second, style in styles]) if styles else None
        self._regions = regions
        self._cuts = SceneCuts()
        finest = table.find(film.method).previous_frame
        if finest and (pictures.colors_only or len(styles) > 1):
            raise OptionError(
                f"--method {film.method} takes one style for a whole video, and no --colors-only"
            )
        by_flow = film.steady == "flow" and pictures.strength > 0 and not pictures.colors_only
        self._finder: MotionFinder | None = None
        if finest or by_flow:
            self._finder = MotionFinder(f"--method {film.method} of a video" if finest else "--steady flow")
        # Strokes that are carried along need no average, which costs some of the style.
        seconds = film.steady_seconds if film.steady == "statistics" else 0.0
        self._layers = []
        for style in [styles[0][1] if styles else None, *(regions.styles if regions else [])]:
            fast = SteadyPainter(method, pictures.strength, seconds)
            painter: SteadyPainter | OptimizedPainter = fast
            if finest and style is not None:
                painter = OptimizedPainter(style.exemplars(), fast, film, method.threads)
            self._layers.append(_Layer(painter, FlowSteadier() if by_flow and not finest else None))
        self._before = 0  # stamp of the frame before
        self._last: Any = None  # pixels of the last result

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
                content = pipeline.preprocess(picture.from_array(item.pixels), self._pictures)
                second = float((item.pts - first) * self._time_base)
                codes: list[FloatArray | None] = [self._timeline.at(second) if self._timeline else None]
                shares = None
                if self._regions:
                    codes += [style.code for style in self._regions.styles]
                    shares = self._regions.at(count - 1, second, (content.height, content.width))
                yield _Work(
                    item,
                    content,
                    codes,
                    shares,
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
                    assert self._finder.carried is not None
                    state["carried"] = self._finder.carried
                yield SegmentEnd(count // SEGMENT - 1, state)

    def paint(self, items: Iterator[Any]) -> Iterator[Any]:
        """Run the network."""
        for item in items:
            if isinstance(item, SegmentEnd):
                for place, layer in enumerate(self._layers):
                    item.state |= {f"{place}.{name}": value for name, value in layer.state().items()}
            elif isinstance(item, _Work):
                for place, (layer, code) in enumerate(zip(self._layers, item.codes, strict=True)):
                    if item.new_scene or not item.wanted(place):
                        layer.cut()
                    if code is not None and item.wanted(place):
                        layer.paint(item, code, self._pictures)
                    else:
                        item.painted.append(None)
                        item.cubes.append(None)
            yield item

    def finish(self, items: Iterator[Any]) -> Iterator[Any]:
        """Steady by motion, settle the colours, and make frames again."""
        for item in items:
            if isinstance(item, SegmentEnd):
                for place, layer in enumerate(self._layers):
                    if layer.steadier and layer.steadier.last is not None:
                        item.state[f"{place}.steadied"] = layer.steadier.last
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
        if item.shares is None:
            return self._of_layer(item, 0)
        parts = (
            (share, self._of_layer(item, place))
            for place, share in enumerate(item.shares)
            if item.wanted(place)
        )
        result = blend(parts, item.content.pixels)
        for place, layer in enumerate(self._layers):
            if layer.steadier and not item.wanted(place):
                layer.steadier.last = None
        return result

    def _of_layer(self, item: _Work, place: int) -> FloatArray:
        """The frame as it would be if it had only one of its styles."""
        cube, painted, steadier = item.cubes[place], item.painted[place], self._layers[place].steadier
        if cube is not None:
            return cube.apply(item.content.pixels)
        assert painted is not None
        steady = steadier(painted, item.motion) if steadier else painted
        return pipeline.postprocess(steady, item.content, self._pictures).pixels

    def restore(self, state: State) -> None:
        """Continue after the segment whose `SegmentEnd` had this state."""
        self._before = int(state["before"])
        self._last = state.get("last")
        self._cuts.restore(_part(state, "cuts."))
        for place, layer in enumerate(self._layers):
            layer.restore(_part(state, f"{place}."))
        if self._finder:
            self._finder.before, self._finder.carried = state.get("content"), state.get("carried")


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
