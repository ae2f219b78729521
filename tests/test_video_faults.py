"""`restyle video` on what is broken or strange: one clear line each, and nothing unplayable left behind."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.made_clips import frames_of, make_clip, moving, packets_of, stamps_of

Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def run(tiny_model: Path, in_folder: Path) -> Run:
    """Run the real command in an empty folder: exit code, lines on output, lines on error."""

    def call(*arguments: object, before: str = "") -> tuple[int, list[str], list[str]]:
        code = f"{before}\nfrom restyle.cli import main\nmain()"
        given = [sys.executable, "-c", code, "video", *map(str, arguments)]
        given += ["-s", "great-wave", "--model", str(tiny_model), "--threads", "1"]
        done = subprocess.run(given, capture_output=True, text=True, cwd=in_folder)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return call


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def refused(run: Run, folder: Path, source: Path, said: str) -> None:
    before = left(folder)
    code, out, err = run(source, "-o", "out.mp4")
    assert (code, out, len(err)) == (1, [], 1), err
    assert said in err[0]
    assert err[0].startswith(f"restyle: {source}")
    assert left(folder) == before


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        samples = np.zeros((1, 1024), np.float32)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def unknown_codec(path: Path) -> Path:
    """A clip whose sample description names a codec that does not exist."""
    make_clip(path, moving(5))
    content = path.read_bytes()
    assert content.count(b"avc1") >= 1
    # In `ftyp` the same letters name a brand, which must stay.
    at = content.index(b"stsd")
    place = content.index(b"avc1", at)
    path.write_bytes(content[:place] + b"zzz9" + content[place + 4 :])
    return path


def test_audio_only(run: Run, in_folder: Path) -> None:
    refused(run, in_folder, sound_only(Path("a.m4a")), "has only sound, no moving picture")


def test_no_stream_at_all(run: Run, in_folder: Path) -> None:
    Path("a.mkv").write_bytes(b"\x1aE\xdf\xa3" + b"\0" * 400)
    refused(run, in_folder, Path("a.mkv"), "not a video")


def test_zero_length(run: Run, in_folder: Path) -> None:
    Path("a.mp4").touch()
    refused(run, in_folder, Path("a.mp4"), "is empty")


def test_no_frame_in_it(run: Run, in_folder: Path) -> None:
    with av.open("a.mkv", "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    code, out, err = run("a.mkv")
    assert (code, out, len(err)) == (1, [], 1)
    assert "a.mkv" in err[0]
    assert left(in_folder) == ["a.mkv"]


def test_unknown_codec(run: Run, in_folder: Path) -> None:
    refused(run, in_folder, unknown_codec(Path("a.mp4")), "codec")


def test_cut_before_its_index(run: Run, in_folder: Path) -> None:
    clip = make_clip(Path("a.mp4"), moving(30))
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    refused(run, in_folder, clip, "a truncated one")


@pytest.mark.slow
def test_truncated_gives_what_is_there_and_says_so(run: Run, in_folder: Path) -> None:
    clip = make_clip(Path("a.mkv"), moving(60), codec="ffv1", pix_fmt="bgr0")
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) * 6 // 10])
    code, out, err = run(clip, "-o", "out.mp4")
    assert (code, out, len(err)) == (0, ["out.mp4"], 1)
    assert "is truncated after" in err[0]
    assert 20 < len(stamps_of(Path("out.mp4"))) < 60
    fast = make_clip(Path("b.mp4"), moving(60), options={"g": "10"})
    # Its index comes first, as of files for the web.
    with av.open(str(fast)) as source, av.open("c.mp4", "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = Path("c.mp4").read_bytes()
    Path("c.mp4").write_bytes(content[: len(content) * 7 // 10])
    code, out, err = run("c.mp4", "-o", "out2.mp4")
    assert (code, out, len(err)) == (0, ["out2.mp4"], 1)
    assert "is truncated after" in err[0]
    assert "of 60 frames; so is the result" in err[0]


@pytest.mark.slow
def test_a_broken_frame_in_the_middle(run: Run, in_folder: Path) -> None:
    """It is said, its neighbors are what they would be, and the length stays."""
    clip = make_clip(Path("a.mp4"), moving(30), options={"g": "5"}, sound="aac")
    whole = run(clip, "-o", "whole.mkv", "--codec", "ffv1")
    assert whole[0] == 0
    with av.open(str(clip)) as container:
        bad = [packet for packet in container.demux(video=0) if packet.size][14]
        start, size = bad.pos or 0, bad.size
        assert bad.pts is not None
        base = container.streams.video[0].time_base
        assert base is not None
        index = round(float(bad.pts * base) * 25)
    content = bytearray(clip.read_bytes())
    content[start : start + size] = b"\xff" * size
    clip.write_bytes(content)
    code, out, err = run(clip, "-o", "out.mkv", "--codec", "ffv1")
    assert (code, out, len(err)) == (0, ["out.mkv"], 1)
    assert "1 damaged frame is replaced by the previous one" in err[0]
    mended, good = frames_of(Path("out.mkv")), frames_of(Path("whole.mkv"))
    assert len(mended) == len(good) == 30
    assert stamps_of(Path("out.mkv")) == stamps_of(Path("whole.mkv"))
    assert packets_of(Path("out.mkv"), "audio") == packets_of(Path("whole.mkv"), "audio")
    assert np.array_equal(mended[index], mended[index - 1])
    # Frames that do not depend on the damaged one are unchanged; the next key frame is 5 frames later.
    assert all(np.array_equal(mended[n], good[n]) for n in range(index - 4))
    # A frame that is painted in one run may be carried from its neighbors in the other.
    off = [float(np.abs(mended[n].astype(int) - good[n]).mean()) for n in range(index + 5, 30)]
    assert max(off) < 2


@pytest.mark.slow
def test_odd_sides(run: Run, in_folder: Path) -> None:
    clip = make_clip(Path("a.mkv"), moving(4, (45, 63)), codec="ffv1", pix_fmt="bgr0")
    code, out, err = run(clip, "-o", "out.mp4")
    assert (code, out, len(err)) == (0, ["out.mp4"], 1)
    assert "needs even sides: 63x45 is cut to 62x44" in err[0]
    assert frames_of(Path("out.mp4"))[0].shape == (44, 62, 3)
    assert run(clip, "-o", "out.webm") == (0, ["out.webm"], [])
    assert frames_of(Path("out.webm"))[0].shape == (45, 63, 3)


@pytest.mark.slow
def test_portrait(run: Run, in_folder: Path) -> None:
    """Stored lying, shown upright: the flag stays, and `--size` goes by what is seen."""
    clip = make_clip(Path("a.mp4"), moving(4, (48, 96)), turn=(1, False))
    assert run(clip, "-o", "out.mp4", "--size", "64") == (0, ["out.mp4"], [])
    with av.open("out.mp4") as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (64, 32)
        assert abs(frame.rotation) == 90  # type: ignore[attr-defined, unused-ignore]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs resource limits of POSIX")
@pytest.mark.parametrize("output", ["out.mp4", "out.webm", "frames/", "out.gif"])
def test_full_disk(run: Run, in_folder: Path, output: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 96, 128, 3), np.uint8)
    clip = make_clip(Path("a.mkv"), list(noise), codec="ffv1", pix_fmt="bgr0")
    limit = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))"
    )
    quality = [] if output in ("frames/", "out.gif") else ["--quality", "100"]
    code, out, err = run(clip, "-o", output, *quality, before=limit)
    assert (code, out, len(err)) == (1, [], 1), err
    assert "larger than this system allows" in err[0]
    assert left(in_folder) == ["a.mkv"]


def test_an_index_that_lies_about_its_size(run: Run, in_folder: Path) -> None:
    """A number of frames far beyond the file is not believed."""
    clip = make_clip(Path("a.mp4"), moving(6))
    content = bytearray(clip.read_bytes())
    at = content.index(b"stsz") + 12
    struct.pack_into(">I", content, at, 2_000_000_000)
    clip.write_bytes(content)
    code, out, err = run(clip, "-o", "out.mp4")
    assert code in (0, 1)
    assert len(err) <= 2
    assert all(line.startswith("restyle: ") for line in err)
    assert left(in_folder) == sorted(["a.mp4", *out])
