"""The stages between reading and writing frames: prepare, paint, steady, finish.

Each runs in its own thread; painting and finishing take several frames at once, each in one thread. Frames
are painted and steadied at the size of `painted_side`, and enlarged at the end with their own fine detail.
At the end of every segment the stages save what they remember of earlier frames, for `--resume`.

With `--method optimize` a frame starts from the warped previous result where the optical flow is reliable,
elsewhere from the output of the network, so that a few steps at full size are enough. A temporal loss keeps
it close to that:

    w mean(v (O(t) - W O(t-1))^2)

W is the warp and v the confidence of the flow (Ruder et al. 2016, "Artistic style transfer for videos").
Differs from the paper: only the previous frame is used, the flow is that of `videos.flow`, and there are no
backward passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from restyle import pipeline
from restyle.errors import OptionError
from restyle.images import picture
from restyle.images.color import ColorLut, fit_palette
from restyle.images.looks import apply_look, load_look
from restyle.images.masks import blend
from restyle.images.resize import fit_size
from restyle.methods import table
from restyle.methods.fast import painted_side
from restyle.methods.protocol import Previous, Tables
from restyle.models import session
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options import ImageOptions, VideoOptions
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray, from_unit
from restyle.videos.flow import FlowSteadier, Motion, MotionFinder, warp
from restyle.videos.formats import Pixels, VideoFrame, VideoInfo
from restyle.videos.keyframes import KeyPainter, carry, choose
from restyle.videos.stages import SEGMENT, SceneCuts, SegmentEnd, State, Work, enlarged, in_parallel, reduced
from restyle.videos.styles import TimedStyles, Timeline, VideoRegions

_PIXEL_BYTES = 320  # that a pass of the network takes, per pixel
_PAINTING_BYTES = 1_000_000_000  # of all frames that are painted at the same time
_FINISHED_BYTES = 60  # that enlarging takes, per pixel of the result
_FINISHING_BYTES = 4_000_000_000  # of all frames that are enlarged at the same time


class OptimizedPainter:
    """Optimizes consecutive frames, for `--method optimize`. Raises MissingExtraError without torch.

    `fast` computes the start where there is no previous result. `last` is that result; None after a cut.
    """

    def __init__(
        self,
        styles: Sequence[Exemplar],
        fast: Arbitrary,
        strength: float,
        options: VideoMethodOptions,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        optimize = table.load(options.method).stylize_frame
        self._optimize = partial(optimize, strength=strength, device=device, threads=threads)
        self._styles, self._fast, self._strength, self._options = styles, fast, strength, options
        self.last: FloatArray | None = None

    def __call__(self, content: FloatArray, code: FloatArray, motion: Motion | None) -> FloatArray:
        """Stylize the next frame [H, W, 3], float32 in 0..1, with a code [K] and its motion."""
        if self._strength == 0:
            return content
        start = self._fast.stylize(content, code, self._strength)
        previous = None
        if motion is not None and self.last is not None and self.last.shape == content.shape:
            warped = np.clip(warp(self.last, motion.back, sharp=True), 0, 1)
            start = start + motion.trust[..., None] * (warped - start)
            previous = Previous(warped, motion.trust, self._options.temporal_weight)
            if np.array_equal(warped, self.last) and motion.trust.min() == 1:
                return self.last  # nothing moved: another run would only differ, not improve
        self.last = self._optimize(content, start, self._styles, self._options, previous=previous)
        return self.last


@dataclass
class _Layer:
    """One style of a video: what stylizes its frames, and its memory of earlier ones."""

    method: Arbitrary
    steadier: FlowSteadier | None
    optimized: OptimizedPainter | None = None
    fit_table: Tables | None = None
    palette: ColorLut | None = None

    def cut(self) -> None:
        """Start a new scene."""
        if self.optimized:
            self.optimized.last = None
        self.palette = None

    def paint(
        self, item: Work, code: FloatArray, options: ImageOptions
    ) -> tuple[FloatArray | None, ColorLut | None]:
        """Stylize a frame; a table of colors is fitted once per scene, so that colors stay constant."""
        if self.fit_table is not None and options.strength > 0:
            if self.palette is None:
                self.palette = self.fit_table(item.content.pixels)
            return None, self.palette
        if self.optimized:
            return self.optimized(item.small, code, item.motion), None
        if not options.colors_only or options.strength == 0:
            return self.method.stylize(item.small, code, options.strength), None
        if self.palette is None:
            content = item.content.pixels
            small = pipeline.pixels_to_stylize(content, options)
            self.palette = fit_palette(content, self.method.stylize(small, code, options.strength))
        return None, self.palette

    def state(self) -> State:
        """Return the memory of the painting stage."""
        state = {}
        if self.optimized and self.optimized.last is not None:
            state["painter.last"] = self.optimized.last
        if self.palette is not None:
            state["cube"] = self.palette.nodes
        return state

    def restore(self, state: State) -> None:
        """Continue from a `state`."""
        if self.optimized:
            self.optimized.last = state.get("painter.last")
        if "cube" in state:
            self.palette = ColorLut(state["cube"])
        if self.steadier:
            self.steadier.last = state.get("steadied")


class VideoPainter:
    """Stylizes the frames of a video; its stages pass everything else through.

    With `regions`, `styles` apply to the rest, which stays unchanged if there are none. Without both, only
    the look of the options is applied. `options.steady` is none or flow; `device` is that of paint and
    optimize. Raises OptionError if options contradict each other, MissingExtraError without OpenCV
    (`--steady flow`) or torch (`--method optimize`).
    """

    def __init__(
        self,
        styles: TimedStyles,
        method: Arbitrary,
        image_options: ImageOptions,
        options: VideoOptions,
        info: VideoInfo,
        regions: VideoRegions | None = None,
        device: str = "cpu",
    ) -> None:
        if image_options.colors_only and len(styles) > 1:
            raise OptionError("colors-only takes one style for a whole video; give one, without times")
        self._options, self._time_base, self._regions = image_options, info.time_base, regions
        self._timeline = Timeline([(second, style.code) for second, style in styles]) if styles else None
        self._look = None if options.look is None else load_look(options.look)
        self._only_look = not styles and regions is None
        self._cuts = SceneCuts()
        row = table.find(options.method)
        self._optimize, self._by_keys = row.previous_frame, row.key_frames
        self._by_tables = image_options.colors_only or row.tables
        if (self._optimize or self._by_keys or row.tables) and (image_options.colors_only or len(styles) > 1):
            takes = "takes one style for a whole video, and no --colors-only"
            raise OptionError(f"--method {options.method} {takes}")
        strength = image_options.strength
        unchanged = strength == 0 or self._only_look
        by_flow = options.steady == "flow" and not unchanged and not self._by_tables
        self._finder: MotionFinder | None = None
        if self._optimize or self._by_keys:
            self._finder = MotionFinder(f"--method {options.method} of a video")
        elif by_flow:
            self._finder = MotionFinder()
        # Each of their frames depends on the one before.
        self._in_turn = self._optimize or self._by_keys or self._by_tables
        cores = method.threads or session.cores()
        size = pipeline.prepared_size(info.size, image_options)
        height, width = self._small_size(size)
        self.at_once = max(1, min(cores, _PAINTING_BYTES // (_PIXEL_BYTES * height * width)))
        if self._in_turn or method.device != "cpu":  # a GPU has no second one
            self.at_once = 1
        self.finishing = max(1, min(cores, _FINISHING_BYTES // (_FINISHED_BYTES * size[0] * size[1])))
        if not self._optimize:
            method = method.with_threads(max(1, cores // self.at_once))
        self._layers = []
        layer_styles = [styles[0][1] if styles else None, *(regions.styles if regions else [])]
        self._keys: KeyPainter | None = None
        if self._by_keys:
            exemplars = [None if style is None else style.exemplars() for style in layer_styles]
            self._keys = KeyPainter(exemplars, method, strength, options, threads=cores, device=device)
        for style in layer_styles:
            layer = _Layer(method, steadier=FlowSteadier() if by_flow else None)
            if style is not None and self._optimize:
                pictures, threads = style.exemplars(), method.threads
                layer.optimized = OptimizedPainter(pictures, method, strength, options, threads, device)
            elif style is not None and row.tables:
                layer.fit_table = _fit_table(style, strength, options)
            self._layers.append(layer)
        self._repeats = not (self._in_turn or unchanged or regions)
        self._carries = self._repeats and by_flow  # half of the frames are not painted
        self._before: list[FloatArray | None] = []  # what the last painting was made of
        self._painted: list[FloatArray | None] = []  # of the last frame, while steadying
        self._last: Any = None  # pixels of the last result
        self.show: Callable[[Pixels], None] = lambda pixels: None  # called with each result

    def _small_size(self, size: tuple[int, int]) -> tuple[int, int]:
        if self._optimize or self._by_tables or self._only_look or self._options.strength == 0:
            return size
        # The method paint scales the artwork instead.
        side = self._options.painted_side(size) if self._by_keys else painted_side(size, self._options)
        return size if side == max(size) else fit_size(size, long=side)

    def prepare(self, items: Iterator[Any]) -> Iterator[Any]:
        """Preprocess frames; detect cuts, and motion if it is needed."""
        return choose(self._prepare(items)) if self._carries else self._prepare(items)

    def _prepare(self, items: Iterator[Any]) -> Iterator[Any]:
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

    def _prepared(self, frame: VideoFrame, index: int, first: int) -> Work:
        assert frame.pixels is not None
        new_scene = self._cuts(frame.pixels[..., :3])
        content = pipeline.preprocess(picture.from_array(frame.pixels), self._options)
        content = replace(content, pixels=content.visible)  # colors under full transparency are arbitrary
        size = (content.height, content.width)
        second = float((frame.pts - first) * self._time_base)
        codes: list[FloatArray | None] = [self._timeline.at(second) if self._timeline else None]
        weights = None
        if self._regions:
            codes += [style.code for style in self._regions.styles]
            weights = self._regions.at(index, second, size)
        small_size = self._small_size(size)
        small = content.pixels if small_size == size else reduced(content.pixels, small_size)
        motion = self._finder(small, new_scene) if self._finder else None
        work = Work(frame, content, small, codes, weights, new_scene, motion)
        if self._repeats:
            before, self._before = self._before, [small, *codes]
            work.repeats = _alike(before, self._before)
        return work

    def _prepare_state(self) -> State:
        state: State = {f"cuts.{name}": value for name, value in self._cuts.state().items()}
        if (finder := self._finder) and finder.before is not None and finder.carried is not None:
            state |= {"content": finder.before, "carried": finder.carried}
        return state

    def paint(self, items: Iterator[Any]) -> Iterator[Any]:
        """Run the network, or paint key frames."""
        if self._keys is not None:
            return self._keys(items)
        return in_parallel(self._paint, items, self.at_once, waiting=self.at_once * (1 + self._carries))

    def _paint(self, item: Any) -> Any:
        if isinstance(item, SegmentEnd):
            for place, layer in enumerate(self._layers):
                item.state |= {f"{place}.{name}": value for name, value in layer.state().items()}
        elif isinstance(item, Work):
            for place, (layer, code) in enumerate(zip(self._layers, item.codes, strict=True)):
                if item.new_scene or not item.visible(place):
                    layer.cut()
                painted, palette = None, None
                if code is not None and item.visible(place) and not item.repeats and item.onward is None:
                    painted, palette = layer.paint(item, code, self._options)
                item.painted.append(painted)
                item.palettes.append(palette)
        return item

    def steady(self, items: Iterator[Any]) -> Iterator[Any]:
        """Complete the frames that were not painted, and apply `--steady flow`."""
        items = self._repeated(items)
        for item in carry(items) if self._carries else items:
            for place, layer in enumerate(self._layers):
                if layer.steadier is None:
                    continue
                if isinstance(item, SegmentEnd) and layer.steadier.last is not None:
                    item.state[f"{place}.steadied"] = layer.steadier.last
                elif isinstance(item, Work) and (painted := item.painted[place]) is not None:
                    wanted = item.energies[place] if item.energies else None
                    item.painted[place] = layer.steadier(painted, item.motion, wanted)
                elif isinstance(item, Work):
                    layer.steadier.last = None
            yield item

    def _repeated(self, items: Iterator[Any]) -> Iterator[Any]:
        """Give frames that repeat the last painting."""
        for item in items:
            if isinstance(item, Work):
                if item.repeats:
                    item.painted = list(self._painted)
                self._painted = list(item.painted)
            yield item

    def finish(self, items: Iterator[Any]) -> Iterator[Any]:
        """Enlarge, apply the color mode, blend regions, apply the look, and return to integer pixels."""
        for item in in_parallel(self._finish, items, self.finishing):
            if isinstance(item, SegmentEnd):
                if self._last is not None:
                    item.state["last"] = self._last
            elif isinstance(item, VideoFrame) and not item.skipped:
                if item.pixels is None:
                    item = replace(item, pixels=self._last)  # damaged: repeat the previous frame
                self._last = item.pixels
                self.show(self._last[..., :3])
            yield item

    def _finish(self, item: Any) -> Any:
        if not isinstance(item, Work):
            return item
        assert item.frame.pixels is not None
        dtype = item.frame.pixels.dtype
        colors, strength = self._finished(item), self._options.strength
        if self._look is not None and strength > 0:
            colors = apply_look(self._look, colors, strength if self._only_look else 1.0)
        pixels = from_unit(colors, dtype)
        if item.content.alpha is not None:
            pixels = np.dstack([pixels, from_unit(item.content.alpha, dtype)])
        return replace(item.frame, pixels=pixels)

    def _finished(self, item: Work) -> FloatArray:
        if self._only_look:
            return item.content.pixels
        if item.weights is None:
            return self._finished_layer(item, 0)
        visible = ((place, weight) for place, weight in enumerate(item.weights) if item.visible(place))
        parts = ((weight, self._finished_layer(item, place)) for place, weight in visible)
        return blend(parts, item.content.pixels)

    def _finished_layer(self, item: Work, place: int) -> FloatArray:
        palette, painted, content = item.palettes[place], item.painted[place], item.content
        if palette is not None:
            painted = palette.apply(content.pixels)
            if self._options.keep_colors is None:
                return painted
        else:
            assert painted is not None
            painted = enlarged(painted, item.small, content.pixels, self._options.strength)
        return pipeline.postprocess(painted, content, self._options).pixels

    def restore(self, state: State) -> None:
        """Continue after the segment whose `SegmentEnd` had this state."""
        self._last = state.get("last")
        self._cuts.restore(_part(state, "cuts."))
        if self._keys:
            self._keys.restore(state)
        for place, layer in enumerate(self._layers):
            layer.restore(_part(state, f"{place}."))
        if self._finder:
            self._finder.before, self._finder.carried = state.get("content"), state.get("carried")


def _alike(before: list[FloatArray | None], now: list[FloatArray | None]) -> bool:
    """Return whether two frames would be painted exactly alike."""
    pairs = zip(before, now, strict=False)
    return len(before) == len(now) and all(
        one is not None and two is not None and np.array_equal(one, two) for one, two in pairs
    )


def _fit_table(style: Style, strength: float, options: VideoOptions) -> Tables:
    """Return the function that fits the colors of a scene to its first frame."""
    method = table.load(options.method)
    style.exemplars()  # raises StyleError now, not at the first frame
    return lambda frame: method.fit_tables([frame], style, strength, options.protect_skin)(frame)


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
