"""Live video: resolution and frames follow the speed of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import InputError, OutputError
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.options.video import LiveOptions
from restyle.style import Style
from restyle.videos.devices import Encoder, Window
from restyle.videos.live import Pace, Summary, show
from tests.made_clips import even_stamps, frames_of, make_clip, moving, stamps_of

ORANGE = (0.9, 0.5, 0.1)


@pytest.fixture
def method(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


@pytest.fixture
def orange(method: Arbitrary) -> Style:
    return Style(np.array([*ORANGE, 0.01, 0.01, 0.01], np.float32), method.name, "orange")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(40, (90, 160)))


class Every:
    """In place of `Newest`: takes every frame of a file, when it is asked for, without a clock."""

    dropped = 0

    def __init__(self, source: Any) -> None:
        self._source, self.ended = source, False
        self._shots = source.shots(self)

    def wait(self, seconds: float) -> bool:
        """In place of the event that stops a source: no time passes."""
        return False

    def take(self, timeout: float) -> Any:
        shot = next(self._shots, None)
        self.ended = shot is None
        return shot

    def close(self) -> None:
        self._source.close()


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every frame, however slow the machine is."""
    monkeypatch.setattr("restyle.videos.live.Newest", Every)


def after(frames: int) -> Callable[[int, float, int], None]:
    """Return a `watch` that interrupts after a number of frames."""

    def watch(shown: int, delay: float, size: int) -> None:
        if shown == frames:
            raise KeyboardInterrupt

    return watch


@pytest.mark.slow
def test_a_played_file_is_painted_in_step(
    method: Arbitrary, orange: Style, clip: Path, tmp_path: Path
) -> None:
    written = tmp_path / "out.mp4"
    seen: list[int] = []
    summary = show(
        str(clip),
        orange,
        method,
        ImageOptions(),
        LiveOptions(),
        written,
        watch=lambda *values: seen.append(values[0]),
    )
    frames, stamps = frames_of(written), stamps_of(written)
    assert summary.shown == len(frames) == len(seen) >= 1
    assert summary.shown + summary.dropped <= 40
    assert frames[0].shape == (90, 160, 3)  # whatever it was painted at
    np.testing.assert_allclose(frames[-1].mean(axis=(0, 1)) / 255, ORANGE, atol=0.05)
    starts = [float(start) for start, _ in stamps]
    assert starts == sorted(set(starts))
    assert starts[-1] <= summary.seconds  # frames keep the times at which they were shown
    assert len(summary.delays) == summary.shown


class Slow:
    """A model that takes its time for every pixel."""

    def __init__(self, method: Arbitrary, per_megapixel: float) -> None:
        self._method, self._share = method, per_megapixel / 1e6

    def stylize(self, content: Any, *about: Any) -> Any:
        time.sleep(self._share * content.shape[0] * content.shape[1])
        return self._method.stylize(content, *about)


@pytest.mark.slow
def test_a_slow_model_drops_frames_and_paints_smaller(
    method: Arbitrary, orange: Style, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "clip.mp4", moving(60, (360, 640)))
    slow: Any = Slow(method, 2.0)  # 460 ms at full size, which would be far too late
    summary = show(str(source), orange, slow, ImageOptions(), LiveOptions(), tmp_path / "out.mp4")
    assert summary.dropped > 0
    assert summary.size == (180, 320)  # a quarter of the pixels, however slow it is
    assert frames_of(tmp_path / "out.mp4")[0].shape == (360, 640, 3)


@pytest.mark.usefixtures("every_frame")
def test_a_size_is_what_is_shown_and_a_paint_size_what_is_painted(
    method: Arbitrary, orange: Style, clip: Path, tmp_path: Path
) -> None:
    for size, expected in ((80, (44, 80)), ("64x48", (48, 64))):
        out = tmp_path / f"{size}.mp4"
        options = ImageOptions(size=size)
        summary = show(str(clip), orange, method, options, LiveOptions(), out, watch=after(2))
        assert 4 * summary.size[0] * summary.size[1] >= 0.9 * expected[0] * expected[1]
        assert frames_of(out)[0].shape[:2] == expected
    out = tmp_path / "painted.mp4"
    options = ImageOptions(paint_size=64)
    summary = show(str(clip), orange, method, options, LiveOptions(), out, watch=after(2))
    assert summary.size[1] == 64
    assert frames_of(out)[0].shape[1] == frames_of(clip)[0].shape[1]


@pytest.mark.usefixtures("every_frame")
def test_fine_detail_of_the_camera_is_shown(method: Arbitrary, tmp_path: Path) -> None:
    """Stripes too fine for the painted size."""
    lit = np.linspace(40, 180, 160).astype(np.uint8)[None, :, None].repeat(90, 0).repeat(3, 2)
    lit[:, ::2] += 40
    source = make_clip(tmp_path / "fine.mkv", [lit] * 20, codec="ffv1", pix_fmt="bgr0")
    gray = Style.from_image(lit, model=method)
    out = tmp_path / "out.mkv"
    show(str(source), gray, method, ImageOptions(paint_size=80), LiveOptions(), out, watch=after(2))
    frame = frames_of(out)[0][20:-20, 20:-20].astype(float)
    assert np.abs(np.diff(frame, axis=1)).mean() > 5


class Screen(Window):
    """A window without a screen, in which someone presses a key after every frame."""

    def __init__(self, keys: list[str]) -> None:
        self.closed, self.keys, self._typed = False, [], keys
        self.frames: list[Any] = []
        self.titles: list[str] = []

    def show(self, pixels: Any, second: float) -> None:
        self.frames.append(pixels)
        if self._typed:
            self.keys.append(self._typed.pop(0))
        else:
            self.closed = True

    def rename(self, title: str) -> None:
        self.titles.append(title)

    def close(self) -> None:
        self.closed = True


@pytest.mark.usefixtures("every_frame")
def test_keys_change_styles_save_snapshots_and_record(
    method: Arbitrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = make_clip(tmp_path / "clip.mp4", moving(60, (90, 160)), even_stamps(60, 12800))
    names = ("great-wave", "starry-night", "scream")
    codes = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.9], [0.5, 0.9, 0.1]], np.float32)
    spread = np.full(3, 0.1, np.float32)
    chosen = [
        Style(np.append(code, spread), method.name, name) for name, code in zip(names, codes, strict=True)
    ]
    screen = Screen(["Right", "s", "w", "x", "3", "r", "Left", "r", "s"])
    monkeypatch.setattr("restyle.videos.live.open_sink", lambda *about: nullcontext(screen))
    told: list[str] = []
    live = LiveOptions(delay=5000)
    show(str(source), chosen[0], method, ImageOptions(), live, others=chosen[1:], tell=told.append)
    assert [title.split()[2] for title in screen.titles] == [
        names[1], names[1], names[1], names[1], names[2], names[2], names[1], names[1], names[1]
    ]  # fmt: skip
    assert "(recording)" in screen.titles[5]
    assert {path.name for path in tmp_path.iterdir()} == {
        "clip.mp4", "live-starry-night.png", "live-starry-night-2.png", "live-scream.mp4"
    }  # fmt: skip
    assert len(told) == 3
    assert len(frames_of(tmp_path / "live-scream.mp4")) == 2
    wall = screen.frames[3]
    assert wall.shape == (90, 160, 3)
    assert wall[:, :40].std() > 0
    assert (wall[40:] == 0).all()  # three styles fill one row of three


def test_an_error_of_the_encoder_is_not_lost() -> None:
    class Full:
        closed = False

        def show(self, pixels: Any, second: float) -> None:
            raise OutputError("the disk is full")

        def close(self) -> None: ...

    encoder = Encoder(Full())
    encoder.show(np.zeros((2, 2, 3), np.uint8), 0.0)
    with pytest.raises(OutputError, match="the disk is full"):
        encoder.close()


@pytest.mark.usefixtures("every_frame")
def test_mirror(method: Arbitrary, tmp_path: Path, orange: Style) -> None:
    left_dark = np.zeros((90, 160, 3), np.uint8)
    left_dark[:, 80:] = 255
    source = make_clip(tmp_path / "halves.mp4", [left_dark] * 20)
    out = tmp_path / "out.mp4"
    options = ImageOptions(strength=0.0)
    show(str(source), orange, method, options, LiveOptions(mirror=True), out, watch=after(2))
    frame = frames_of(out)[0]
    assert frame[:, :60].mean() > 200
    assert frame[:, -60:].mean() < 50


@pytest.mark.usefixtures("every_frame")
def test_crop(method: Arbitrary, clip: Path, tmp_path: Path, orange: Style) -> None:
    options = ImageOptions(crop="1:1")
    square = show(str(clip), orange, method, options, LiveOptions(), tmp_path / "square.mp4", watch=after(2))
    assert square.size[0] == square.size[1]


@pytest.mark.slow
def test_time(method: Arbitrary, tmp_path: Path, orange: Style) -> None:
    """The run ends after `seconds`, although the video lasts for a minute."""
    source = make_clip(tmp_path / "still.mp4", [np.zeros((32, 32, 3), np.uint8)] * 60, even_stamps(60, 12800))
    summary = show(
        str(source), orange, method, ImageOptions(), LiveOptions(seconds=1.0), tmp_path / "out.mp4"
    )
    assert 1.0 <= summary.seconds < 30
    assert summary.shown >= 1


@pytest.mark.usefixtures("every_frame")
def test_ctrl_c_is_the_usual_end(method: Arbitrary, orange: Style, clip: Path, tmp_path: Path) -> None:
    summary = show(
        str(clip), orange, method, ImageOptions(), LiveOptions(), tmp_path / "out.mp4", watch=after(3)
    )
    assert len(frames_of(tmp_path / "out.mp4")) == summary.shown == 3


def test_what_is_no_video_is_refused(method: Arbitrary, orange: Style, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 50)
    with pytest.raises(InputError, match="not a video"):
        show(str(tmp_path / "a.mp4"), orange, method, ImageOptions(), LiveOptions(), tmp_path / "out.mp4")


def test_the_summary_is_a_line() -> None:
    text = str(Summary(20, 5, 1.0, (90, 160), [0.05] * 20))
    assert text == (
        "20 frames shown in 1.0 s (20.0 fps), 5 dropped; painted at 160x90; delay 50 ms, 95 % under 50 ms"
    )


def run(pace: Pace, per_megapixel: float, frames: int = 400, now: float = 1.0) -> list[int]:
    """Let a machine with this speed (16:9 frames) paint so many frames; return the sizes."""
    sizes = []
    for _ in range(frames):
        sizes.append(pace.size)
        took = 0.004 + per_megapixel * pace.size**2 * 9 / 16 / 1e6
        now += took
        pace.took(took, now)
    return sizes


SHARE = 9 / 16 / 1e6  # megapixels of a square px of the longest side


def test_the_first_size_follows_from_a_trial() -> None:
    for per_megapixel, expected in ((0.01, 1280), (0.2, 768), (0.3, 640), (9.0, 640)):
        pace = Pace(0.2, 1280)
        pace.start(per_megapixel * pace.size**2 * SHARE)
        assert pace.size == expected


def test_the_delay_less_the_time_between_frames_is_for_painting() -> None:
    """Only the newest frame is taken, so it has waited for at most one interval of the camera."""
    assert Pace(0.2, 1280, interval=0.04).allowed == pytest.approx(0.16)
    assert Pace(0.2, 1280, interval=0.5).allowed == pytest.approx(0.1)


def test_no_frame_has_less_than_a_quarter_of_the_pixels() -> None:
    for longest in (100, 640, 700, 1280, 1920):
        pace = Pace(0.05, longest)
        pace.start(9.0)
        assert longest / 2 <= run(pace, 50.0)[-1] <= 0.75 * longest or longest == 100


def test_a_machine_that_slows_down_paints_smaller_and_recovers() -> None:
    pace = Pace(0.2, 1280)
    pace.start(0.08 * pace.size**2 * SHARE)
    first = run(pace, 0.08)[-1]
    slow = run(pace, 1.0, now=100.0)[-1]
    again = run(pace, 0.08, now=200.0)[-1]
    assert (first, slow) == (1280, 640)
    assert again > slow


def test_it_does_not_swing_to_and_fro() -> None:
    pace = Pace(0.2, 1280)
    pace.start(0.05)
    sizes = run(pace, 0.21, 1500)
    assert sum(one != two for one, two in pairwise(sizes[300:])) <= 4


def test_a_fixed_size_stays_and_no_size_exceeds_the_camera() -> None:
    pace = Pace(0.2, 1280, fixed=640)
    pace.start(3.0)
    assert set(run(pace, 9.0, 50)) == {640}
    small = Pace(0.2, 100)
    small.start(1e-6)
    assert set(run(small, 1e-6, 50)) == {100}


def test_a_frame_that_would_come_too_late_is_left_out() -> None:
    pace = Pace(0.2, 640)
    for _ in range(12):
        pace.took(0.05, 1.0)
    assert not pace.too_old(0.14)
    assert pace.too_old(0.16)
    for _ in range(12):
        pace.took(0.5, 1.0)  # however slow it is, what is newest is shown
    assert not pace.too_old(0.09)


def test_painting_smaller_is_no_cure_for_what_does_not_depend_on_the_size() -> None:
    """An encoder that takes most of the time allowed must not cost pixels."""
    pace = Pace(0.2, 1280)
    pace.start(0.005)
    now = 1.0
    for _ in range(400):
        painting = 0.005 * pace.size**2 * SHARE
        now += 0.15 + painting
        pace.took(0.15 + painting, now, painting)
    assert pace.size == 1280
