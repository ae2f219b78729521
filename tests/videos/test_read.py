"""Videos as people have them: turned, deep, with odd stamps, and broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from restyle.errors import InputError
from restyle.videos.info import ColorTags, Turn, VideoFrame
from restyle.videos.read import VideoReader
from tests.made_clips import even_stamps, make_clip, moving, stamps_of, uneven_stamps

TURNS = [Turn(quarters, mirrored) for quarters in range(4) for mirrored in (False, True)]


def read(path: Path) -> tuple[list[VideoFrame], list[str]]:
    said: list[str] = []
    with VideoReader(path, said.append) as reader:
        return [item for item in reader.items() if isinstance(item, VideoFrame)], said


def psnr(a: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], b: object) -> float:
    error = float(np.mean((a.astype(float) - np.asarray(b, float)) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("turn", TURNS)
def test_turned_clips_come_upright(tmp_path: Path, turn: Turn) -> None:
    upright = moving(2)
    stored = [turn.stored(frame) for frame in upright]
    path = make_clip(tmp_path / "clip.mp4", stored, turn=(turn.quarters, turn.mirrored))
    with VideoReader(path) as reader:
        assert reader.info.turn == turn
        assert reader.info.size == (48, 64)
        first = next(item for item in reader.items() if isinstance(item, VideoFrame))
    assert first.pixels is not None
    assert psnr(upright[0], first.pixels) > 24  # chroma is halved


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_very_short_clips_lose_no_frame(tmp_path: Path, count: int) -> None:
    """Their frames leave the decoder all at once, at the end of the file."""
    clip = make_clip(tmp_path / "short.mp4", moving(count))
    with VideoReader(clip) as reader:
        assert sum(isinstance(item, VideoFrame) for item in reader.items()) == count


@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3", "preset": "fast"}])
def test_stamps_and_durations_of_a_variable_rate(tmp_path: Path, options: dict[str, str]) -> None:
    stamps = uneven_stamps(14)
    path = make_clip(tmp_path / "clip.mp4", moving(14), stamps, options=options, last=900)
    frames, said = read(path)
    assert [frame.pts for frame in frames] == stamps
    assert [frame.duration for frame in frames][:-1] == np.diff(stamps).tolist()
    assert said == []


def test_what_a_file_says_of_its_picture(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "clip.mkv",
        [frame.astype(np.uint16) << 8 for frame in moving(3)],
        pix_fmt="yuv422p10le",
        aspect=Fraction(4, 3),
        colors=(1, 9, 16, 9),
        metadata={"title": "A title"},
    )
    with VideoReader(path) as reader:
        info = reader.info
        frame = next(item for item in reader.items() if isinstance(item, VideoFrame))
    assert (info.depth, info.chroma, info.aspect) == (10, "422", Fraction(4, 3))
    assert info.colors == ColorTags(1, 9, 16, 9)
    assert info.metadata["title"] == "A title"
    assert frame.pixels is not None
    assert frame.pixels.dtype == np.uint16


@pytest.mark.parametrize("colors", [(1, 1, 1, 1), (2, 1, 1, 1), (1, 6, 6, 6), (2, 6, 6, 6)])
def test_range_and_matrix_are_understood(tmp_path: Path, colors: tuple[int, int, int, int]) -> None:
    plain = np.full((48, 64, 3), (200, 60, 30), np.uint8)
    path = make_clip(tmp_path / "clip.mp4", [plain, plain], colors=colors, options={"crf": "1"})
    frames, _ = read(path)
    assert frames[0].pixels is not None
    assert np.abs(frames[0].pixels[20, 20].astype(int) - (200, 60, 30)).max() <= 3


def test_broadcast_files_start_at_0(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.ts", moving(5), [20000 + stamp for stamp in even_stamps(5)])
    with VideoReader(path) as reader:
        items = list(reader.items())
        base = reader.info.time_base
    first = next(item for item in items if isinstance(item, VideoFrame))
    assert stamps_of(path)[0][0] > 1
    assert float(first.pts * base) < 0.1


def test_packets_of_other_streams_come_between(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", moving(20), even_stamps(20), sound="aac", subtitles=True)
    with VideoReader(path) as reader:
        kinds = [each.type for each in reader.others]
        items = ["video" if isinstance(item, VideoFrame) else item.stream.type for item in reader.items()]
    assert kinds == ["audio", "subtitle"]
    assert items.count("video") == 20
    assert items.count("audio") > 30
    assert items.count("subtitle") == 2


def damaged(path: Path, start: int, count: int) -> Path:
    content = bytearray(path.read_bytes())
    begin = content.find(b"mdat") + start
    content[begin : begin + count] = np.random.default_rng(0).integers(0, 256, count, np.uint8).tobytes()
    path.write_bytes(content)
    return path


def test_a_broken_frame_is_told_and_the_length_kept(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(30), options={"g": "10"})
    with av.open(str(path)) as container:
        bad = [packet for packet in container.demux(video=0) if packet.size][14]
        assert bad.pos is not None
        start, size = bad.pos, bad.size
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size  # not even the lengths of its parts make sense
    path.write_bytes(content)
    frames, said = read(path)
    assert [frame.pts for frame in frames] == even_stamps(30)
    assert [index for index, frame in enumerate(frames) if frame.pixels is None] == [14]
    assert said[0] == f"{path}: 1 damaged frame; the one before stands in"


def test_a_file_that_breaks_off_is_told(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.mkv", moving(60))
    fast = tmp_path / "fast.mp4"  # with its index in front
    with (
        av.open(str(whole)) as source,
        av.open(str(fast), "w", container_options={"movflags": "+faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = fast.read_bytes()
    fast.write_bytes(content[: len(content) * 2 // 3])
    frames, said = read(fast)
    assert 10 < len(frames) < 60
    assert f"breaks off after {len(frames)} of 60 frames" in said[-1]


def test_what_is_no_video_is_said_in_one_line(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", moving(5), sound="aac")
    (tmp_path / "text.mp4").write_text("not a film at all\n" * 40)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:2000])
    av_image = moving(1)[0]
    from PIL import Image

    Image.fromarray(av_image).save(tmp_path / "photo.jpg")
    with av.open(str(clip)) as source, av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    for name, said in {
        "missing.mp4": "there is no such file",
        "text.mp4": "not a video that restyle can read",
        "empty.mp4": "is empty",
        "cut.mp4": "cut short",
        "photo.jpg": "is a still picture; use restyle image",
        "sound.m4a": "has only sound",
        ".": "is not a file",
    }.items():
        with pytest.raises(InputError, match=said) as caught:
            VideoReader(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_file_without_a_frame_that_decodes(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(3))
    size = path.read_bytes().find(b"moov") - path.read_bytes().find(b"mdat") - 8
    with pytest.raises(InputError, match="holds no frame that can be decoded"):
        VideoReader(damaged(path, 4, size))
