"""Sources and outputs of `restyle live`: cameras and played files; windows, files and virtual cameras."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from queue import Queue
from threading import Condition, Event, Thread
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OutputError
from restyle.files import writing
from restyle.types import PathLike
from restyle.videos.formats import Pixels, VideoFrame, VideoInfo, check_format
from restyle.videos.read import VideoReader
from restyle.videos.stages import lower_priority, run_nice
from restyle.videos.write import VideoWriter

Bytes = NDArray[np.uint8]

PENDING = 4  # frames, at most
CLOCK = Fraction(1, 1000)  # seconds; cameras have no constant frame rate
_SYSTEMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_TITLE = "restyle live"


@dataclass(frozen=True)
class Shot:
    """A frame [H, W, 3], RGB, and `time.monotonic()` when it was captured."""

    pixels: Pixels
    taken: float


def scaled(pixels: Pixels, size: tuple[int, int]) -> Bytes:
    """Resize a frame to (height, width), 8 bits."""
    import av
    from av.video.reformatter import Interpolation

    form = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
    if pixels.shape[:2] == size and form == "rgb24":
        return np.ascontiguousarray(pixels, np.uint8)
    whole: Any = np.ascontiguousarray(pixels)
    frame = av.VideoFrame.from_ndarray(whole, form)
    how = Interpolation.AREA if size[0] < pixels.shape[0] else Interpolation.BICUBIC
    resized = frame.reformat(width=size[1], height=size[0], format="rgb24", interpolation=how)
    return np.asarray(resized.to_ndarray(), np.uint8)


class Newest:
    """Holds only the newest frame of a source, which it reads in a thread; older ones are dropped."""

    def __init__(self, source: Camera | PlayedFile) -> None:
        self._source, self._ended, self.dropped = source, False, 0
        self._changed, self._stop = Condition(), Event()
        self._shot: Shot | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> Shot | None:
        """Wait for a new frame; None after a timeout or at the end. Raises an error of the source."""
        with self._changed:
            self._changed.wait_for(lambda: self._shot is not None or self._ended, timeout)
            shot, self._shot = self._shot, None
            if shot is None and self._error is not None:
                raise self._error
            return shot

    @property
    def ended(self) -> bool:
        """Whether there are no more frames; raises errors as `take` does."""
        with self._changed:
            over = self._ended and self._shot is None
            if over and self._error is not None:
                raise self._error
            return over

    def close(self) -> None:
        """Close the source."""
        self._stop.set()
        self._thread.join(timeout=2.0)
        self._source.close()

    def _read(self) -> None:
        try:
            for shot in self._source.shots(self._stop):
                with self._changed:
                    self.dropped += self._shot is not None
                    self._shot = shot
                    self._changed.notify()
                if self._stop.is_set():
                    break
        except BaseException as error:  # noqa: BLE001, it is raised in `take`
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()


class PlayedFile:
    """A video file, played at its own speed like a camera."""

    def __init__(self, path: PathLike) -> None:
        self._reader = VideoReader(path)
        self.size, self.rate = self._reader.info.size, self._reader.info.rate or Fraction(25)

    def shots(self, stop: Event) -> Iterator[Shot]:
        """Yield each frame at its time."""
        begin: float | None = None
        for item in self._reader.items():
            if not isinstance(item, VideoFrame) or item.pixels is None:
                continue
            second = float(item.pts * self._reader.info.time_base)
            begin = time.monotonic() - second if begin is None else begin
            if stop.wait(max(0.0, begin + second - time.monotonic())):
                return
            yield Shot(item.pixels, time.monotonic())

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class Camera:
    """A camera, by its number from 0 or the system's name, such as `/dev/video2`.

    Raises InputError if there is no such camera, or another program uses it.
    """

    def __init__(self, name: str) -> None:
        import av

        form = _SYSTEMS.get(sys.platform, "v4l2")
        device = f"/dev/video{name}" if form == "v4l2" and name.isdigit() else name
        if form == "v4l2" and not os.path.exists(device):
            raise InputError(f"camera '{name}': there is no {device}; give another number, or a video file")
        try:
            self._container: Any = av.open(device, format=form, options={"fflags": "nobuffer"})
            self._stream: Any = self._container.streams.video[0]
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise InputError(f"camera '{name}' cannot be opened: {_reason(error)}") from error
        context = self._stream.codec_context
        self.size = (context.height, context.width)
        self.rate = self._stream.average_rate or Fraction(30)

    def shots(self, stop: Event) -> Iterator[Shot]:
        """Yield frames as they arrive."""
        import av

        try:
            for frame in self._container.decode(self._stream):
                if stop.is_set():
                    return
                yield Shot(frame.to_ndarray(format="rgb24"), time.monotonic())
        except av.FFmpegError as error:
            raise InputError(f"the camera stopped: {_reason(error)}") from error

    def close(self) -> None:
        """Close the camera."""
        self._container.close()


def open_source(name: str) -> Camera | PlayedFile:
    """Open a camera by number or device name, anything else as a file."""
    if name.isdigit() or name.startswith("/dev/"):
        return Camera(name)
    return PlayedFile(name)


class Sink(Protocol):
    """Takes consecutive frames of one size."""

    def show(self, pixels: Bytes, second: float) -> None:
        """Take a frame [H, W, 3], uint8, RGB, captured `second` seconds after the first."""

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""

    def close(self) -> None:
        """Finish the output."""


class Encoder:
    """Passes frames to another sink in a thread of low priority, so that no frame waits for the encoder.

    `show` waits if `PENDING` frames are. An error of the sink is raised by the next call.
    """

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._frames: Queue[tuple[Bytes, float] | None] = Queue(PENDING)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def show(self, pixels: Bytes, second: float) -> None:
        """Take a frame."""
        self._raise()
        self._frames.put((pixels, second))

    def stop(self) -> None:
        """End the thread after the pending frames."""
        if self._thread.is_alive():
            self._frames.put(None)
            self._thread.join()

    def close(self) -> None:
        """Wait for the pending frames and finish the output."""
        self.stop()
        self._raise()
        self._sink.close()

    def _run(self) -> None:
        lower_priority()
        while (frame := self._frames.get()) is not None:
            if self._error is None:
                try:
                    self._sink.show(*frame)
                except BaseException as error:  # noqa: BLE001, it is raised in the thread of the caller
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


class Window:
    """A window on the screen; Escape, q or the close button close it. OutputError without a screen or Tk."""

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
        self.keys: list[str] = []  # pressed, by Tk's names, until someone takes them out
        self._error: type[Exception] = tkinter.TclError
        self._root.title(_TITLE)
        self._image = tkinter.PhotoImage(width=size[1], height=size[0])
        tkinter.Label(self._root, image=self._image, borderwidth=0).pack()
        for event in ("<Escape>", "<q>"):
            self._root.bind(event, lambda _: self._close())
        self._root.bind("<Key>", lambda event: self.keys.append(event.keysym))
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
        except self._error:  # closed while drawing
            self.closed = True

    def rename(self, title: str) -> None:
        """Set the title."""
        if not self.closed:
            self._root.title(title)

    def close(self) -> None:
        """Close the window."""
        if not self.closed:
            self._close()

    def _close(self) -> None:
        self.closed = True
        self._root.destroy()


class File:
    """A video file; frames keep their capture times."""

    closed = False

    def __init__(self, path: PathLike, codec: str, size: tuple[int, int], rate: Fraction) -> None:
        self._writer = VideoWriter(path, VideoInfo(size, CLOCK, rate, None), size, codec)
        self._last: VideoFrame | None = None

    def show(self, pixels: Bytes, second: float) -> None:
        """Write the previous frame, whose duration is now known, and hold this one."""
        before = self._last
        stamp = round(second / CLOCK) if before is None else max(round(second / CLOCK), before.pts + 1)
        self._last = VideoFrame(pixels, stamp, 1)  # first, so that Ctrl-C cannot write a frame twice
        if before is not None:
            before.duration = stamp - before.pts
            self._writer.write(before)

    def close(self) -> None:
        """Write the last frame and finish the file."""
        if self._last is None:
            self._writer.abort()
            raise InputError("the camera gave no frame")
        self._last.duration = round(1 / (self._writer.info.rate or 25) / CLOCK)
        self._writer.write(self._last)
        self._writer.close()

    def abort(self) -> None:
        """Close a file that will be deleted."""
        self._writer.abort()


class VirtualCamera:
    """A device such as v4l2loopback, a camera for other programs. OutputError if it accepts no video."""

    closed = False

    def __init__(self, device: str, size: tuple[int, int], rate: Fraction) -> None:
        import av

        try:
            self._container: Any = av.open(device, "w", format="v4l2")
            self._stream: Any = self._container.add_stream("rawvideo", rate=rate.limit_denominator(1001))
            self._stream.width, self._stream.height, self._stream.pix_fmt = size[1], size[0], "yuv420p"
            self._container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            raise OutputError(f"cannot write to {device}: {_reason(error)}") from error
        self._count = 0

    def show(self, pixels: Bytes, second: float) -> None:
        """Send a frame to the device."""
        import av

        picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        picture.pts, self._count = self._count, self._count + 1
        for packet in self._stream.encode(picture):
            self._container.mux(packet)

    def close(self) -> None:
        """Close the device."""
        self._container.close()


def record(path: PathLike, size: tuple[int, int], rate: Fraction) -> Sink:
    """Begin a video file, which is encoded in a thread of its own."""
    return Encoder(File(path, "h264", size, rate))


@contextmanager
def open_sink(
    output: PathLike | None, size: tuple[int, int], rate: Fraction, overwrite: bool, inputs: list[str]
) -> Iterator[Sink]:
    """Open a window (None), a device (`/dev/video9`), or a file, which is finished when the block ends."""
    if output is None:
        with closing(Window(size)) as window:
            yield window
    elif is_device(output):
        with closing(VirtualCamera(os.fspath(output), size, rate)) as device:
            sender = Encoder(device)
            try:
                yield sender
            finally:
                sender.stop()
    else:
        codec = check_format(output, None, None)
        if codec == "gif":
            raise OutputError(f"{os.fspath(output)}: restyle live cannot write a GIF; use .mp4")
        with writing(output, overwrite, inputs) as temporary:
            file = run_nice(lambda: File(temporary, codec, size, rate))  # its encoder starts threads, too
            encoder = Encoder(file)
            try:
                yield encoder
            except BaseException:
                encoder.stop()
                file.abort()
                raise
            encoder.close()


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


def is_device(output: PathLike) -> bool:
    """Return whether an output is a device and not a file."""
    return sys.platform == "linux" and os.fspath(output).startswith("/dev/video")
