"""Where live frames come from: a camera, or a file played as one. Only the newest frame is ever kept."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from threading import Condition, Event, Thread
from typing import Any

from restyle.errors import InputError
from restyle.types import PathLike
from restyle.videos.info import Pixels, VideoFrame
from restyle.videos.read import VideoReader

_SYSTEMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


@dataclass(frozen=True)
class Shot:
    """A frame and when it was taken.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), uint8 or uint16, RGB]
    taken : float
        `time.monotonic` of the moment.
    """

    pixels: Pixels
    taken: float


class Newest:
    """Holds the newest frame of a source; one that nobody took in time is dropped.

    Parameters
    ----------
    source : Camera or PlayedFile
        Its frames are read in a thread of its own.
    """

    def __init__(self, source: Camera | PlayedFile) -> None:
        self.dropped = 0
        self._source, self._ended = source, False
        self._changed, self._stop = Condition(), Event()
        self._shot: Shot | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> Shot | None:
        """Wait for a frame that nobody had yet; None if none came in time, or there will be none.

        Raises
        ------
        InputError
            What the source raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._shot is not None or self._ended, timeout)
            shot, self._shot = self._shot, None
            if shot is None and self._error is not None:
                raise self._error
            return shot

    @property
    def ended(self) -> bool:
        """Whether there will be no frame any more; raises as `take` does."""
        with self._changed:
            if self._ended and self._shot is None and self._error is not None:
                raise self._error
            return self._ended and self._shot is None

    def close(self) -> None:
        """Let go of the source."""
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
        except BaseException as error:  # noqa: BLE001, it is raised where frames are taken
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()


class PlayedFile:
    """A video file, played at its own speed as if it were a camera."""

    def __init__(self, path: PathLike) -> None:
        self._reader = VideoReader(path)
        self.size = self._reader.info.size
        self.rate = self._reader.info.rate or Fraction(25)

    def shots(self, stop: Event) -> Any:
        """Frames, each at its time. One that is read too late, when the next is due, is not shown at all."""
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
        """Let go of the file."""
        self._reader.close()


class Camera:
    """A camera of this machine, through FFmpeg's devices.

    Parameters
    ----------
    name : str
        A number, as cameras are counted from 0, or what the system calls it: `/dev/video2`.

    Raises
    ------
    InputError
        No such camera, or one that another program uses.
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
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise InputError(f"camera '{name}' cannot be opened: {reason}") from error
        context = self._stream.codec_context
        self.size = (context.height, context.width)
        self.rate = self._stream.average_rate or Fraction(30)

    def shots(self, stop: Event) -> Any:
        """Frames as they come."""
        import av

        try:
            for frame in self._container.decode(self._stream):
                if stop.is_set():
                    return
                yield Shot(frame.to_ndarray(format="rgb24"), time.monotonic())
        except av.FFmpegError as error:
            raise InputError(f"the camera stopped: {(error.strerror or str(error)).lower()}") from error

    def close(self) -> None:
        """Let go of the camera."""
        self._container.close()


def open_source(name: str) -> Camera | PlayedFile:
    """Open a camera by number or device, and anything else as a file."""
    if name.isdigit() or name.startswith("/dev/"):
        return Camera(name)
    return PlayedFile(name)
