"""What is written is what was read: stamps, streams, colors, orientation."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from restyle.errors import OptionError, OutputError
from restyle.videos.formats import ENCODERS, VideoFrame, VideoInfo, check_format, copied_metadata
from restyle.videos.read import VideoReader
from restyle.videos.write import VideoWriter
from tests.made_clips import frames_of, make_clip, moving, packets_of, stamps_of, uneven_stamps


def copied(source: Path, target: Path, codec: str = "h264", quality: int | None = None) -> list[str]:
    """Write every frame as it is."""
    said: list[str] = []
    with VideoReader(source, said.append) as reader:
        writer = VideoWriter(target, reader.info, reader.info.size, codec, quality, reader, said.append)
        for item in reader.items():
            if isinstance(item, VideoFrame):
                writer.write(item)
            else:
                writer.copy(item)
        writer.close()
    return said


def described(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        frame = next(container.decode(stream))
        assert isinstance(frame, av.VideoFrame)
        return {
            "size": (frame.height, frame.width),
            "range": context.color_range,
            "matrix": context.colorspace,
            "transfer": context.color_trc,
            "primaries": context.color_primaries,
            "aspect": stream.sample_aspect_ratio or Fraction(1),
            "rotation": frame.rotation,
            "form": frame.format.name,
        }


@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3", "preset": "fast"}])
def test_mp4_keeps_everything(tmp_path: Path, options: dict[str, str]) -> None:
    source = make_clip(
        tmp_path / "in.mp4",
        moving(25),
        uneven_stamps(25),
        sound="aac",
        subtitles=True,
        turn=(1, False),
        aspect=Fraction(4, 3),
        colors=(2, 6, 6, 6),
        metadata={"title": "A title", "artist": "Somebody"},
        last=900,
        options=options,
    )
    target = tmp_path / "out.mp4"
    assert copied(source, target) == []
    assert [start for start, _ in stamps_of(target)] == [start for start, _ in stamps_of(source)]
    assert described(target) == described(source)
    assert packets_of(target, "audio") == packets_of(source, "audio")
    assert packets_of(target, "subtitles") == packets_of(source, "subtitles")
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert after.streams.video[0].duration == before.streams.video[0].duration
        assert after.streams.video[0].frames == 25
        assert after.streams.audio[0].metadata["language"] == "fra"
        assert after.metadata["title"] == "A title"
        assert after.metadata["artist"] == "Somebody"
    assert not list(tmp_path.glob(".*"))


def test_matroska_keeps_stamps_to_its_millisecond_and_does_not_shift_for_sound(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", moving(12), uneven_stamps(12), sound="aac")
    target = tmp_path / "out.mkv"
    copied(source, target)
    for (before, _), (after, _) in zip(stamps_of(source), stamps_of(target), strict=True):
        assert abs(before - after) <= Fraction(1, 2000)
    assert packets_of(target, "audio") == packets_of(source, "audio")


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    frame = np.broadcast_to(ramp[None, :, None], (48, 64, 3))
    source = make_clip(
        tmp_path / "in.mkv", [frame] * 4, pix_fmt="yuv420p10le", colors=(1, 9, 16, 9), subtitles=True
    )
    target = tmp_path / "out.mkv"
    copied(source, target, quality=95)
    assert described(target) == described(source)
    assert packets_of(target, "subtitles") == packets_of(source, "subtitles")


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mkv"),
        ("h265", ".mp4"),
        ("vp9", ".webm"),
        ("av1", ".mp4"),
        ("prores", ".mov"),
        ("ffv1", ".mkv"),
    ],
)
def test_every_codec_keeps_picture_and_stamps(tmp_path: Path, codec: str, suffix: str) -> None:
    frames = moving(5, (64, 96))
    source = make_clip(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="bgr0")
    target = tmp_path / f"out{suffix}"
    assert copied(source, target, codec) == []
    assert stamps_of(target) == stamps_of(source)
    error = np.mean([(a.astype(float) - b) ** 2 for a, b in zip(frames, frames_of(target), strict=True)])
    assert error == 0 if codec == "ffv1" else error < 60


def test_sound_that_webm_cannot_hold_is_encoded_again_in_step(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", moving(25), sound="aac", subtitles=True)
    target = tmp_path / "out.webm"
    said = copied(source, target, "vp9")
    assert said == [
        "'.webm' cannot hold aac audio; it is converted to opus",
        "'.webm' cannot hold mov_text subtitles; left out",
    ]
    with av.open(str(target)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
        rate = container.streams.audio[0].rate
    assert abs(sound.shape[1] / rate - 1.0) < 0.05
    middle = sound[0, rate // 4 : rate // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
    assert abs(int(spectrum.argmax()) * rate / middle.size - 440) < 8


def test_sound_that_mov_refuses_only_when_asked_is_encoded_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(5), sound="libopus")
    said = copied(source, tmp_path / "out.mov", "prores")
    assert said == ["'.mov' cannot hold opus audio; it is converted to aac"]


def test_odd_sides_are_cut_with_a_word_or_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(3, (49, 63)), codec="ffv1", pix_fmt="bgr0")
    said = copied(source, tmp_path / "out.mp4")
    assert said == ["libx264 needs even sides: 63x49 is cut to 62x48 (--codec vp9 or ffv1 keeps odd ones)"]
    assert described(tmp_path / "out.mp4")["size"] == (48, 62)
    assert copied(source, tmp_path / "out.webm", "vp9") == []
    assert described(tmp_path / "out.webm")["size"] == (49, 63)


def test_quality_is_quality(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = make_clip(
        tmp_path / "in.mkv",
        [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(3)],
        codec="ffv1",
        pix_fmt="bgr0",
    )
    sizes = []
    for quality in (20, 64, 95):
        copied(source, tmp_path / f"{quality}.mp4", quality=quality)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("name", "codec", "quality", "said"),
    [
        ("a.avi", None, None, "cannot write '.avi' videos; use one of .mp4"),
        ("a", None, None, "has no suffix"),
        ("a.mp4", "ffv1", None, "'.mp4' cannot hold codec ffv1; use one of .mkv"),
        ("a.webm", "h264", None, "'.webm' cannot hold codec h264"),
        ("a.mkv", "ffv1", 50, "codec ffv1 has no quality setting"),
        ("a.gif", "h264", None, "a GIF has no codec or quality"),
    ],
)
def test_what_cannot_be_written_is_said(name: str, codec: str | None, quality: int | None, said: str) -> None:
    with pytest.raises((OptionError, OutputError), match=said):
        check_format(name, codec, quality)


def test_usual_codecs() -> None:
    assert [check_format(name, None, None) for name in ("a.MP4", "a.mkv", "a.webm")] == [
        "h264",
        "h264",
        "vp9",
    ]
    assert all(check_format(f"a{each.suffixes[0]}", name, None) == name for name, each in ENCODERS.items())


def test_encoders_leave_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SVT_LOG", raising=False)
    info = VideoInfo((64, 64), Fraction(1, 25), Fraction(25), None)
    writer = VideoWriter(tmp_path / "out.mkv", info, (64, 64), "av1")
    writer.write(VideoFrame(np.zeros((64, 64, 3), np.uint8), 0, 1))
    writer.close()
    assert "SVT_LOG" not in os.environ


def test_metadata_of_the_source_file_itself_is_not_copied() -> None:
    given = {"title": "A", "major_brand": "isom", "HANDLER_NAME": "x"}
    assert copied_metadata(given) == {"title": "A"}


_ENCODE = """
import hashlib
from fractions import Fraction
from pathlib import Path
import numpy as np
from restyle.videos.formats import VideoFrame, VideoInfo
from restyle.videos.write import VideoWriter
from tests.made_clips import packets_of

rng = np.random.default_rng(0)
blocks = rng.integers(0, 256, (6, 8, 3)).repeat(8, 0).repeat(8, 1)
info = VideoInfo((48, 64), Fraction(1, 25), Fraction(25), None)
writer = VideoWriter(Path("out.mkv"), info, info.size, "h264")
for index in range(60):
    pixels = np.roll(blocks, (index, 2 * index), (0, 1)) + rng.integers(-9, 9, blocks.shape)
    writer.write(VideoFrame(pixels.clip(0, 255).astype(np.uint8), index, 1))
writer.close()
print(hashlib.sha256(b"".join(packets_of(Path("out.mkv"), "video"))).hexdigest())
"""


@pytest.mark.slow
def test_h264_does_not_depend_on_uninitialized_memory(tmp_path: Path) -> None:
    """glibc fills new memory with the byte of MALLOC_PERTURB_ (docs/lab/video-reproducibility.md)."""
    root = Path(__file__).parents[2]
    results = set()
    for byte in ("1", "85", "170", "255"):
        environment = {**os.environ, "MALLOC_PERTURB_": byte, "PYTHONPATH": f"{root / 'src'}:{root}"}
        command = [sys.executable, "-c", _ENCODE]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        results.add(done.stdout)
    assert len(results) == 1


def test_h264_is_written_in_420_for_all_players(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", moving(3), pix_fmt="yuv444p")
    (line,) = copied(source, tmp_path / "out.mp4")
    assert line.startswith("the color resolution of 4:4:4 becomes 4:2:0")
    assert described(tmp_path / "out.mp4")["form"] == "yuv420p"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chapters_are_kept_and_lost_streams_are_reported(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(25))
    full = tmp_path / f"full{suffix}"
    chapters: list[Any] = [
        {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
        {"id": 2, "start": 400, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "Two"}},
    ]
    with av.open(str(source)) as one, av.open(str(source)) as other, av.open(str(full), "w") as target:
        target.set_chapters(chapters)
        pairs = [(each, target.add_stream_from_template(each.streams.video[0])) for each in (one, other)]
        for container, stream in pairs:
            for packet in container.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    assert copied(full, tmp_path / f"out{suffix}") == ["streams that are left out: 1 video"]
    with av.open(str(tmp_path / f"out{suffix}")) as written:
        found = [
            (each["metadata"]["title"], each["start"] * (each["time_base"] or 0))
            for each in written.chapters()
        ]
    assert found == [("One", 0), ("Two", Fraction(2, 5))]
