"""A new sound beside a copied picture; beside a painted one: test_video_files and tests/film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from restyle.errors import OutputError
from restyle.sounds.files import SoundReader
from restyle.videos.audio_track import NewSound, codec_for, copy_with_sound
from tests.made_clips import RATE, make_clip, moving, packets_of, stamps_of, uneven_stamps

SAMPLES = 60000


def chirps() -> NDArray[np.float32]:
    """A sound whose every moment is like no other [shape=(SAMPLES, 1), float32]."""
    t = np.arange(SAMPLES) / RATE
    return (0.3 * np.sin(2 * np.pi * (300 + 800 * t) * t)).astype(np.float32)[:, None]


def blocks(y: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    yield from (y[start : start + 7000] for start in range(0, len(y), 7000))


def offset_of(path: Path, y: NDArray[np.float32]) -> tuple[int, int]:
    """Samples in a file's sound, and at which of the file's clock `y` begins in it."""
    with SoundReader(path) as reader:
        made = np.concatenate(list(reader.blocks(1 << 16)))[:, 0]
        start = round(reader.start * reader.info.sr)
    size = len(made) + len(y)
    product = np.fft.irfft(np.fft.rfft(made, size) * np.conj(np.fft.rfft(y[:, 0], size)), size)
    lag = int(product.argmax())
    return len(made), start + (lag if lag < len(made) else lag - size)


@pytest.mark.parametrize(
    ("before", "after", "codec"),
    [
        (".mp4", ".mp4", "aac"),
        (".mp4", ".mkv", "aac"),
        (".mkv", ".mkv", "flac"),
        (".mov", ".mov", "pcm_s16le"),
    ],
)
@pytest.mark.parametrize("start", [0.0, 0.25])
def test_picture_is_copied_and_the_sound_in_step(
    before: str, after: str, codec: str, start: float, tmp_path: Path
) -> None:
    content = make_clip(tmp_path / f"in{before}", moving(20), uneven_stamps(20), sound=codec, turn=(1, False))
    made = tmp_path / f"out{after}"
    y = chirps()
    copy_with_sound(content, made, NewSound(blocks(y), RATE, start), pytest.fail)
    assert packets_of(made, "video") == packets_of(content, "video")
    tolerance = 0.002 if after == ".mkv" else 1e-9  # Matroska counts milliseconds
    for made_stamp, stamp in zip(stamps_of(made), stamps_of(content), strict=True):
        assert float(made_stamp[0]) == pytest.approx(float(stamp[0]), abs=tolerance)
    length, at = offset_of(made, y)
    # Matroska does not say how much of the last frame of AAC is filling; in MP4 a late run-up counts.
    assert 0 <= length - SAMPLES <= (1024 if codec == "aac" and (after == ".mkv" or start) else 0)
    assert at == pytest.approx(start * RATE, abs=0 if after != ".mkv" else 60)
    with av.open(str(made)) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == codec
        assert sound.metadata.get("language") == "fra"
        frame = next(container.decode(video=0))
        assert frame.rotation == next(av.open(str(content)).decode(video=0)).rotation


def test_subtitles_stay_and_what_does_not_fit_is_told(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "in.mkv", moving(8), sound="aac", subtitles=True)
    copy_with_sound(content, tmp_path / "out.mkv", NewSound(blocks(chirps()), RATE), pytest.fail)
    assert packets_of(tmp_path / "out.mkv", "subtitles") == packets_of(content, "subtitles")
    said: list[str] = []
    copy_with_sound(content, tmp_path / "out.mp4", NewSound(blocks(chirps()), RATE), said.append)
    assert said == ["'.mp4' cannot hold srt subtitle; it is left out"]
    with pytest.raises(OutputError, match="cannot hold h264 video"):
        copy_with_sound(content, tmp_path / "out.webm", NewSound(blocks(chirps()), RATE), said.append)


def test_only_the_first_of_several_sounds_is_replaced(tmp_path: Path) -> None:
    one, other = (make_clip(tmp_path / f"{n}.mkv", moving(8), sound=n) for n in ("flac", "aac"))
    both = tmp_path / "both.mkv"
    with av.open(str(one)) as first, av.open(str(other)) as second, av.open(str(both), "w") as target:
        streams = [*first.streams, second.streams.audio[0]]
        copies = [target.add_stream_from_template(stream) for stream in streams]
        for source, pairs in ((first, copies[:2]), (second, [None, copies[2]])):
            for packet in source.demux():
                copied = pairs[packet.stream.index]
                if packet.size and copied is not None:
                    packet.stream = copied
                    target.mux(packet)
    copy_with_sound(both, tmp_path / "out.mkv", NewSound(blocks(chirps()), RATE), pytest.fail)
    with av.open(str(tmp_path / "out.mkv")) as container:
        names = [stream.codec_context.name for stream in container.streams.audio]
        assert sorted(names) == ["aac", "flac"]
        kept = next(stream for stream in container.streams.audio if stream.codec_context.name == "aac")
        data = [bytes(packet) for packet in container.demux(kept) if packet.size]
    assert data == packets_of(other, "audio")


def test_a_format_that_the_container_lacks_gives_way(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(4), sound="flac")
    with av.open(str(source)) as container, av.open(str(tmp_path / "a.webm"), "w", format="webm") as target:
        assert codec_for(container.streams.audio[0], target) == "libopus"
    with av.open(str(source)) as container, av.open(str(tmp_path / "a.mkv"), "w") as target:
        assert codec_for(container.streams.audio[0], target) == "flac"
