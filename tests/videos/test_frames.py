"""GIFs and folders of pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OutputError
from restyle.videos.formats import VideoFrame, VideoInfo
from restyle.videos.frames import FolderReader, FolderWriter, GifWriter, WebPReader, is_animated_webp
from restyle.videos.read import VideoReader
from tests.made_clips import moving, stamps_of


def test_a_gif_keeps_stamps_and_looks(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = moving(6)
    writer = GifWriter(path, VideoInfo((48, 64), Fraction(1, 1000), None, None), (48, 64))
    for frame, stamp in zip(frames, (0, 40, 120, 150, 200, 290), strict=True):
        writer.write(VideoFrame(frame, stamp, 70))
    writer.close()
    assert [start for start, _ in stamps_of(path)] == [Fraction(n, 100) for n in (0, 4, 12, 15, 20, 29)]
    with VideoReader(path) as reader:
        read = [item.pixels for item in reader.items()]
    assert len(read) == 6
    assert max(float(np.abs(a.astype(float) - b).mean()) for a, b in zip(frames, read, strict=True)) < 12


def test_a_still_scene_lies_still_in_a_gif(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    writer = GifWriter(path, VideoInfo((48, 64), Fraction(1, 25), None, None), (48, 64))
    for index in range(4):
        writer.write(VideoFrame(moving(1)[0], index, 1))
    writer.close()
    with VideoReader(path) as reader:
        read = [np.asarray(item.pixels) for item in reader.items()]
    assert len(read) == 4
    assert all(np.array_equal(each, read[0]) for each in read)


def test_frames_out_and_in_are_the_same(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path / "frames")
    frames = moving(3)
    for index, frame in enumerate(frames):
        writer.write(VideoFrame(frame, index, 1))
    assert not (tmp_path / "frames").exists()
    writer.close()
    writer.move(tmp_path / "frames")
    assert sorted(each.name for each in (tmp_path / "frames").iterdir()) == [
        "00001.png",
        "00002.png",
        "00003.png",
    ]
    reader = FolderReader(tmp_path / "frames", 12.5)
    assert reader.info.rate == Fraction(25, 2)
    assert reader.info.frames == 3
    for frame, item in zip(frames, reader.items(), strict=True):
        assert np.array_equal(item.pixels, frame)  # type: ignore[arg-type]


def test_deep_frames_stay_deep(tmp_path: Path) -> None:
    frame = np.linspace(0, 65535, 20 * 24 * 3).reshape(20, 24, 3).astype(np.uint16)
    writer = FolderWriter(tmp_path / "frames")
    writer.write(VideoFrame(frame, 0, 1))
    writer.move(tmp_path / "frames")
    reader = FolderReader(tmp_path / "frames", 25)
    assert reader.info.depth == 16
    assert np.array_equal(next(reader.items()).pixels, frame)  # type: ignore[arg-type]


def test_frames_of_different_sizes_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (32, 20)).save(tmp_path / "1.png")
    Image.new("RGB", (30, 20)).save(tmp_path / "2.png")
    with pytest.raises(InputError, match="is 30x20, but the first frame is 32x20"):
        list(FolderReader(tmp_path, 25).items())


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        FolderReader(tmp_path, 25)


def test_a_folder_with_files_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="it holds files; give a new folder"):
        FolderWriter(tmp_path)


def test_what_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path / "frames")
    writer.write(VideoFrame(moving(1)[0], 0, 1))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_frames_are_read_in_natural_order(tmp_path: Path) -> None:
    for index in (1, 2, 10, 11, 100):
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(tmp_path / f"frame_{index}.png")
    found = [item.pixels for item in FolderReader(tmp_path, 25).items()]
    assert [int(pixels[0, 0, 0]) for pixels in found if pixels is not None] == [1, 2, 10, 11, 100]


def test_animated_webp_keeps_frames_and_times(tmp_path: Path) -> None:
    frames = [Image.fromarray(frame) for frame in moving(4)]
    path = tmp_path / "in.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 50, 200, 100], lossless=True)
    frames[0].save(tmp_path / "still.webp")
    assert is_animated_webp(path)
    assert not is_animated_webp(tmp_path / "still.webp")
    said: list[str] = []
    reader = WebPReader(path, said.append, 10_000)
    items = list(reader.items())
    reader.close()
    assert [(item.pts, item.duration) for item in items] == [(0, 100), (100, 50), (150, 200), (350, 100)]
    for item, frame in zip(items, moving(4), strict=True):
        assert item.pixels is not None
        assert np.array_equal(item.pixels, frame)
    assert said == []
    with pytest.raises(InputError, match="64x48 have more than 3,000 pixels"):
        WebPReader(path, said.append, 3000)
