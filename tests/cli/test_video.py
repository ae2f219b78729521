"""`restyle video` and `restyle live` as people run them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from restyle.cli import main
from restyle.sounds.loudness import loudness
from restyle.sounds.read import load_sound
from restyle.videos.stages import SEGMENT
from tests.made_clips import make_clip, moving, packets_of, signalled, stamps_of

Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `restyle video` with the tiny model: exit code, lines on output, lines on error."""

    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        given = ["video", *map(str, arguments), "--model", str(tiny_model), "--threads", "1"]
        with pytest.raises(SystemExit) as leaving:
            main(given)
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(15), sound="aac")


def test_the_line_of_the_readme(run: Run, clip: Path, in_folder: Path) -> None:
    assert run(clip, "--style", "great-wave") == (0, ["clip-great-wave.mp4"], [])
    assert stamps_of(Path("clip-great-wave.mp4")) == stamps_of(clip)


def test_styles_over_time(run: Run, clip: Path, in_folder: Path) -> None:
    code, out, err = run(clip, "-s", "0:starry-night", "-s", "0.3:great-wave", "-o", "art.mkv")
    assert (code, out, err) == (0, ["art.mkv"], [])


def test_what_is_lost_is_said(run: Run, clip: Path, in_folder: Path) -> None:
    code, out, err = run(clip, "-s", "great-wave", "-o", "art.webm")
    assert (code, out) == (0, ["art.webm"])
    assert err == ["restyle: '.webm' cannot hold aac audio; it is converted to opus"]


def test_frames_into_a_folder(run: Run, clip: Path, in_folder: Path) -> None:
    assert run(clip, "-s", "great-wave", "-o", "frames/")[:2] == (0, ["frames"])
    assert len(list(Path("frames").glob("*.png"))) == 15


def test_a_bad_one_among_several_stops_none(run: Run, clip: Path, in_folder: Path) -> None:
    Path("text.mp4").write_text("no video\n" * 20)
    code, out, err = run("text.mp4", clip, "-s", "great-wave", "-o", "out/")
    assert code == 1
    assert out == ["out/clip-great-wave.mp4"]
    assert err[0] == "restyle: 1 of 2 videos failed:"
    assert "text.mp4: not a video" in err[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.mp4", "-s", "great-wave"], 1, "missing.mp4: there is no such file"),
        (["a.mp4", "b.mp4", "-s", "great-wave", "-o", "c.mp4"], 1, "cannot write several videos to 'c.mp4'"),
        (["a.mp4", "-s", "great-wave", "--codec", "divx"], 2, "codec 'divx' is none of"),
        (["a.mp4", "-s", "great-wave", "--steady", "very"], 2, "steady 'very' is none of"),
        (["a.mp4", "-s", "great-wive"], 1, "great-wave"),
    ],
)
def test_one_line_says_what_is_wrong(
    run: Run, in_folder: Path, arguments: list[str], code: int, said: str
) -> None:
    left, out, err = run(*arguments)
    assert (left, out, len(err)) == (code, [], 1)
    assert said in err[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stop_names_the_part_that_is_done(
    tmp_path: Path, tiny_model: Path, stop: signal.Signals, code: int
) -> None:
    """The stopped run, and then the one that goes on from it."""
    source = make_clip(tmp_path / "long.mkv", moving(20) * 9, codec="ffv1", pix_fmt="bgr0")
    given = ["video", str(source), "-s", "great-wave", "-o", "out.mp4"]
    given += ["--model", str(tiny_model), "--threads", "1"]
    command = [*signalled(stop, SEGMENT + 10), *given]
    stopped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert stopped.returncode == code
    said = stopped.stderr
    assert "frames are in out.partial.mp4; --resume continues from there" in said
    assert "Traceback" not in said
    assert 120 <= len(stamps_of(tmp_path / "out.partial.mp4")) < 180
    there = sorted(each.name for each in tmp_path.iterdir())
    assert there == [".out.mp4.parts", "long.mkv", "out.partial.mp4"]
    subprocess.run([sys.executable, "-m", "restyle", *given, "--resume"], cwd=tmp_path, check=True)
    assert stamps_of(tmp_path / "out.mp4") == stamps_of(source)
    there = sorted(each.name for each in tmp_path.iterdir())
    assert there == ["long.mkv", "out.mp4", "out.partial.mp4"]


@pytest.mark.slow
def test_a_style_of_the_sound_beside_one_of_the_picture(run: Run, clip: Path, in_folder: Path) -> None:
    assert run(clip, "-s", "great-wave", "--codec", "prores", "-o", "old.mov")[0] == 0
    sound = ("--audio-style", "rain", "--audio-strength", "0.9")
    both = run(clip, "-s", "great-wave", "--codec", "prores", *sound, "-o", "new.mov")
    assert both == (0, ["new.mov"], [])
    assert packets_of(Path("new.mov"), "video") == packets_of(Path("old.mov"), "video")
    assert packets_of(Path("new.mov"), "audio") != packets_of(clip, "audio")
    (y, sr), (was, _) = load_sound("new.mov"), load_sound(clip)
    assert len(y) == len(was)
    assert loudness(y, sr) == pytest.approx(loudness(was, sr), abs=1.0)
    code, _, err = run(clip, "-s", "great-wave", "--audio-style", "rain", "-o", "frames/")
    assert code == 2
    assert "has no sound for --audio-style" in err[0]


@pytest.mark.slow
def test_a_style_of_the_sound_alone_copies_the_picture(
    clip: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> int:
        with pytest.raises(SystemExit) as leaving:
            main(["video", *map(str, arguments)])
        return int(leaving.value.code or 0)

    assert call(clip, "--audio-style", "bells") == 0
    assert capsys.readouterr().out == "clip-bells.mp4\n"
    assert packets_of(Path("clip-bells.mp4"), "video") == packets_of(clip, "video")
    assert packets_of(Path("clip-bells.mp4"), "audio") != packets_of(clip, "audio")
    assert call(clip, "--audio-style", "bells", "-o", "out/") == 0
    assert capsys.readouterr().out == "out/clip-bells.mp4\n"
    for arguments, said in (
        ((clip, "--audio-style", "bells"), "it exists"),
        ((clip, "--audio-style", "bels"), "did you mean 'bells'"),
        ((clip, "--audio-style", "bells", "--size", "32", "-o", "a.mp4"), "give --style too"),
        ((make_clip(Path("silent.mp4"), moving(3)), "--audio-style", "bells"), "silent.mp4: has no sound"),
    ):
        assert call(*arguments) in (1, 2)
        said_lines = capsys.readouterr().err.splitlines()
        assert len(said_lines) == 1
        assert said in said_lines[0]


@pytest.fixture
def run_live(tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        given = [
            "live",
            *map(str, arguments),
            "-s",
            "great-wave",
            "--model",
            str(tiny_model),
            "--threads",
            "1",
        ]
        with pytest.raises(SystemExit) as leaving:
            main(given)
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


@pytest.mark.slow
def test_a_file_played_as_a_camera(run_live: Run, tmp_path: Path, in_folder: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", moving(20))
    code, out, err = run_live(clip, "-o", "live.mp4", "--seconds", "30", "--mirror")
    assert (code, out, len(err)) == (0, ["live.mp4"], 1)
    assert re.match(r"restyle: \d+ frames shown in .* painted at 64x48; delay \d+ ms", err[0])
    assert stamps_of(Path("live.mp4"))


@pytest.mark.skipif(not Path("/proc").exists(), reason="elsewhere there may be a screen or a camera")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["77"], 1, "camera '77': there is no /dev/video77"),
        (["clip.mp4"], 1, "give --output FILE"),
        (["clip.mp4", "-o", "a.gif"], 1, "cannot write a GIF"),
        (["clip.mp4", "-o", "clip.mp4", "--overwrite"], 1, "it is the input"),
        (["clip.mp4", "-o", "a.mp4", "--delay", "1"], 2, "delay 1 is outside 20..5000"),
    ],
)
def test_one_line_says_what_is_wrong_with_a_camera(
    run_live: Run, in_folder: Path, arguments: list[str], code: int, said: str
) -> None:
    make_clip(Path("clip.mp4"), moving(3))
    left, out, err = run_live(*arguments)
    assert (left, out, len(err)) == (code, [], 1)
    assert said in err[0]
