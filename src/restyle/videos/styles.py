"""The styles of a video: over time, and by regions with masks that may change from frame to frame.

Over time they are written `0:starry-night` and `4.5:great-wave:0.3`, or {0: style, 4.5: style}.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from restyle import pipeline
from restyle.errors import InputError, StyleError
from restyle.images import picture
from restyle.images.masks import mask_values
from restyle.methods.regions import Regions, divide
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import split_weight
from restyle.options import ImageOptions
from restyle.style import Style, resolve_all
from restyle.types import FloatArray, PathLike, TimedStylesLike
from restyle.videos.formats import Tell, VideoFrame, VideoInfo
from restyle.videos.frames import frame_files
from restyle.videos.read import VideoReader

TimedStyles = list[tuple[float, Style]]

_TOLERANCE = 1e-3  # seconds; two clocks round differently
_NEGATIVE = re.compile(r"-[\d.]+:\D")
_TIMED = re.compile(r"(?:(\d+):(?=\d{1,2}(?:\.\d+)?:))?(\d+(?:\.\d+)?):(.+)", re.DOTALL)


def timed_styles(style: TimedStylesLike | None, method: Arbitrary, scale: float = 1.0) -> TimedStyles:
    """Encode styles, each with the second at which it applies; without times there is one, at second 0.

    Styles are those of `restyle.image`, texts `[MINUTES:]SECONDS:STYLE[:WEIGHT]`, or a dict {seconds:
    style}. Those of the same second are mixed. Raises StyleError if only some have a time.
    """
    if isinstance(style, Mapping):
        pairs = [(float(second), each) for second, each in style.items()]
        if not pairs or min(second for second, _ in pairs) < 0:
            raise StyleError("styles over time need at least one {seconds: style}, with seconds from 0 up")
        return [(second, resolve_all(each, model=method, scale=scale)) for second, each in sorted(pairs)]
    items = list(style) if isinstance(style, (list, tuple)) else [style]
    timed = [split_time(each) for each in items]
    if all(second is None for second, _ in timed):
        return [(0.0, resolve_all(style, model=method, scale=scale))]
    groups: dict[float, list[Any]] = {}
    for (second, each), item in zip(timed, items, strict=True):
        if second is None:
            raise StyleError(
                f"style '{item!s}' has no time, but others have one; write 0:{item!s}, for example"
            )
        groups.setdefault(second, []).append(each)
    return [(second, resolve_all(groups[second], model=method, scale=scale)) for second in sorted(groups)]


def split_time(style: Any) -> tuple[float | None, Any]:
    """Split the time off a style.

    Examples
    --------
    >>> split_time("4.5:great-wave"), split_time("1:02:great-wave:0.5"), split_time("great-wave:2")
    ((4.5, 'great-wave'), (62.0, 'great-wave:0.5'), (None, 'great-wave:2'))
    """
    if not isinstance(style, str) or os.path.exists(style):
        return None, style
    if match := _TIMED.fullmatch(style):
        return 60 * float(match[1] or 0) + float(match[2]), match[3]
    if _NEGATIVE.match(style):
        raise StyleError(f"style '{style}' has a time before the start of the video; seconds count from 0")
    return None, style


def style_paths(sources: TimedStylesLike | None) -> Iterator[PathLike]:
    """Yield the files among the sources of styles."""
    if isinstance(sources, str):
        yield split_weight(split_time(sources)[1])[0]
    elif isinstance(sources, os.PathLike):
        yield sources
    elif isinstance(sources, (Mapping, list, tuple)):
        for each in sources.values() if isinstance(sources, Mapping) else sources:
            yield from style_paths(each)


class Timeline:
    """Style codes [shape=(K,), float32] at given seconds, with linear interpolation in between.

    Examples
    --------
    >>> import numpy as np
    >>> line = Timeline([(0.0, np.zeros(2, np.float32)), (4.0, np.ones(2, np.float32))])
    >>> line.at(1.0)
    array([0.25, 0.25], dtype=float32)
    """

    def __init__(self, codes: Sequence[tuple[float, FloatArray]]) -> None:
        ordered = sorted(codes, key=lambda each: each[0])
        self.seconds, self.codes = [second for second, _ in ordered], [code for _, code in ordered]

    def at(self, second: float) -> FloatArray:
        """Return the code [shape=(K,), float32] of a second; constant before the first and after the last."""
        after = int(np.searchsorted(self.seconds, second, side="right"))
        if after in (0, len(self.codes)):
            return self.codes[max(0, after - 1)]
        start, end = self.seconds[after - 1], self.seconds[after]
        weight = np.float32((second - start) / (end - start))
        mixed = self.codes[after - 1] + weight * (self.codes[after] - self.codes[after - 1])
        return np.asarray(mixed, np.float32)


class MaskVideo:
    """A mask for each frame: of a video or GIF by time, of a folder by order. Read once, from the start.

    If a folder has fewer masks than the video has frames, the last one is repeated, and `tell` is called.
    `name` is used in messages. Raises InputError if it is not a video, or the folder holds no picture.
    """

    def __init__(self, path: Path, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell
        self._reader: VideoReader | None = None
        if path.is_dir():
            files = frame_files(path)
            if not files:
                raise InputError(f"{name}: holds no pictures; give one mask for each frame")
            masks = (mask_values(picture.load_image(file), os.fspath(file)) for file in files)
            self._masks: Iterator[tuple[float, FloatArray]] = enumerate(masks)
        else:
            self._reader = VideoReader(path, tell)
            self._masks = self._by_time(self._reader)
        self._now = next(self._masks)
        self._next: tuple[float, FloatArray] | None = next(self._masks, None)
        self._warned = False

    def at(self, index: int, second: float) -> FloatArray:
        """Return the mask of frame `index`, which is shown at `second`; indices must not decrease."""
        by_order = self._reader is None
        place = index if by_order else second + _TOLERANCE
        while self._next is not None and self._next[0] <= place:
            self._now, self._next = self._next, next(self._masks, None)
        if by_order and self._next is None and place > self._now[0] and not self._warned:
            self._warned = True
            self._tell(f"{self._name}: ends after {self._now[0] + 1} frames; its last mask is repeated")
        return self._now[1]

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    def _by_time(self, reader: VideoReader) -> Iterator[tuple[float, FloatArray]]:
        first: int | None = None
        for item in reader.items():
            if isinstance(item, VideoFrame) and item.pixels is not None:
                first = item.pts if first is None else first
                second = float((item.pts - first) * reader.info.time_base)
                yield second, mask_values(picture.from_array(item.pixels, self._name), self._name)
        if first is None:
            raise InputError(f"{self._name}: holds no frame that can be read")


class VideoRegions:
    """The weight of each style in every frame of a video.

    `regions` were loaded with `moving`; their background style is not used here. Raises InputError if a
    mask has another aspect ratio than the video, or is `alpha`.
    """

    def __init__(self, regions: Regions, info: VideoInfo, options: ImageOptions, tell: Tell) -> None:
        self._regions, self._full_size, self._feather = regions.regions, info.size, options.feather
        self._box = pipeline.framing(info.size, options)
        self._moving: dict[int, MaskVideo] = {}
        self._static: list[FloatArray] | None = None
        by_code = {style.code.tobytes(): style for style in regions.styles if style is not None}
        self.styles: list[Style] = list(by_code.values())
        layers = {code: place for place, code in enumerate(by_code, 1)}
        self._layers = [None if each is None else layers[each.code.tobytes()] for each in regions.styles]
        try:
            for place, region in enumerate(self._regions):
                if region.mask is None:
                    raise InputError("the alpha of a video is not read; give a mask as a picture or video")
                if isinstance(region.mask, Path):
                    self._moving[place] = MaskVideo(region.mask, region.name, tell)
            self._divide(0, 0.0, (8, 8))  # checks the aspect ratios before any work
        except BaseException:
            self.close()
            raise

    def at(self, index: int, second: float, size: tuple[int, int]) -> list[FloatArray]:
        """Return the weights of the background and of each of `styles` in a frame.

        `index` and `second` must not decrease. Each weight is a np.ndarray [shape=size, float32, 0..1].
        """
        if self._static is not None and self._static[0].shape == size:
            return self._static
        layers = self._divide(index, second, size)
        self._static = None if self._moving else layers
        return layers

    def close(self) -> None:
        """Close the masks."""
        for mask in self._moving.values():
            mask.close()

    def _divide(self, index: int, second: float, size: tuple[int, int]) -> list[FloatArray]:
        masks: list[Any] = [region.mask for region in self._regions]
        for place, moving in self._moving.items():
            masks[place] = moving.at(index, second)
        *weights, rest = divide(masks, self._regions, self._full_size, self._box, size, self._feather)
        layers = [rest, *(np.zeros(size, np.float32) for _ in self.styles)]
        for weight, layer in zip(weights, self._layers, strict=True):
            if layer is not None:
                layers[layer] = layers[layer] + weight
        return layers


def regions_digest(regions: Regions) -> str:
    """Return a hash of the masks and their styles, without the background style."""
    digest = hashlib.sha256()
    for region, style in zip(regions.regions, regions.styles, strict=True):
        mask = region.mask
        if isinstance(mask, Path):
            files = sorted(mask.iterdir()) if mask.is_dir() else [mask]
            stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
            digest.update(repr((os.path.realpath(mask), stats)).encode())
        elif isinstance(mask, np.ndarray):
            digest.update(repr(mask.shape).encode() + mask.tobytes())
        digest.update(b"kept" if style is None else style.code.tobytes())
    return digest.hexdigest()
