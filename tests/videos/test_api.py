"""Videos from file to file."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.images.looks import load_look, look_table, save_cube
from restyle.models.arbitrary import Arbitrary
from restyle.options import EngineOptions, ImageOptions, VideoOptions
from restyle.style import Style
from restyle.videos import VideoStylizer, runner
from restyle.videos.api import default_output
from restyle.videos.formats import VideoFrame, VideoInfo
from restyle.videos.painter import VideoPainter
from restyle.videos.styles import timed_styles
from tests.made_clips import frames_of, make_clip, moving, packets_of, stamps_of, uneven_stamps

Make = Callable[..., Path]
ORANGE, BLUE = (0.9, 0.5, 0.1), (0.1, 0.2, 0.8)


@pytest.fixture
def make(tiny_model: Path) -> Make:
    """`restyle.video` with the tiny model."""

    def call(content: Path, style: Any = "starry-night", **options: Any) -> Path:
        return restyle.video(content, style, model=tiny_model, threads=1, **options)

    return call


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(20), uneven_stamps(20), sound="aac")


@pytest.fixture
def lossless(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "lossless.mkv", moving(12), codec="ffv1", pix_fmt="bgr0")


def plain_style(model: Path, color: tuple[float, float, float]) -> Style:
    method = Arbitrary(model, threads=1)
    code = np.array([*color, 0.01, 0.01, 0.01], np.float32)
    return Style(code, method.name, "plain")


def test_stamps_count_and_sound_are_kept(make: Make, clip: Path, in_folder: Path) -> None:
    parts: list[float] = []
    written = make(clip, report=parts.append)
    assert written == Path("clip-starry-night.mp4")
    assert [start for start, _ in stamps_of(written)] == [start for start, _ in stamps_of(clip)]
    assert packets_of(written, "audio") == packets_of(clip, "audio")
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert not np.array_equal(frames_of(written)[0], frames_of(clip)[0])
    assert sorted(os.listdir()) == ["clip-starry-night.mp4"]


def test_strength_0_gives_the_video_back(make: Make, lossless: Path, tmp_path: Path) -> None:
    written = make(lossless, strength=0.0, output=tmp_path / "out.mkv", codec="ffv1")
    for before, after in zip(frames_of(lossless), frames_of(written), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_a_static_scene_stays_still(make: Make, tmp_path: Path, strength: float) -> None:
    source = make_clip(tmp_path / "still.mkv", moving(1) * 120, codec="ffv1", pix_fmt="bgr0")
    written = make(source, strength=strength, output=tmp_path / "out.mkv", codec="ffv1")
    frames = frames_of(written)
    assert len(frames) == 120
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_every_frame_by_itself_is_the_picture_command(
    make: Make, lossless: Path, tmp_path: Path, tiny_model: Path
) -> None:
    written = make(lossless, steady="none", output=tmp_path / "out.mkv", codec="ffv1")
    for before, after in zip(frames_of(lossless), frames_of(written), strict=True):
        alone = restyle.image(before, "starry-night", model=tiny_model, threads=1)
        assert np.abs(alone.astype(int) - after).max() <= 1


@pytest.mark.parametrize(("style", "strength"), [(None, 0.6), ("starry-night", 0.6), ("starry-night", 0.0)])
def test_a_look_is_that_of_pictures(
    make: Make, lossless: Path, tmp_path: Path, tiny_model: Path, style: str | None, strength: float
) -> None:
    wanted: dict[str, Any] = {"strength": strength, "look": "cyanotype"}
    written = make(lossless, style, steady="none", output=tmp_path / "out.mkv", codec="ffv1", **wanted)
    for before, after in zip(frames_of(lossless), frames_of(written), strict=True):
        alone = restyle.image(before, style, method="fast", model=tiny_model, threads=1, **wanted)
        assert np.abs(alone.astype(int) - after).max() <= 1


def test_a_look_alone_keeps_ten_bits_and_gives_its_name(make: Make, in_folder: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    frame = np.broadcast_to(ramp[None, :, None], (48, 256, 3))
    source = make_clip(in_folder / "ramp.mkv", [frame] * 3, pix_fmt="yuv444p10le")
    save_cube(look_table("silver"), "my-grade.cube")
    for look, codec in (("silver", "h265"), ("my-grade.cube", "ffv1")):
        written = make(source, None, look=look, codec=codec, tell=pytest.fail)
        assert written == Path(f"ramp-{Path(look).stem}.mkv")
        with av.open(str(written)) as container:
            shown = next(container.decode(video=0))
        assert shown.format.components[0].bits in (10, 16)
        levels = shown.to_ndarray(format="rgb48le")[24, :, 1]
        assert len(np.unique(levels)) > 200, "eight bits hold fewer"
        expected = load_look(look).apply(frame[24] / np.float32(65535))[:, 1]
        assert np.abs(levels / 65535 - expected).max() < 0.02


def test_a_look_alone_refuses_what_it_cannot_use(make: Make, clip: Path, tmp_path: Path) -> None:
    for options, said in (
        ({"look": "silver", "method": "photo"}, "--method photo needs --style"),
        ({"look": "silvr"}, "did you mean 'silver'"),
        ({"look": str(tmp_path / "no.cube")}, "does not exist"),
    ):
        with pytest.raises((OptionError, InputError), match=said):
            make(clip, None, output=tmp_path / "out.mp4", **options)
    assert not (tmp_path / "out.mp4").exists()


def test_options_of_pictures_work(make: Make, lossless: Path, tmp_path: Path) -> None:
    written = make(
        lossless, output=tmp_path / "out.mkv", codec="ffv1", size=32, crop="1:1", keep_colors="luminance"
    )
    assert frames_of(written)[0].shape == (32, 32, 3)


@pytest.mark.parametrize("mode", [{"keep_colors": "statistics"}, {"colors_only": True}, {"strength": 0.4}])
def test_color_modes_run_on_every_frame(
    make: Make, lossless: Path, tmp_path: Path, mode: dict[str, Any]
) -> None:
    written = make(lossless, output=tmp_path / "out.mkv", codec="ffv1", **mode)
    assert len(frames_of(written)) == 12


def test_a_longest_side_gives_even_sides_without_a_word(make: Make, clip: Path, tmp_path: Path) -> None:
    said: list[str] = []
    written = make(clip, output=tmp_path / "out.mp4", size=60, tell=said.append)  # 60x45
    assert frames_of(written)[0].shape in ((44, 60, 3), (46, 60, 3))
    assert said == []
    assert frames_of(make(clip, output=tmp_path / "out.webm", size=60))[0].shape == (45, 60, 3)


def test_styles_change_over_time(make: Make, tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(26), codec="ffv1", pix_fmt="bgr0")
    styles = {0.2: plain_style(tiny_model, ORANGE), 0.8: plain_style(tiny_model, BLUE)}
    written = make(source, styles, output=tmp_path / "out.mkv", codec="ffv1")
    means = np.array([frame.mean(axis=(0, 1)) / 255 for frame in frames_of(written)])
    np.testing.assert_allclose(means[0], ORANGE, atol=0.03)
    np.testing.assert_allclose(means[12], np.mean([ORANGE, BLUE], axis=0), atol=0.06)
    np.testing.assert_allclose(means[25], BLUE, atol=0.03)


def test_a_new_scene_begins_again(make: Make, tmp_path: Path) -> None:
    """The scene after a cut comes out as it does alone."""
    one, two = moving(10), [255 - frame[::-1] for frame in moving(10)]
    both = make_clip(tmp_path / "both.mkv", [*one, *two], codec="ffv1", pix_fmt="bgr0")
    alone = make_clip(tmp_path / "alone.mkv", two, codec="ffv1", pix_fmt="bgr0")
    after_cut = frames_of(make(both, output=tmp_path / "a.mkv", codec="ffv1"))[10:]
    by_itself = frames_of(make(alone, output=tmp_path / "b.mkv", codec="ffv1"))
    assert all(np.array_equal(a, b) for a, b in zip(after_cut, by_itself, strict=True))


def test_folders_and_gifs_in_and_out(make: Make, lossless: Path, tmp_path: Path, in_folder: Path) -> None:
    frames = make(lossless, output="frames/")
    assert len(list(frames.iterdir())) == 12
    gif = make(frames, output="a.gif", fps=20)
    assert [start for start, _ in stamps_of(gif)] == [Fraction(5 * n, 100) for n in range(12)]
    assert make(frames) == Path("frames-starry-night.mp4")
    assert len(stamps_of(make(gif, output="back.mp4"))) == 12


def test_a_damaged_frame_is_stood_in_for(make: Make, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(30), options={"g": "10"})
    with av.open(str(path)) as container:
        bad = [packet for packet in container.demux(video=0) if packet.size][14]
        assert bad.pos is not None
        start, size = bad.pos, bad.size
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)
    said: list[str] = []
    written = make(path, output=tmp_path / "out.mp4", tell=said.append)
    assert len(stamps_of(written)) == 30
    assert "1 damaged frame is replaced" in said[0]


def test_ctrl_c_leaves_a_playable_part(clip: Path, tmp_path: Path, tiny_model: Path) -> None:
    said: list[str] = []

    def watch(done: int, total: int | None) -> None:
        if done == 7:
            raise KeyboardInterrupt

    method = Arbitrary(tiny_model, threads=1)
    stylizer = VideoStylizer("starry-night", method=method)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        stylizer.write(clip, tmp_path / "out.mp4", watch=watch, tell=said.append)
    part = tmp_path / "out.partial.mp4"
    done = len(stamps_of(part))
    assert 7 <= done < 20
    assert [start for start, _ in stamps_of(part)] == [start for start, _ in stamps_of(clip)][:done]
    assert said == [f"{done} of 20 frames are in {part}"]
    assert not (tmp_path / "out.mp4").exists()
    assert not list(tmp_path.glob(".*"))
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize("huge", [False, True])
def test_memory_does_not_grow_with_length(
    huge: bool, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the writer is, only a few frames are read ahead of it; of huge ones, one."""
    if huge:
        monkeypatch.setattr(runner, "QUEUE_BYTES", 1)
        monkeypatch.setattr("restyle.videos.painter._PAINTING_BYTES", 1)
        monkeypatch.setattr("restyle.videos.painter._FINISHING_BYTES", 1)
    method = Arbitrary(tiny_model, threads=1)
    frame = moving(1)[0]
    ahead: list[int] = []

    class Source:
        read = 0
        info = VideoInfo((48, 64), Fraction(1, 25), None, None)

        def items(self, skip: int = 0) -> Any:
            for Source.read in range(1, 61):
                yield VideoFrame(frame, Source.read, 1)

    class Sink:
        frames = 0

        def write(self, item: VideoFrame) -> None:
            ahead.append(Source.read - self.frames)
            self.frames += 1

        def end_segment(self) -> None: ...
        def close(self) -> None: ...
        def abort(self) -> None: ...

    styles = timed_styles("starry-night", method)
    painter = VideoPainter(styles, method, ImageOptions(), VideoOptions(), Source.info)
    assert not runner.run(Source(), painter, Sink(), lambda done: None)  # type: ignore[arg-type]
    assert len(ahead) == 60
    most = 2 * runner.AHEAD + 3 * runner.BETWEEN + painter.at_once + painter.finishing + 6
    assert max(ahead) <= (1 if huge else most)


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False])
def test_flow_is_the_default_where_it_is_installed(
    clip: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """Without it, that is told once for all videos, and not if the user chose."""
    monkeypatch.setattr("restyle.videos.flow.is_installed", lambda: installed)
    if installed:
        pytest.importorskip("cv2")
    method, told = Arbitrary(tiny_model, threads=1), list[str]()
    stylizer = VideoStylizer("great-wave", method=method)
    assert stylizer.options.steady == ("flow" if installed else "none")
    for name in ("one.mp4", "two.mp4"):
        stylizer.write(clip, tmp_path / name, tell=told.append)
    assert [line for line in told if "restyle[flow]" in line] == told
    assert len(told) == (not installed)
    chosen = VideoStylizer("great-wave", method=method, options=VideoOptions(steady="none"))
    chosen.write(clip, tmp_path / "three.mp4", tell=told.append)
    assert len(told) == (not installed)


def test_what_fails_midway_leaves_nothing(
    make: Make, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*about: Any) -> Any:
        raise InputError("not enough memory")

    monkeypatch.setattr(Arbitrary, "stylize", fail)
    with pytest.raises(InputError, match="not enough memory"):
        make(clip, output=tmp_path / "out.mp4")
    with pytest.raises(InputError, match="not enough memory"):
        make(clip, output=f"{tmp_path}/frames/")
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs resource limits of POSIX")
def test_a_disk_that_fills_up_leaves_nothing(make: Make, clip: Path, tmp_path: Path) -> None:
    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*larger than this system allows"):
            make(clip, output=tmp_path / "out.mp4", quality=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"output": "clip.mp4", "overwrite": True}, OutputError, "it is the input"),
        ({"output": "there.mp4"}, OutputError, "it exists"),
        ({"output": "no/where.mp4"}, OutputError, "there is no folder"),
        ({"output": "out.avi"}, OutputError, "cannot write '.avi' videos"),
        ({"codec": "vp8"}, OptionError, "codec 'vp8' is none of"),
        ({"fps": 25.0}, OptionError, "fps is for folders"),
        ({"output": "full/"}, OutputError, "it holds files"),
        ({"output": "new/", "codec": "h264"}, OptionError, "no codec or quality"),
        ({"strength": 2}, OptionError, "strength 2 is outside"),
        ({"crop": "900x900"}, OptionError, "900"),
        (
            {"style": {0: "starry-night", 1: "great-wave"}, "colors_only": True},
            OptionError,
            "one style",
        ),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    make: Make, clip: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], error: Any, said: str
) -> None:
    monkeypatch.chdir(clip.parent)
    Path("there.mp4").write_bytes(b"mine")
    Path("full").mkdir()
    Path("full", "mine.txt").touch()
    with pytest.raises(error, match=said):
        make(Path("clip.mp4"), **options)
    assert sorted(os.listdir()) == ["clip.mp4", "full", "there.mp4"]
    assert Path("there.mp4").read_bytes() == b"mine"


def test_a_style_picture_is_never_replaced(make: Make, clip: Path, style_file: Path) -> None:
    gif = style_file.with_suffix(".gif")
    Image.open(style_file).save(gif)
    with pytest.raises(OutputError, match="it is the input"):
        make(clip, ["0:starry-night", f"2.5:{gif}"], output=gif, overwrite=True)


def test_default_names(tmp_path: Path, tiny_model: Path, in_folder: Path) -> None:
    styles = [(0.0, plain_style(tiny_model, BLUE))]
    for name, expected in {
        "a.mkv": "a-plain.mkv",
        "a.avi": "a-plain.mp4",
        "a.GIF": "a-plain.GIF",
        "b.ts": "b-plain.mp4",
    }.items():
        (tmp_path / name).touch()
        assert default_output(tmp_path / name, styles) == Path(expected)
    assert default_output(".", styles) == Path("here-plain.mp4")


def test_defaults_come_from_the_option_sets() -> None:
    named = inspect.signature(restyle.video).parameters
    assert all(named[each.name].default == each.default for each in fields(EngineOptions))
    for each in fields(VideoOptions):
        assert each.metadata["help"].endswith(".")
        assert ("low" in each.metadata) == ("high" in each.metadata)


@pytest.mark.slow
def test_videos_are_optimized_frame_by_frame(
    make: Make, lossless: Path, tmp_path: Path, style_file: Path
) -> None:
    """What the frames are is in tests/videos/test_optimized.py; here, that the options arrive."""
    fast = make(lossless, style_file, output=tmp_path / "fast.mkv", codec="ffv1")
    finest = make(lossless, style_file, output=tmp_path / "out.mkv", codec="ffv1", method="optimize", steps=1)
    one, two = frames_of(fast), frames_of(finest)
    assert len(one) == len(two) == 12
    assert stamps_of(finest) == stamps_of(lossless)
    assert not np.array_equal(one[0], two[0])


@pytest.mark.slow
def test_videos_are_painted(make: Make, lossless: Path, tmp_path: Path, style_file: Path) -> None:
    """What the frames are is in tests/videos/test_keys.py; here, that the options arrive."""
    given = {"codec": "ffv1", "method": "paint", "effort": "draft"}
    fast = make(lossless, style_file, output=tmp_path / "fast.mkv", codec="ffv1")
    preview = tmp_path / "now.png"
    painted = make(lossless, style_file, output=tmp_path / "out.mkv", preview=preview, **given)
    one, two = frames_of(fast), frames_of(painted)
    assert len(one) == len(two) == 12
    assert stamps_of(painted) == stamps_of(lossless)
    assert not np.array_equal(one[0], two[0])
    with Image.open(preview) as newest:
        assert any(np.array_equal(np.asarray(newest), frame) for frame in two)


@pytest.mark.parametrize(
    ("style", "options", "error", "said"),
    [
        ("picture", {"colors_only": True}, OptionError, "no --colors-only"),
        ({0: "picture", 1: "great-wave"}, {}, OptionError, "one style for a whole video"),
        ("picture", {"method": "fast", "likeness": 0.3}, OptionError, "likeness is for --method paint"),
        ("picture", {"steady": "flow"}, OptionError, "steady is for --method fast"),
        ("picture", {"steps": 9}, OptionError, "steps is for --method optimize"),
        ("picture", {"preview": "now.txt"}, OutputError, "now.txt"),
    ],
)
def test_what_painting_cannot_do_is_said(
    make: Make, clip: Path, style_file: Path, style: Any, options: dict[str, Any], error: Any, said: str
) -> None:
    given = {"method": "paint", **options}
    chosen = {0: style_file, 1: "great-wave"} if isinstance(style, dict) else style_file
    with pytest.raises(error, match=said):
        make(clip, chosen, output=clip.with_name("out.mp4"), **given)
    assert not clip.with_name("out.mp4").exists()


@pytest.mark.parametrize(
    ("style", "options", "error", "said"),
    [
        ("starry-night", {}, StyleError, "starry-night"),
        ("picture", {"colors_only": True}, OptionError, "no --colors-only"),
        ({0: "starry-night", 1: "great-wave"}, {}, OptionError, "one style for a whole video"),
        ("picture", {"method": "fast", "steps": 3}, OptionError, "steps is for --method optimize"),
    ],
)
def test_what_optimizing_cannot_do_is_said(
    make: Make, clip: Path, style_file: Path, style: Any, options: dict[str, Any], error: Any, said: str
) -> None:
    given = {"method": "optimize", **options}
    with pytest.raises(error, match=said):
        make(clip, style_file if style == "picture" else style, output=clip.with_name("out.mp4"), **given)
    assert not clip.with_name("out.mp4").exists()


@pytest.mark.parametrize("output", ["a.gif", "frames/", "a.mov", "a.mkv"])
@pytest.mark.parametrize("source", ["gif", "frames"])
def test_transparency_is_kept_where_the_output_can(
    make: Make, output: str, source: str, tmp_path: Path, in_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk of full opacity; the color under transparency is not painted."""
    y, x = np.mgrid[:48, :64]
    inside = (y - 24) ** 2 + (x - 32) ** 2 < 200
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[inside] = (200, 120, 40, 255)
    pictures = [Image.fromarray(np.roll(picture, 2 * step, axis=1)) for step in range(4)]
    content = tmp_path / ("in.gif" if source == "gif" else "in")
    if source == "gif":
        pictures[0].save(content, save_all=True, append_images=pictures[1:], duration=100, disposal=2)
    else:
        content.mkdir()
        for step, each in enumerate(pictures):
            each.save(content / f"{step}.png")
    codec = {"a.mov": "prores", "a.mkv": "ffv1"}.get(output)
    result = make(content, output=output, **({"codec": codec} if codec else {}))
    if result.is_dir():
        found = [np.asarray(Image.open(path)) for path in sorted(result.iterdir())]
    else:
        with av.open(str(result)) as container:
            found = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(found) == 4
    for step, frame in enumerate(found):
        expected = np.roll(inside, 2 * step, axis=1)
        assert ((frame[..., 3] > 127) == expected).mean() > 0.99
        assert frame[expected][:, :3].mean() > 40  # not the black under the rest
    assert not [line for line in caplog.messages if "transparency is lost" in line]


def test_lost_transparency_is_reported(make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for step in range(2):
        Image.new("RGBA", (64, 48), (200, 120, 40, 90)).save(folder / f"{step}.png")
    make(folder, output=tmp_path / "a.mp4")
    assert sum("its transparency is lost" in line for line in caplog.messages) == 1


def test_a_named_pipe_is_refused_and_does_not_block(make: Make, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe: is not a file"):
        make(pipe, output=tmp_path / "a.mp4")
    with pytest.raises(InputError, match="pipe: is not a"):
        restyle.image(tmp_path / "none.jpg", pipe)
    with pytest.raises(InputError, match="pipe: is not a"):
        Style.load(pipe)
    named = tmp_path / "pipe.restyle"
    os.mkfifo(named)
    with pytest.raises(InputError, match="is not a file"):
        Arbitrary(str(named))
