"""Moving pictures that are no video files: GIF out, and folders of numbered pictures in and out."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError, OutputError
from restyle.images import formats
from restyle.images import picture as images
from restyle.types import PathLike, from_unit
from restyle.videos.info import Pixels, VideoFrame, VideoInfo

GIF_TICK = Fraction(1, 100)  # seconds: the only clock that a GIF has


class GifWriter:
    """An animated GIF, with a palette for each frame and an ordered dither, which lies still.

    Parameters
    ----------
    path : path
    info : VideoInfo
        Of the source; only its time base counts.
    size : (height, width)
    """

    def __init__(self, path: PathLike, info: VideoInfo, size: tuple[int, int]) -> None:
        import av
        import av.filter

        self.frames = 0
        self.info = info
        height, width = size
        self.container: Any = av.open(os.fspath(path), "w", format="gif", container_options={"loop": "0"})
        self._stream: Any = self.container.add_stream("gif", rate=100)
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "pal8"
        context.time_base = self._stream.time_base = GIF_TICK
        self._graph: Any = av.filter.Graph()
        source = self._graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("rgb24"), time_base=GIF_TICK
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
        """Append a frame; its stamp is rounded to a hundredth of a second."""
        import av

        assert frame.pixels is not None
        picture = av.VideoFrame.from_ndarray(_bytes(frame.pixels), "rgb24")
        tick = self.info.time_base / GIF_TICK
        self._last = max(round(frame.pts * tick), self._last + 1)
        picture.pts, picture.time_base = self._last, GIF_TICK
        self._durations[self._last] = max(1, round(frame.duration * tick))
        self.frames += 1
        self._graph.push(picture)
        self._drain()

    def copy(self, packet: Any) -> None:
        """Drop a packet of sound: a GIF has none."""

    def end_segment(self) -> None:
        """Do nothing: a GIF is not written in segments."""

    def append(self, packets: Iterable[Any], stamps: Sequence[int]) -> None:
        """Fail: its frames lean on the ones before."""
        raise OutputError("a GIF cannot be continued")

    def close(self) -> None:
        """Finish the file."""
        try:
            self._graph.push(None)
            self._drain()
            self._mux(self._stream.encode(None))
        finally:
            self.container.close()

    def abort(self) -> None:
        """Let go of the file."""
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


class FolderReader:
    """A folder of pictures as a video: sorted by name, all as large as the first.

    Parameters
    ----------
    folder : path
    fps : float
        Frames a second.

    Raises
    ------
    InputError
        The folder holds no picture.
    """

    def __init__(self, folder: PathLike, fps: float) -> None:
        self.path = folder
        inside = (each for each in sorted(Path(folder).iterdir()) if not each.name.startswith("."))
        self._files = [each for each in inside if each.is_file() and formats.is_image(each)]
        if not self._files:
            raise InputError(f"{os.fspath(folder)}: holds no pictures")
        self._first = images.load_image(self._files[0])
        rate = Fraction(fps).limit_denominator(1001)
        self.info = VideoInfo(
            size=(self._first.pixels.shape[0], self._first.pixels.shape[1]),
            time_base=1 / rate,
            rate=rate,
            frames=len(self._files),
            depth=self._first.depth,
        )
        self.others: list[Any] = []

    def close(self) -> None:
        """Do nothing: every picture has been closed."""

    def items(self, skip: int = 0) -> Iterator[VideoFrame]:
        """Every picture, with the stamps 0, 1, 2, ...; the first `skip` are not read.

        Raises
        ------
        InputError
            A picture cannot be read, or has another size than the first.
        """
        for index, path in enumerate(self._files):
            if index < skip:
                yield VideoFrame(None, index, 1, skipped=True)
                continue
            picture = self._first if index == 0 else images.load_image(path)
            height, width = picture.pixels.shape[:2]
            if (height, width) != self.info.size:
                wanted = f"{self.info.size[1]}x{self.info.size[0]}"
                raise InputError(
                    f"{path}: is {width}x{height}, the first frame {wanted}; give frames of one size"
                )
            pixels: Pixels = from_unit(picture.pixels, np.uint16 if self.info.depth > 8 else np.uint8)
            yield VideoFrame(pixels, index, 1)


class FolderWriter:
    """A folder of PNGs `00001.png`, `00002.png`, ..., which appears when it is complete.

    Parameters
    ----------
    folder : path
        New or empty.
    temporary : path or None
        Where the pictures wait until then: a folder that somebody else removes. None makes one.

    Raises
    ------
    OutputError
        It holds files, or cannot be made.
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
            raise OutputError(
                f"cannot write {os.fspath(folder)}: {(error.strerror or '').lower()}"
            ) from error
        for unfinished in self.temporary.glob(".*.part.png"):  # a run was killed while it wrote this picture
            unfinished.unlink()

    def write(self, frame: VideoFrame) -> None:
        """Write the next picture."""
        assert frame.pixels is not None
        self.frames += 1
        path = self.temporary / f"{self.frames:05d}.png"
        images.save_image(images.from_array(frame.pixels), path, overwrite=not self._own)

    def copy(self, packet: Any) -> None:
        """Drop a packet of sound: a folder has none."""

    def end_segment(self) -> None:
        """Do nothing: every picture stands alone."""

    def append(self, packets: Iterable[Any], stamps: Sequence[int]) -> None:
        """Count the pictures of an earlier run, which are there."""
        self.frames += len(stamps)

    def close(self) -> None:
        """Do nothing: every picture is complete."""

    def abort(self) -> None:
        """Remove what was written, from a folder of its own."""
        if self._own:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def move(self, target: Path) -> None:
        """Give the folder its name."""
        if target.is_dir():
            target.rmdir()  # empty, or it fails
        os.replace(self.temporary, target)


def check_folder(folder: PathLike) -> Path:
    """Check that a folder is new or empty; return it with links resolved."""
    target = Path(os.path.realpath(folder))
    if target.is_dir() and any(target.iterdir()):
        raise OutputError(f"cannot write frames to {os.fspath(folder)}: it holds files; give a new folder")
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write frames to {os.fspath(folder)}: it is a file")
    return target


def _bytes(pixels: Pixels) -> Pixels:
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
