"""The stages between reading and writing frames: prepare, paint, finish. Each can run in its own thread.

At the end of every segment the stages save what they remember of earlier frames, for `--resume`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from restyle.videos.info import Pixels, VideoFrame, VideoInfo
from restyle.videos.masks import VideoRegions
from restyle.videos.optimized import OptimizedPainter
from restyle.videos.scenes import SceneCuts
from restyle.videos.steadiness import SteadyPainter
from restyle.videos.timeline import TimedStyles, Timeline

State = dict[str, NDArray[Any]]

SEGMENT = 120  # frames; a killed run loses at most this many


@dataclass
class SegmentEnd:
    """Follows the last frame of a segment through the stages and collects their state."""

    index: int
    state: State = field(default_factory=dict)


@dataclass
class _Work:
    """A frame between two stages. Lists have one entry for each layer."""

    frame: VideoFrame
    content: Picture
    codes: list[FloatArray | None]
    weights: list[FloatArray] | None
    elapsed: float
    new_scene: bool
    motion: Motion | None
    painted: list[FloatArray | None] = field(default_factory=list)
    palettes: list[ColorLut | None] = field(default_factory=list)

    def visible(self, layer: int) -> bool:
        """Return whether a layer shows anywhere in the frame."""
        return self.codes[layer] is not None and (self.weights is None or bool(self.weights[layer].any()))


class _Layer:
    """One style of a video: what stylizes its frames, and its memory of earlier ones."""

    def __init__(self, painter: SteadyPainter | OptimizedPainter, steadier: FlowSteadier | None) -> None:
        self.painter, self.steadier = painter, steadier
        self.palette: ColorLut | None = None

    def cut(self) -> None:
        """Start a new scene."""
        self.painter.cut()
        self.palette = None

    def paint(self, item: _Work, code: FloatArray, options: ImageOptions) -> None:
        """Stylize a frame; with `colors_only`, fit a palette once per scene, so that colors stay constant."""
        content = item.content.pixels
        if isinstance(self.painter, OptimizedPainter):
            item.painted.append(self.painter(content, code, item.elapsed, item.motion))
        elif not options.colors_only or options.strength == 0:
            side = painted_side((item.content.height, item.content.width), options)
            painter, elapsed = self.painter, item.elapsed
            item.painted.append(
                apply_at_size(side, content, lambda pixels: painter(pixels, code, elapsed), options.strength)
            )
        else:
            if self.palette is None:
                small = pipeline.pixels_to_stylize(content, options)
                self.palette = fit_palette(content, self.painter(small, code, item.elapsed))
            item.painted.append(None)
        item.palettes.append(self.palette)

    def state(self) -> State:
        """Return the memory of the painting stage."""
        state = {f"painter.{name}": value for name, value in self.painter.state().items()}
        return state if self.palette is None else {**state, "cube": self.palette.nodes}

    def restore(self, state: State) -> None:
        """Continue from a `state`."""
        self.painter.restore(_part(state, "painter."))
        if "cube" in state:
            self.palette = ColorLut(state["cube"])
        if self.steadier:
            self.steadier.last = state.get("steadied")


class VideoPainter:
    """Stylizes the frames of a video; its stages pass everything else through.

    With `regions`, `styles` apply to the rest, which stays unchanged if there are none. Raises OptionError
    if options contradict each other, MissingExtraError without OpenCV (`--steady flow`) or torch (`--method
    optimize`).
    """

    def __init__(
        self,
        styles: TimedStyles,
        method: Arbitrary,
        image_options: ImageOptions,
        options: VideoOptions,
        info: VideoInfo,
        regions: VideoRegions | None = None,
    ) -> None:
        if image_options.colors_only and len(styles) > 1:
            raise OptionError("colors-only takes one style for a whole video; give one, without times")
        self._options, self._time_base = image_options, info.time_base
        self._timeline = Timeline([(second, style.code) for second, style in styles]) if styles else None
        self._regions = regions
        self._cuts = SceneCuts()
        optimize = table.find(options.method).previous_frame
        if optimize and (image_options.colors_only or len(styles) > 1):
            raise OptionError(
                f"--method {options.method} takes one style for a whole video, and no --colors-only"
            )
        by_flow = options.steady == "flow" and image_options.strength > 0 and not image_options.colors_only
        self._finder: MotionFinder | None = None
        if optimize or by_flow:
            self._finder = MotionFinder(
                f"--method {options.method} of a video" if optimize else "--steady flow"
            )
        # An average would cost some style, and warped strokes do not need it.
        seconds = options.steady_seconds if options.steady == "statistics" else 0.0
        self._layers = []
        for style in [styles[0][1] if styles else None, *(regions.styles if regions else [])]:
            fast = SteadyPainter(method, image_options.strength, seconds)
            painter: SteadyPainter | OptimizedPainter = fast
            if optimize and style is not None:
                painter = OptimizedPainter(style.exemplars(), fast, options, method.threads)
            self._layers.append(_Layer(painter, FlowSteadier() if by_flow and not optimize else None))
        self._before = 0  # pts of the previous frame
        self._last: Any = None  # pixels of the last result
        self.show: Callable[[Pixels], None] = lambda pixels: None  # called with each result

    def prepare(self, items: Iterator[Any]) -> Iterator[Any]:
        """Preprocess frames; detect cuts, and motion if it is needed."""
        first: int | None = None
        count = 0
        for item in items:
            if not isinstance(item, VideoFrame):
                yield item
                continue
            first = item.pts if first is None else first
            yield item if item.pixels is None else self._prepared(item, count, first)
            count += 1
            if count % SEGMENT == 0 and not item.skipped:
                yield SegmentEnd(count // SEGMENT - 1, self._prepare_state())

    def _prepared(self, frame: VideoFrame, index: int, first: int) -> _Work:
        assert frame.pixels is not None
        new_scene = self._cuts(frame.pixels)
        content = pipeline.preprocess(picture.from_array(frame.pixels), self._options)
        second = float((frame.pts - first) * self._time_base)
        codes: list[FloatArray | None] = [self._timeline.at(second) if self._timeline else None]
        weights = None
        if self._regions:
            codes += [style.code for style in self._regions.styles]
            weights = self._regions.at(index, second, (content.height, content.width))
        elapsed = float((frame.pts - self._before) * self._time_base)
        self._before = frame.pts
        motion = self._finder(content.pixels, new_scene) if self._finder else None
        return _Work(frame, content, codes, weights, elapsed, new_scene, motion)

    def _prepare_state(self) -> State:
        state: State = {f"cuts.{name}": value for name, value in self._cuts.state().items()}
        state["before"] = np.array(self._before)
        if self._finder and self._finder.before is not None:
            assert self._finder.carried is not None
            state |= {"content": self._finder.before, "carried": self._finder.carried}
        return state

    def paint(self, items: Iterator[Any]) -> Iterator[Any]:
        """Run the network."""
        for item in items:
            if isinstance(item, SegmentEnd):
                for place, layer in enumerate(self._layers):
                    item.state |= {f"{place}.{name}": value for name, value in layer.state().items()}
            elif isinstance(item, _Work):
                for place, (layer, code) in enumerate(zip(self._layers, item.codes, strict=True)):
                    if item.new_scene or not item.visible(place):
                        layer.cut()
                    if code is not None and item.visible(place):
                        layer.paint(item, code, self._options)
                    else:
                        item.painted.append(None)
                        item.palettes.append(None)
            yield item

    def finish(self, items: Iterator[Any]) -> Iterator[Any]:
        """Apply `--steady flow` and the color mode, blend regions, and return to integer pixels."""
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
                self.show(self._last)
                yield replace(item.frame, pixels=self._last)
            elif isinstance(item, VideoFrame) and not item.skipped:
                yield replace(item, pixels=self._last)  # damaged: repeat the previous frame
            else:
                yield item

    def _finished(self, item: _Work) -> FloatArray:
        if item.weights is None:
            return self._finished_layer(item, 0)
        parts = (
            (weight, self._finished_layer(item, place))
            for place, weight in enumerate(item.weights)
            if item.visible(place)
        )
        result = blend(parts, item.content.pixels)
        for place, layer in enumerate(self._layers):
            if layer.steadier and not item.visible(place):
                layer.steadier.last = None
        return result

    def _finished_layer(self, item: _Work, place: int) -> FloatArray:
        palette, painted, steadier = item.palettes[place], item.painted[place], self._layers[place].steadier
        if palette is not None:
            return palette.apply(item.content.pixels)
        assert painted is not None
        steady = steadier(painted, item.motion) if steadier else painted
        return pipeline.postprocess(steady, item.content, self._options).pixels

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
