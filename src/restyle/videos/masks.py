"""Styles by region in a film: masks that stand still, and masks that move with it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from restyle import pipeline
from restyle.errors import InputError
from restyle.images import formats, picture
from restyle.images.masks import mask_values
from restyle.methods.regions import Regions, divide
from restyle.options import ImageOptions
from restyle.style import Style
from restyle.types import FloatArray
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.read import Tell, VideoReader

_TOLERANCE = 1e-3  # seconds: stamps of another clock are rounded


class MaskVideo:
    """A mask for each frame, read once from the start: a video or GIF by its time, a folder by its order.

    Parameters
    ----------
    path : Path
    name : str
        How messages call it.
    tell : function of a line
        Called once if the film goes on when the mask has ended; its last frame holds.

    Raises
    ------
    InputError
        It is no video; the folder holds no picture.
    """

    def __init__(self, path: Path, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell
        self._reader: VideoReader | None = None
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
            files = [each for each in inside if each.is_file() and formats.is_image(each)]
            if not files:
                raise InputError(f"{name}: holds no pictures, one mask for each frame")
            self._masks = _in_order(files)
        else:
            self._reader = VideoReader(path, tell)
            self._masks = self._read(self._reader)
        self._by_order = self._reader is None
        self._now = next(self._masks)
        self._next: tuple[float, FloatArray] | None = next(self._masks, None)
        self._told = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the first mask."""
        return self._now[1].shape

    def at(self, index: int, second: float) -> FloatArray:
        """Mask of the film's frame `index`, which is shown at `second`; never called for an earlier one."""
        place = float(index) if self._by_order else second + _TOLERANCE
        while self._next is not None and self._next[0] <= place:
            self._now, self._next = self._next, next(self._masks, None)
        if self._by_order and self._next is None and place > self._now[0] and not self._told:
            self._told = True
            self._tell(f"{self._name}: ends after {int(self._now[0]) + 1} frames; its last mask holds")
        return self._now[1]

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()

    def _read(self, reader: VideoReader) -> Iterator[tuple[float, FloatArray]]:
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
    """The shares of every frame of one film.

    Parameters
    ----------
    regions : Regions
        Read with `moving`; its background plays no part here.
    info : VideoInfo
        Of the film.
    pictures : ImageOptions
        Crop, size and feather.
    tell : function of a line

    Raises
    ------
    InputError
        A mask has other proportions than the film, or is to be its alpha.
    """

    def __init__(self, regions: Regions, info: VideoInfo, pictures: ImageOptions, tell: Tell) -> None:
        self._regions, self._whole, self._feather = regions.regions, info.size, pictures.feather
        self._box = pipeline.framing(info.size, pictures)
        self._films: dict[int, MaskVideo] = {}
        self._still: list[FloatArray] | None = None
        by_code = {style.code.tobytes(): style for style in regions.styles if style is not None}
        self.styles: list[Style] = list(by_code.values())
        places = {code: place for place, code in enumerate(by_code, 1)}
        self._layers = [None if each is None else places[each.code.tobytes()] for each in regions.styles]
        try:
            for place, region in enumerate(self._regions):
                if region.mask is None:
                    raise InputError("films have no alpha that restyle reads; give a mask, still or moving")
                if isinstance(region.mask, Path):
                    self._films[place] = MaskVideo(region.mask, region.name, tell)
            # Proportions are checked here, before any work.
            self._divide(0, 0.0, (8, 8))
        except BaseException:
            self.close()
            raise

    def at(self, index: int, second: float, size: tuple[int, int]) -> list[FloatArray]:
        """Divide a frame: the share of the background, then that of each of `styles`.

        Parameters
        ----------
        index, second
            Which frame, and when it is shown; never an earlier one than before.
        size : (height, width)
            Of the prepared frame.

        Returns
        -------
        list of np.ndarray [shape=size, float32, range 0..1]
        """
        if self._still is not None and self._still[0].shape == size:
            return self._still
        layers = self._divide(index, second, size)
        self._still = None if self._films else layers
        return layers

    def close(self) -> None:
        """Let go of the masks."""
        for film in self._films.values():
            film.close()

    def _divide(self, index: int, second: float, size: tuple[int, int]) -> list[FloatArray]:
        masks = []
        for place, region in enumerate(self._regions):
            mask = self._films[place].at(index, second) if place in self._films else region.mask
            assert isinstance(mask, np.ndarray)
            masks.append(mask)
        *found, rest = divide(masks, self._regions, self._whole, self._box, size, self._feather)
        layers = [rest, *(np.zeros(size, np.float32) for _ in self.styles)]
        for share, layer in zip(found, self._layers, strict=True):
            if layer is not None:
                layers[layer] = layers[layer] + share
        return layers


def regions_digest(regions: Regions) -> str:
    """Digest of all that decides what is painted where, but for the background's style."""
    digest = hashlib.sha256()
    for region, style in zip(regions.regions, regions.styles, strict=True):
        mask = region.mask
        if isinstance(mask, Path):
            files = sorted(mask.iterdir()) if mask.is_dir() else [mask]
            stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
            digest.update(repr((os.path.realpath(mask), stats)).encode())
        elif mask is not None:
            digest.update(repr(mask.shape).encode() + mask.tobytes())
        digest.update(b"kept" if style is None else style.code.tobytes())
    return digest.hexdigest()
