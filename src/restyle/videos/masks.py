"""Regions of a video: masks that are one picture, and masks that change from frame to frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from restyle import pipeline
from restyle.errors import InputError
from restyle.images import picture
from restyle.images.masks import mask_values
from restyle.methods.regions import Regions, divide
from restyle.options import ImageOptions
from restyle.style import Style
from restyle.types import FloatArray
from restyle.videos.frames import frame_files
from restyle.videos.info import Tell, VideoFrame, VideoInfo
from restyle.videos.read import VideoReader

_TOLERANCE = 1e-3  # seconds; two clocks round differently


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
            self._masks = _in_order(files)
        else:
            self._reader = VideoReader(path, tell)
            self._masks = self._by_time(self._reader)
        self._now = next(self._masks)
        self._next: tuple[float, FloatArray] | None = next(self._masks, None)
        self._warned = False

    def at(self, index: int, second: float) -> FloatArray:
        """Return the mask of frame `index`, which is shown at `second`; indices must not decrease."""
        by_order = self._reader is None
        place = float(index) if by_order else second + _TOLERANCE
        while self._next is not None and self._next[0] <= place:
            self._now, self._next = self._next, next(self._masks, None)
        if by_order and self._next is None and place > self._now[0] and not self._warned:
            self._warned = True
            self._tell(f"{self._name}: ends after {int(self._now[0]) + 1} frames; its last mask is repeated")
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


def _in_order(files: list[Path]) -> Iterator[tuple[float, FloatArray]]:
    for index, file in enumerate(files):
        yield float(index), mask_values(picture.load_image(file), os.fspath(file))


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
        masks = []
        for place, region in enumerate(self._regions):
            mask = self._moving[place].at(index, second) if place in self._moving else region.mask
            assert isinstance(mask, np.ndarray)
            masks.append(mask)
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
