"""Where live frames end up."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from restyle.errors import InputError, OutputError
from restyle.videos.live.sinks import Sink, Window, is_device, open_sink
from tests.made_clips import frames_of, stamps_of

RATE = Fraction(25)


def grey(level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((48, 64, 3), level, np.uint8)


def test_a_file_keeps_the_time_at_which_frames_were_taken(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    with open_sink(path, (48, 64), RATE, False, []) as sink:
        for second, level in ((0.0, 30), (0.05, 90), (0.0502, 120), (0.4, 200)):
            sink.show(grey(level), second)
        assert not sink.closed
    stamps = stamps_of(path)
    assert [float(start) for start, _ in stamps] == pytest.approx([0, 0.05, 0.051, 0.4])
    with av.open(str(path)) as container:
        assert 400_000 < (container.duration or 0) <= 440_000
    means = [float(frame.mean()) for frame in frames_of(path)]
    assert means == pytest.approx([30, 90, 120, 200], abs=4)


def _fail_after_a_frame(sink: Sink) -> None:
    sink.show(grey(3), 0.0)
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
    [("a.gif", "do not go to a GIF"), ("a.txt", "cannot write '.txt'"), ("there.mp4", "exists")],
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
    window.show(grey(10), 0.0)
    image = window._image
    assert image.get(3, 3) == (10, 10, 10)
    window.show(grey(200), 0.1)
    assert image.get(60, 40) == (200, 200, 200)
    assert not window.closed
    window._root.event_generate("<Escape>")
    window._root.destroy()  # as its cross does
    window.show(grey(1), 0.2)
    assert window.closed
