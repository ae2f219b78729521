"""The audio of videos: restyled, copied, converted."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import restyle
from restyle.errors import InputError, OptionError, OutputError
from restyle.options import AudioOptions, VideoOptions
from restyle.sounds.loudness import loudness
from restyle.sounds.read import SoundReader, load_sound
from restyle.sounds.sources import parse_styles
from restyle.videos.api import VideoStylizer
from restyle.videos.audio import (
    ConvertedAudio,
    NewAudio,
    check_container,
    copy_with_audio,
    default_output,
    encoder_for,
    new_audio,
    restyle_audio,
)
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
    copy_with_audio(content, made, NewAudio(blocks(y), RATE, start), pytest.fail)
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
    copy_with_audio(content, tmp_path / "out.mkv", NewAudio(blocks(chirps()), RATE), pytest.fail)
    assert packets_of(tmp_path / "out.mkv", "subtitles") == packets_of(content, "subtitles")
    said: list[str] = []
    copy_with_audio(content, tmp_path / "out.mp4", NewAudio(blocks(chirps()), RATE), said.append)
    assert said == ["'.mp4' cannot hold srt subtitle; it is left out"]
    with pytest.raises(OutputError, match="cannot hold h264 video"):
        copy_with_audio(content, tmp_path / "out.webm", NewAudio(blocks(chirps()), RATE), said.append)


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
    copy_with_audio(both, tmp_path / "out.mkv", NewAudio(blocks(chirps()), RATE), pytest.fail)
    with av.open(str(tmp_path / "out.mkv")) as container:
        names = [stream.codec_context.name for stream in container.streams.audio]
        assert sorted(names) == ["aac", "flac"]
        kept = next(stream for stream in container.streams.audio if stream.codec_context.name == "aac")
        data = [bytes(packet) for packet in container.demux(kept) if packet.size]
    assert data == packets_of(other, "audio")


def test_a_format_that_the_container_lacks_gives_way(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(4), sound="flac")
    with av.open(str(source)) as container, av.open(str(tmp_path / "a.webm"), "w", format="webm") as target:
        assert encoder_for(container.streams.audio[0], target) == "libopus"
    with av.open(str(source)) as container, av.open(str(tmp_path / "a.mkv"), "w") as target:
        assert encoder_for(container.streams.audio[0], target) == "flac"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(30), sound="aac")


def dub(content: Path, style: str, output: Path | None = None, **options: Any) -> Path:
    styles, given = parse_styles(style), {"options": AudioOptions(), **options}
    return restyle_audio(content, styles, output or default_output(content, styles), **given)


@pytest.mark.slow
def test_the_sound_changes_and_the_picture_does_not(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts: list[float] = []
    made = dub(clip, "rain", report=parts.append, tell=pytest.fail)
    assert made == Path("clip-rain.mp4")
    assert packets_of(made, "video") == packets_of(clip, "video")
    assert stamps_of(made) == stamps_of(clip)
    (y, sr), (was, was_sr) = load_sound(made), load_sound(clip)
    assert (len(y), sr) == (len(was), was_sr)
    assert loudness(y, sr) == pytest.approx(loudness(was, sr), abs=1.0)
    assert abs(np.corrcoef(y[:, 0], was[:, 0])[0, 1]) < 0.9
    assert parts == sorted(parts)
    assert parts[-1] == 1
    with pytest.raises(OutputError, match="it exists"):
        dub(clip, "rain")
    with pytest.raises(OutputError, match="it is the input"):
        dub(clip, "rain", output=clip, overwrite=True)


def test_a_name_that_is_taken_is_refused_before_any_work(clip: Path) -> None:
    with pytest.raises(OutputError, match="it is the input"):
        restyle.video(clip, look="golden-hour", audio_style="rain", output=clip, overwrite=True)
    taken = clip.with_name("taken.mp4")
    taken.touch()
    parts: list[float] = []
    stylizer = VideoStylizer(audio_style="rain", options=VideoOptions(look="golden-hour"))
    with pytest.raises(OutputError, match="it exists"):
        stylizer.write(clip, taken, report=parts.append)
    assert not parts


def test_options_reach_the_method(clip: Path) -> None:
    sound = new_audio(clip, [("rain", 1.0)], AudioOptions(strength=0.0))
    assert np.array_equal(np.concatenate(list(sound.blocks)), load_sound(clip)[0])


def test_what_has_no_sound_or_no_picture_is_one_line(clip: Path, tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", moving(4))
    tone = tmp_path / "tone.wav"
    soundfile.write(str(tone), np.zeros(800), 8000)
    for content, said in (
        (silent, "has no sound"),
        (tone, "has only sound"),
        (tmp_path, "folder of pictures has no sound"),
        (tmp_path / "none.mp4", "there is no such file"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            dub(content, "rain", output=tmp_path / "out.mp4")
        assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match="cannot hold a video with sound"):
        dub(clip, "rain", output=tmp_path / "out.wav")
    for output in (tmp_path, "a.gif"):
        with pytest.raises(OptionError, match="has no sound for"):
            check_container(output)
    assert not (tmp_path / "out.mp4").exists()


def test_names_of_results() -> None:
    assert default_output("a/clip.avi", [("rain", 0.5), ("my/choir.ogg", 0.5)]) == Path("clip-rain-choir.mp4")


GAP = 0.6  # seconds


def test_a_gap_becomes_silence(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(50), sound="aac")
    target = tmp_path / "out.webm"
    with av.open(str(source)) as before, av.open(str(target), "w", format="webm") as after:
        stream: Any = before.streams.audio[0]
        transcoder = ConvertedAudio(after, stream, "libopus")
        for packet in before.demux(stream):
            second = float((packet.pts or 0) * (packet.time_base or Fraction(1)))
            if packet.size and not 0.5 < second < 0.5 + GAP:
                transcoder.add(packet)
        transcoder.finish()
    with av.open(str(target)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    rate = 48000
    assert abs(len(sound) / rate - 2.0) < 0.1
    loud = [float(np.abs(sound[int(at * rate) : int((at + 0.1) * rate)]).max()) for at in (0.3, 0.75, 1.3)]
    assert loud[0] > 0.2
    assert loud[1] < 0.01
    assert loud[2] > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.mp4", "out.mkv"])
def test_audio_without_a_named_channel_layout(tmp_path: Path, output: str) -> None:
    """AVI stores the number of channels of PCM, and not which ones they are."""
    source = make_clip(tmp_path / "in.avi", moving(10), codec="mpeg4", sound="pcm_s16le")
    said: list[str] = []
    stylized = restyle.video(source, "starry-night", output=tmp_path / output, size=32, tell=said.append)
    assert not [line for line in said if "converted" not in line]
    restyled = dub(source, "rain", tmp_path / f"rain-{output}")
    for written in (stylized, restyled):
        y, sr = load_sound(written)
        assert len(y) / sr == pytest.approx(0.4, abs=0.06)
        assert len(stamps_of(written)) == 10


def test_uncompressed_sound_becomes_one_that_plays_everywhere(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", moving(10), sound="pcm_s16le")
    said: list[str] = []
    made = restyle.video(source, "starry-night", output=tmp_path / "out.mp4", size=32, tell=said.append)
    assert said == ["'.mp4' cannot hold pcm_s16le audio; it is converted to aac"]
    with av.open(str(made)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


@pytest.mark.slow
def test_b_frames_in_matroska(tmp_path: Path) -> None:
    """Matroska has no dts, and FFmpeg does not know those of the first packets."""
    source = make_clip(
        tmp_path / "in.mkv",
        moving(30),
        sound="aac",
        options={"bf": "3", "preset": "medium", "b-pyramid": "normal"},
    )
    written = dub(source, "rain", tmp_path / "out.mkv")
    assert stamps_of(written) == stamps_of(source)
    assert packets_of(written, "video") == packets_of(source, "video")


def test_an_endless_gap_does_not_fill_the_disk(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(50), sound="aac")
    said: list[str] = []
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.webm"), "w", format="webm") as after:
        stream: Any = before.streams.audio[0]
        converted = ConvertedAudio(after, stream, "libopus", said.append)
        for packet in before.demux(stream):
            if packet.size:
                packet.pts += 10**12 if packet.pts > 1000 else 0
                converted.add(packet)
        converted.finish()
    assert said == ["a gap of 1,000,000,000 s in the sound is left out"]
    y, sr = load_sound(tmp_path / "out.webm")
    assert 1.5 < len(y) / sr < 2.1
