"""Cameras and files played as one; windows, files and virtual cameras."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest

from restyle.errors import InputError, OutputError
from restyle.videos.devices import (
    Newest,
    PlayedFile,
    Shot,
    Sink,
    Window,
    is_device,
    open_sink,
    open_source,
)
from tests.made_clips import frames_of, make_clip, moving, stamps_of


class Counter:
    """A camera that counts at a given rate."""

    def __init__(self, count: int, pause: float = 0.0, error: Exception | None = None) -> None:
        self.count, self.pause, self.error, self.closed = count, pause, error, False
        self.all_given = Event()

    def shots(self, stop: Event) -> Any:
        for index in range(self.count):
            yield Shot(np.full((2, 2, 3), index, np.uint8), time.monotonic())
            if stop.wait(self.pause):
                return
        self.all_given.set()
        if self.error:
            raise self.error

    def close(self) -> None:
        self.closed = True


def test_only_the_newest_is_kept() -> None:
    source: Any = Counter(10)
    newest = Newest(source)
    assert source.all_given.wait(10)
    while not newest._ended:
        time.sleep(0.001)
    shot = newest.take(1.0)
    assert shot is not None
    assert shot.pixels[0, 0, 0] == 9
    assert newest.dropped == 9
    assert newest.ended
    assert newest.take(0.01) is None
    newest.close()
    assert source.closed


def test_nothing_in_time_is_none_and_closing_stops_the_source() -> None:
    source: Any = Counter(100, pause=30.0)
    newest = Newest(source)
    assert newest.take(10.0) is not None
    assert newest.take(0.05) is None
    assert not newest.ended
    newest.close()
    assert source.closed


def test_what_a_source_raises_arrives() -> None:
    source: Any = Counter(1, error=InputError("the camera stopped"))
    newest = Newest(source)
    assert newest.take(10.0) is not None
    with pytest.raises(InputError, match="the camera stopped"):
        newest.take(10.0)
    newest.close()


def test_a_file_is_played_at_its_own_speed(tmp_path: Path) -> None:
    source = PlayedFile(make_clip(tmp_path / "clip.mp4", moving(10)))
    begin = time.monotonic()
    shots = list(source.shots(Event()))
    source.close()
    assert len(shots) == 10
    assert shots[-1].taken - begin >= 0.36 - 0.01
    assert source.size == (48, 64)
    assert float(source.rate) == pytest.approx(25, rel=0.1)


def test_cameras_by_number_and_files_by_name(tmp_path: Path) -> None:
    for name in ("61", "/dev/video61"):
        with pytest.raises(InputError, match=f"camera '{name}'"):
            open_source(name)
    with pytest.raises(InputError, match="there is no such file"):
        open_source(str(tmp_path / "no.mp4"))


RATE = Fraction(25)


def gray(level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((48, 64, 3), level, np.uint8)


def test_a_file_keeps_the_time_at_which_frames_were_taken(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    with open_sink(path, (48, 64), RATE, False, []) as sink:
        for second, level in ((0.0, 30), (0.05, 90), (0.0502, 120), (0.4, 200)):
            sink.show(gray(level), second)
        assert not sink.closed
    stamps = stamps_of(path)
    assert [float(start) for start, _ in stamps] == pytest.approx([0, 0.05, 0.051, 0.4])
    with av.open(str(path)) as container:
        assert 400_000 < (container.duration or 0) <= 440_000
    means = [float(frame.mean()) for frame in frames_of(path)]
    assert means == pytest.approx([30, 90, 120, 200], abs=4)


def _fail_after_a_frame(sink: Sink) -> None:
    sink.show(gray(3), 0.0)
    raise InputError("the camera stopped")


def test_no_frame_leaves_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no frame"),
        open_sink(tmp_path / "a.mp4", (48, 64), RATE, False, []),
    ):
        pass
    stopped = pytest.raises(InputError, match="stopped")
    with stopped, open_sink(tmp_path / "a.mp4", (48, 64), RATE, False, []) as sink:
        _fail_after_a_frame(sink)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.gif", "cannot write a GIF"), ("a.txt", "cannot write '.txt'"), ("there.mp4", "exists")],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "there.mp4").touch()
    with pytest.raises(OutputError, match=said), open_sink(tmp_path / name, (48, 64), RATE, False, []):
        pass


def test_devices_are_told_from_files() -> None:
    assert not is_device("live.mp4")
    assert not is_device("/dev/shm/live.mp4")


@pytest.mark.skipif(not Path("/proc").exists(), reason="virtual cameras are of Linux")
def test_a_device_that_is_none_is_refused() -> None:
    assert is_device("/dev/video61")
    refused = pytest.raises(OutputError, match=r"cannot write to /dev/video61")
    with refused, open_sink("/dev/video61", (48, 64), RATE, False, []):
        pass


def test_without_a_screen_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if os.name != "posix" or os.uname().sysname != "Linux":
        pytest.skip("elsewhere there is always a screen")
    with pytest.raises(OutputError, match="window; give --output FILE"):
        Window((48, 64))


@pytest.mark.skipif("DISPLAY" not in os.environ, reason="needs a screen (xvfb-run makes one)")
def test_a_window_shows_frames_until_it_is_closed() -> None:
    window = Window((48, 64))
    window.show(gray(10), 0.0)
    image = window._image
    assert image.get(3, 3) == (10, 10, 10)
    window.show(gray(200), 0.1)
    assert image.get(60, 40) == (200, 200, 200)
    assert not window.closed
    window._root.event_generate("<Escape>")
    window._root.destroy()  # as its cross does
    window.show(gray(1), 0.2)
    assert window.closed
