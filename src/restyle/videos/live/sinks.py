"""Where live frames go: a window, a file, or a virtual camera."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OutputError
from restyle.files import writing
from restyle.types import PathLike
from restyle.videos.encoding import check_format
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.write import VideoWriter

Bytes = NDArray[np.uint8]

CLOCK = Fraction(1, 1000)  # seconds: live frames come when they come
_TITLE = "restyle live"


class Sink(Protocol):
    """Takes painted frames, each of the same size, one after the other."""

    def show(self, pixels: Bytes, second: float) -> None:
        """Take a frame [H, W, 3], uint8, RGB, taken so many seconds after the first."""

    @property
    def closed(self) -> bool:
        """Whether somebody has closed it."""


class Window:
    """A window on the screen, through Tk, which comes with Python. Escape, q or its cross close it.

    Raises
    ------
    OutputError
        There is no screen, or this Python has no Tk.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        try:
            import tkinter
        except ImportError as error:
            raise OutputError("this Python has no Tk for a window; give --output FILE") from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise OutputError("there is no screen for a window; give --output FILE") from error
        self.closed = False
        self._error: type[Exception] = tkinter.TclError
        self._root.title(_TITLE)
        self._image = tkinter.PhotoImage(width=size[1], height=size[0])
        tkinter.Label(self._root, image=self._image, borderwidth=0).pack()
        for event in ("<Escape>", "<q>"):
            self._root.bind(event, lambda _: self._close())
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._root.update()

    def show(self, pixels: Bytes, second: float) -> None:
        """Show a frame."""
        if self.closed:
            return
        header = b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0])
        try:
            self._image.configure(data=header + pixels.tobytes(), format="PPM")
            self._root.update()
        except self._error:  # closed while it was drawn
            self.closed = True

    def close(self) -> None:
        """Take it off the screen."""
        if not self.closed:
            self._close()

    def _close(self) -> None:
        self.closed = True
        self._root.destroy()


class File:
    """A video file; frames keep the time at which they were taken."""

    closed = False

    def __init__(self, path: PathLike, codec: str, size: tuple[int, int], rate: Fraction) -> None:
        self._writer = VideoWriter(path, VideoInfo(size, CLOCK, rate, None), size, codec)
        self._last: VideoFrame | None = None

    def show(self, pixels: Bytes, second: float) -> None:
        """Append a frame, once it is known how long the one before lasted."""
        before = self._last
        stamp = round(second / CLOCK) if before is None else max(round(second / CLOCK), before.pts + 1)
        self._last = VideoFrame(pixels, stamp, 1)  # first, so that Ctrl-C never has a frame written twice
        if before is not None:
            before.duration = stamp - before.pts
            self._writer.write(before)

    def close(self) -> None:
        """Finish the file."""
        if self._last is None:
            self._writer.abort()
            raise InputError("the camera gave no frame")
        self._last.duration = round(1 / (self._writer.info.rate or 25) / CLOCK)
        self._writer.write(self._last)
        self._writer.close()

    def abort(self) -> None:
        """Let go of the file."""
        self._writer.abort()


class VirtualCamera:
    """A device such as v4l2loopback makes, which other programs take for a camera. Linux only.

    Raises
    ------
    OutputError
        The device does not take pictures.
    """

    closed = False

    def __init__(self, device: str, size: tuple[int, int], rate: Fraction) -> None:
        import av

        try:
            self._container: Any = av.open(device, "w", format="v4l2")
            self._stream: Any = self._container.add_stream("rawvideo", rate=rate.limit_denominator(1001))
            self._stream.width, self._stream.height, self._stream.pix_fmt = size[1], size[0], "yuv420p"
            self._container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot write to {device}: {reason}") from error
        self._count = 0

    def show(self, pixels: Bytes, second: float) -> None:
        """Hand a frame to whoever looks at the device."""
        import av

        picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        picture.pts, self._count = self._count, self._count + 1
        for packet in self._stream.encode(picture):
            self._container.mux(packet)

    def close(self) -> None:
        """Let go of the device."""
        self._container.close()


@contextmanager
def open_sink(
    output: PathLike | None, size: tuple[int, int], rate: Fraction, overwrite: bool, inputs: list[str]
) -> Iterator[Sink]:
    """Open a window (None), a device (`/dev/video9`), or a file, which is complete when the block ends."""
    if output is None:
        window = Window(size)
        try:
            yield window
        finally:
            window.close()
    elif is_device(output):
        device = VirtualCamera(os.fspath(output), size, rate)
        try:
            yield device
        finally:
            device.close()
    else:
        codec = check_format(output, None, None)
        if codec == "gif":
            raise OutputError(f"{os.fspath(output)}: live pictures do not go to a GIF; use .mp4")
        with writing(output, overwrite, inputs) as temporary:
            file = File(temporary, codec, size, rate)
            try:
                yield file
            except BaseException:
                file.abort()
                raise
            file.close()


def is_device(output: PathLike) -> bool:
    """Tell whether an output is a device, and no file."""
    return sys.platform == "linux" and os.fspath(output).startswith("/dev/video")
