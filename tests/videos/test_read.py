"""Videos as people have them: turned, deep, with odd stamps, and broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.videos.formats import ColorTags, Turn, VideoFrame
from restyle.videos.read import VideoReader
from tests.made_clips import even_stamps, frames_of, make_clip, moving, stamps_of, uneven_stamps

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


def test_frames_in_rgb_have_their_full_color_resolution(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "rgb.mkv"), "w") as container:
        stream: Any = container.add_stream("libx264rgb", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for frame in (av.VideoFrame.from_ndarray(moving(1)[0], "rgb24"), None):
            container.mux(stream.encode(frame))
    with VideoReader(tmp_path / "rgb.mkv") as reader:
        assert reader.info.chroma == "444"


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
        kinds = [each.type for each in reader.other_streams]
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
    assert said[0] == f"{path}: 1 damaged frame is replaced by the previous one"


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
    assert f"is truncated after {len(frames)} of 60 frames" in said[-1]


def test_what_is_no_video_is_said_in_one_line(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", moving(5), sound="aac")
    (tmp_path / "text.mp4").write_text("not a video at all\n" * 40)
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
        "cut.mp4": "a truncated one",
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


def test_joined_broadcast_files_play_one_after_the_other(tmp_path: Path) -> None:
    """The clock of the second part starts again; frames and sound follow the first part, in sync."""
    part = make_clip(tmp_path / "part.ts", moving(10), sound="mp2").read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part + part)
    with VideoReader(joined) as reader:
        items = list(reader.items())
        base = float(reader.info.time_base)
    frames = [item.pts * base for item in items if isinstance(item, VideoFrame)]
    sound = [float(item.dts * item.time_base) for item in items if not isinstance(item, VideoFrame)]
    assert len(frames) == 20
    assert frames == sorted(set(frames))
    assert sound == sorted(set(sound))
    assert frames[-1] - frames[0] == pytest.approx(0.76, abs=0.1)
    assert sound[-1] == pytest.approx(frames[-1], abs=0.15)


def test_an_edit_list_is_not_damage(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", moving(25))
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(source)) as before, av.open(str(trimmed), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - 10 * 512, packet.dts - 10 * 512, stream
                after.mux(packet)
    frames, said = read(trimmed)
    assert len(frames) == 15
    assert said == []


def combed(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Frames whose even rows are half a frame ahead of the odd ones."""
    times = moving(2 * count, (96, 128))
    frames = []
    for index in range(count):
        frame = times[2 * index].copy()
        frame[1::2] = times[2 * index + 1][1::2]
        frames.append(frame)
    return frames


def combing(pixels: object) -> float:
    rows = np.asarray(pixels, np.float64)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_interlaced_videos_are_deinterlaced(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", combed(12), options={"x264-params": "tff=1", "crf": "1"})
    frames, said = read(path)
    assert said == [f"{path}: is interlaced; the result is deinterlaced"]
    assert [frame.pts for frame in frames] == even_stamps(12)
    raw = combing(frames_of(path)[5])
    assert combing(frames[5].pixels) < 0.7 * raw


def test_hidden_colors_of_transparent_frames_do_not_appear(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 4), np.uint8)
    red[..., 0], red[:24, :, 3] = 200, 255
    still = Image.fromarray(red)
    other = Image.fromarray(np.roll(red, 4, axis=0))
    still.save(tmp_path / "in.webp", lossless=True, exact=True)
    still.save(tmp_path / "in.gif", save_all=True, append_images=[other], duration=100, disposal=2)
    frames, said = read(tmp_path / "in.gif")
    assert "its transparency is lost" in said[0]
    assert frames[0].pixels is not None
    assert frames[0].pixels[10, 10, 0] > 150
    assert frames[0].pixels[40, 10].max() == 0


def test_a_name_is_never_a_url(tmp_path: Path) -> None:
    (tmp_path / "http:").mkdir()
    for name in ("Meeting: notes.mp4", "http:/clip.mp4", "100%d.mp4", "pipe:0"):
        path = make_clip(tmp_path / "clip.mp4", moving(2)).rename(tmp_path / name)
        assert len(read(path)[0]) == 2


def test_a_playlist_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "secret.mp4", moving(2))
    for text in (
        "ffconcat version 1.0\nfile secret.mp4\n",
        "#EXTM3U\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    ):
        (tmp_path / "list.mp4").write_text(text)
        with pytest.raises(InputError, match="not a video"):
            VideoReader(tmp_path / "list.mp4")


def test_huge_frames_are_refused_before_decoding(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(2))
    with pytest.raises(InputError, match="64x48 have more than 3,000 pixels"):
        VideoReader(path, max_pixels=3000)


def test_lost_hdr_metadata_is_reported(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    path = make_clip(
        tmp_path / "clip.mkv",
        [frame.astype(np.uint16) << 8 for frame in moving(3)],
        codec="libx265",
        pix_fmt="yuv420p10le",
        colors=(1, 9, 16, 9),
        options={"x265-params": f"log-level=none:hdr10=1:master-display={display}:max-cll=1000,400"},
    )
    assert read(path)[1] == [f"{path}: its HDR metadata (mastering display, light level) is lost"]


@pytest.mark.parametrize(
    "form",
    [
        {"codec": "ffv1", "pix_fmt": "bgr0"},
        {"codec": "libx264", "options": {"preset": "medium", "bf": "3", "g": "100"}},  # B-frames
    ],
    ids=["ffv1", "h264"],
)
def test_a_pause_of_days_is_left_out_and_reported(tmp_path: Path, form: dict[str, Any]) -> None:
    """MP4 could not hold it, which FFmpeg says only at the end."""
    stamps = [0, 40, 80, 10**9, 10**9 + 40, 10**9 + 80, 2 * 10**9]
    form = {**form, "time_base": Fraction(1, 1000)}
    clip = make_clip(tmp_path / "a.mkv", moving(7), stamps, last=40, **form)
    frames, said = read(clip)
    assert len(frames) == 7
    assert [each.pts for each in frames] == sorted({each.pts for each in frames})
    assert frames[-1].pts + frames[-1].duration < 2000
    assert said == [f"{clip}: pauses of 2,000,000 s are left out"]
    frames, said = read(make_clip(tmp_path / "b.mkv", moving(2), [0, 3_000_000], **form))
    assert ([each.pts for each in frames], said) == ([0, 3_000_000], [])
