"""Moving pictures that are not video files: GIF (written), WebP (read), folders of pictures (both)."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError, OutputError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.types import PathLike, from_unit
from restyle.videos.formats import (
    Pixels,
    Tell,
    VideoFrame,
    VideoInfo,
    check_pixels,
    over_black,
    with_alpha,
)

PREVIEW_EVERY = 2.0  # seconds between updates of --preview
GIF_TICK = Fraction(1, 100)  # seconds, the time base of every GIF


class _OneStream:
    """What a writer does with what a GIF and a folder of pictures cannot hold."""

    def copy(self, packet: Any) -> None:
        """Drop a packet of another stream."""

    def end_segment(self) -> None:
        """Do nothing: no picture depends on the encoder's memory."""


class GifWriter(_OneStream):
    """Writes an animated GIF, with a palette for each frame and ordered dithering, which does not flicker.

    `info` is that of the source; its time base and alpha are used.
    """

    def __init__(self, path: PathLike, info: VideoInfo, size: tuple[int, int]) -> None:
        import av
        import av.filter

        self.info, self.frames = info, 0
        height, width = size
        self.container: Any = av.open(os.fspath(path), "w", format="gif", container_options={"loop": "0"})
        self._stream: Any = self.container.add_stream("gif", rate=100)
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "pal8"
        context.time_base = self._stream.time_base = GIF_TICK
        self._graph: Any = av.filter.Graph()
        self._form = "rgba" if info.alpha else "rgb24"
        source = self._graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(self._form), time_base=GIF_TICK
        )
        split = self._graph.add("split")
        palette = self._graph.add("palettegen", "stats_mode=single")
        use = self._graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=3")
        sink = self._graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)
        self._graph.configure()
        self._last = -1
        self._durations: dict[int, int] = {}

    def write(self, frame: VideoFrame) -> None:
        """Append a frame; its time is rounded to a hundredth of a second."""
        import av

        assert frame.pixels is not None
        pixels = frame.pixels if frame.pixels.dtype == np.uint8 else (frame.pixels >> 8).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(pixels, self._form)
        tick = self.info.time_base / GIF_TICK
        self._last = max(round(frame.pts * tick), self._last + 1)
        picture.pts, picture.time_base = self._last, GIF_TICK
        self._durations[self._last] = max(1, round(frame.duration * tick))
        self.frames += 1
        self._graph.push(picture)
        self._drain()

    def close(self) -> None:
        """Finish the file."""
        try:
            self._graph.push(None)
            self._drain()
            self._mux(self._stream.encode(None))
        finally:
            self.container.close()

    def abort(self) -> None:
        """Close a file that will be deleted."""
        self.container.close()

    def _drain(self) -> None:
        import av

        while True:
            try:
                picture = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            self._mux(self._stream.encode(picture))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self.container.mux(packet)


class FramePreview:
    """Writes the newest frame to a picture file, every `PREVIEW_EVERY` seconds, and passes it to `show`.

    Raises OutputError if the file is one of the inputs, or cannot be written.
    """

    def __init__(self, path: PathLike, inputs: Sequence[PathLike], show: Callable[[Pixels], None]) -> None:
        self._path, self._inputs, self._show = path, inputs, show
        self._written: float | None = None
        check_output(path, overwrite=True, inputs=self._inputs)

    def __call__(self, pixels: Pixels) -> None:
        now = time.monotonic()
        if self._written is None or now - self._written >= PREVIEW_EVERY:
            self._written = now
            images.save_image(images.from_array(pixels), self._path, overwrite=True, inputs=self._inputs)
        self._show(pixels)


class FolderReader:
    """Reads a folder of pictures of one size as a video, in natural order of their names."""

    def __init__(
        self,
        folder: PathLike,
        fps: float,
        tell: Tell = lambda line: None,
        max_pixels: int = images.DEFAULT_MAX_PIXELS,
    ) -> None:
        self.path, self._tell = folder, tell
        self._files = frame_files(Path(folder))
        if not self._files:
            raise InputError(f"{os.fspath(folder)}: holds no pictures")
        self._first = images.load_image(self._files[0], max_pixels=max_pixels)
        self._max_pixels, size = max_pixels, (self._first.height, self._first.width)
        check_pixels(os.fspath(folder), size, max_pixels)
        rate = Fraction(fps).limit_denominator(1001)
        self.info = VideoInfo(size, 1 / rate, rate, len(self._files), depth=self._first.depth)

    def close(self) -> None:
        """Do nothing: every picture is closed after reading."""

    def keep_alpha(self) -> None:
        """Yield frames with alpha if the first picture has it, instead of placing them on black."""
        self.info = replace(self.info, alpha=self._first.alpha is not None)

    def items(self, skip: int = 0) -> Iterator[VideoFrame]:
        """Yield every picture, with the time stamps 0, 1, 2, ...; the first `skip` are not read.

        Raises InputError if a picture cannot be read, or its size differs from that of the first.
        """
        transparent = False
        for index, path in enumerate(self._files):
            if index < skip:
                yield VideoFrame(None, index, 1, skipped=True)
                continue
            picture = self._first if index == 0 else images.load_image(path, max_pixels=self._max_pixels)
            if (picture.height, picture.width) != self.info.size:
                raise InputError(
                    f"{path}: is {picture.width}x{picture.height}, but the first frame is"
                    f" {self.info.size[1]}x{self.info.size[0]}; give frames of one size"
                )
            dtype = np.uint16 if self.info.depth > 8 else np.uint8
            pixels: Pixels = from_unit(picture.pixels, dtype)
            if picture.alpha is not None:
                pixels = np.dstack([pixels, from_unit(picture.alpha, dtype)])
            if self.info.alpha:
                pixels = with_alpha(pixels)
            elif picture.alpha is not None:
                transparent = True
                pixels = over_black(pixels)
            yield VideoFrame(pixels, index, 1)
        if transparent:
            self._tell(f"{os.fspath(self.path)}: its transparency is lost; transparent parts are black")


class WebPReader:
    """Reads an animated WebP, which FFmpeg cannot."""

    def __init__(self, path: PathLike, tell: Tell, max_pixels: int) -> None:
        from PIL import Image, UnidentifiedImageError

        self._shown, self._tell = os.fspath(path), tell
        try:
            self._image = Image.open(path)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(f"{self._shown}: not a WebP that restyle can read") from error
        width, height = self._image.size
        try:
            check_pixels(self._shown, (height, width), max_pixels)
        except InputError:
            self._image.close()
            raise
        count = getattr(self._image, "n_frames", 1)
        self.info = VideoInfo((height, width), Fraction(1, 1000), None, count)

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def keep_alpha(self) -> None:
        """Yield frames with alpha if the file has it, instead of placing them on black."""
        self.info = replace(self.info, alpha=self._image.mode == "RGBA")

    def items(self, skip: int = 0) -> Iterator[VideoFrame]:
        """Yield every frame; the first `skip` have no pixels."""
        time, transparent = 0, False
        for index in range(self.info.frames or 0):
            try:
                self._image.seek(index)
                pixels = np.asarray(self._image.convert("RGBA"))
            except (OSError, EOFError, ValueError):
                self._tell(f"{self._shown}: is truncated after {index} of {self.info.frames} frames")
                break
            duration = max(1, round(self._image.info.get("duration", 100)))
            if not self.info.alpha:
                transparent = transparent or bool(pixels[..., 3].min() < 255)
                pixels = over_black(pixels)
            skipped = index < skip
            yield VideoFrame(None if skipped else pixels, time, duration, skipped)
            time += duration
        if transparent:
            self._tell(f"{self._shown}: its transparency is lost; transparent parts are black")


def is_animated_webp(path: PathLike) -> bool:
    """Return whether a file is a WebP with several frames, by its header."""
    try:
        with open(path, "rb") as file:
            header = file.read(21)
    except OSError:
        return False
    return header[:4] == b"RIFF" and header[8:16] == b"WEBPVP8X" and bool(header[20] & 2)


class FolderWriter(_OneStream):
    """Writes a folder of PNGs `00001.png`, `00002.png`, ..., which appears when it is complete.

    Until then the pictures are in `temporary`, which the caller removes, or in a folder of its own. Raises
    OutputError if `folder` holds files or cannot be created.
    """

    def __init__(self, folder: PathLike, temporary: Path | None = None) -> None:
        self.frames = 0
        self._target = check_folder(folder)
        self._own = temporary is None
        own = self._target.parent / f".{self._target.name[:80]}-{secrets.token_hex(6)}.part"
        self.temporary = temporary or own
        try:
            self.temporary.mkdir(parents=True, exist_ok=not self._own)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise OutputError(f"cannot write {os.fspath(folder)}: {reason}") from error
        for unfinished in self.temporary.glob(".*.part.png"):  # left by a killed run
            unfinished.unlink()

    def write(self, frame: VideoFrame) -> None:
        """Write the next picture."""
        assert frame.pixels is not None
        self.frames += 1
        images.save_image(images.from_array(frame.pixels), self._path(), overwrite=not self._own)

    def _path(self) -> Path:
        return self.temporary / f"{self.frames:05d}.png"

    def append(self, packets: Iterable[Any], stamps: Sequence[int]) -> None:
        """Count the pictures that an earlier run wrote; OutputError if one is missing."""
        for _ in stamps:
            self.frames += 1
            if not (path := self._path()).is_file():
                raise OutputError(f"'{path}' of the earlier run is missing; start again without resume=True")

    def close(self) -> None:
        """Do nothing: every picture is complete."""

    def abort(self) -> None:
        """Remove the pictures, unless the caller does."""
        if self._own:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def move(self, target: Path) -> None:
        """Move the folder to its final name."""
        if target.is_dir():
            target.rmdir()  # fails unless it is empty
        os.replace(self.temporary, target)


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder in natural order: `frame_2.png` before `frame_10.png`."""
    files = [each for each in folder.iterdir() if not each.name.startswith(".")]
    files = [each for each in files if each.is_file() and formats.is_image(each)]

    def natural(file: Path) -> tuple[list[str | int], str]:
        parts = re.split(r"(\d+)", file.name)
        return [int(part) if part.isdecimal() else part for part in parts], file.name

    return sorted(files, key=natural)


def check_folder(folder: PathLike) -> Path:
    """Return a folder with links resolved; raise OutputError unless it is new or empty."""
    target = Path(os.path.realpath(folder))
    if target.is_dir() and any(target.iterdir()):
        raise OutputError(f"cannot write frames to {os.fspath(folder)}: it holds files; give a new folder")
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write frames to {os.fspath(folder)}: it is a file")
    return target
