"""Sources give what is newest, and drop the rest."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.videos.live.camera import Newest, PlayedFile, Shot, open_source
from tests.made_clips import make_clip, moving


class Counter:
    """A camera that counts, as fast as it is told to."""

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
