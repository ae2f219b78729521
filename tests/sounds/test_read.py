"""Reading sounds: every format, what is damaged, and what is missing."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from restyle.errors import InputError
from restyle.sounds.files import open_file, read_tags
from restyle.sounds.read import SoundReader, load_sound
from restyle.sounds.sources import Content
from tests.sounds.test_files import SR, STEREO, write


@pytest.mark.parametrize(("sr", "channels"), [(8000, 1), (192000, 8), (22050, 3)])
def test_odd_rates_and_channels(sr: int, channels: int, tmp_path: Path) -> None:
    y = np.tile(STEREO[:, :1], (1, channels))
    with SoundReader(write(tmp_path / "a.wav", y, sr)) as reader:
        assert (reader.info.sr, reader.info.channels, reader.info.frames) == (sr, channels, len(y))
        assert [len(block) for block in reader.blocks(10000)] == [10000, 10000, 2050]


def test_sound_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=SR, layout="stereo")
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        part = (STEREO.T * 32767).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(part.T.reshape(1, -1)), format="s16", layout="stereo"
        )
        samples.sample_rate = SR
        container.mux(sound.encode(samples))
    y, sr = load_sound(path)
    assert sr == SR
    assert len(y) == len(STEREO)
    assert np.abs(y - STEREO).max() < 1e-3


def test_reading_stops_where_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", STEREO, SR)
    assert len(load_sound(path, seconds=0.1)[0]) == 4410


def test_files_that_are_no_sound(tmp_path: Path) -> None:
    cases = {
        "text.wav": b"this is not a sound",
        "zeros.ogg": bytes(5000),
        "cut.flac": b"fLaC\x00\x00\x00\x22",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            load_sound(tmp_path / name)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        load_sound(tmp_path / "empty.wav")
    with pytest.raises(InputError, match="there is no such file"):
        load_sound(tmp_path / "none.wav")
    with pytest.raises(InputError, match="is not a file"):
        load_sound(tmp_path)


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".mp3", ".flac", ".m4a"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.95])
def test_truncated_files_give_a_line_or_a_sound(suffix: str, part: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = write(
        tmp_path / f"a{suffix}", rng.uniform(-0.5, 0.5, (SR, 1)).astype(np.float32), SR
    ).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: int(len(whole) * part)])
    said, y = "", np.zeros((0, 1), np.float32)
    try:
        y, _ = load_sound(path)
    except InputError as error:
        said = str(error)
    assert bool(said) != bool(len(y))
    assert "\n" not in said
    assert not said or path.name in said
    assert np.isfinite(y).all()
    assert len(y) <= SR + 2304


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e38])
def test_samples_out_of_range_are_named_with_their_time(tmp_path: Path, value: float) -> None:
    y = STEREO.copy()
    y[4410, 1] = value
    path = tmp_path / "bad.wav"
    soundfile.write(str(path), y, SR, subtype="FLOAT")
    with pytest.raises(InputError, match=rf"bad\.wav: sample {re.escape(f'{value:g}')} 0\.100 s"):
        load_sound(path)


def test_a_hole_in_a_container_becomes_silence(tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    with av.open(str(late), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=SR, layout="mono")
        for start in (0.5, 2.0):
            frame = av.AudioFrame.from_ndarray(np.full((1, SR // 2), 8000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = SR, round(start * SR)
            container.mux(sound.encode(frame))
    with SoundReader(late) as reader:
        y = np.concatenate(list(reader.blocks(10000)))[:, 0]
        assert reader.start == pytest.approx(0.5, abs=1e-3)
    assert len(y) == pytest.approx(2 * SR, abs=SR / 500)
    assert np.abs(y[SR // 2 + 50 : SR * 3 // 2 - 50]).max() == 0
    assert y[[0, SR // 2 - 50, SR * 3 // 2 + 50, -1]].min() > 0.2


def test_a_damaged_packet_costs_its_own_length(tmp_path: Path) -> None:
    path = write(tmp_path / "a.m4a", np.tile(STEREO, (2, 1)), SR)
    with av.open(str(path)) as container:
        some = [packet for packet in container.demux() if packet.size]
    data = bytearray(path.read_bytes())
    for packet in some[9:19]:  # more than a gap of a tenth of a second
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(bytes(data))
    y, _ = load_sound(path)
    assert len(y) == pytest.approx(2 * len(STEREO), abs=2048)


def test_apples_note_of_the_true_length(tmp_path: Path) -> None:
    plain, noted = write(tmp_path / "a.m4a", STEREO, SR), tmp_path / "b.m4a"
    with (
        av.open(str(plain)) as source,
        av.open(str(noted), "w", options={"movflags": "use_metadata_tags"}) as container,
    ):
        container.metadata["iTunSMPB"] = f" 00000000 00000400 00000100 {len(STEREO) - 200:016X}"
        copied = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                container.mux(packet)
    assert len(load_sound(noted)[0]) == len(STEREO) - 200


def read(path: Path) -> tuple[np.ndarray[Any, Any], list[str]]:
    """The samples of a file, and what is said about it."""
    said: list[str] = []
    with SoundReader(path, said.append) as reader:
        return np.concatenate(list(reader.blocks(20000))), said


def noise(seconds: float, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * SR), 1)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".w64", ".flac", ".ogg", ".mp3", ".mka"])
def test_a_truncated_sound_is_read_as_far_as_it_goes_and_reported(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", noise(4), SR)
    whole, said = read(path)
    assert (len(whole), said) == (4 * SR, [])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    part, said = read(path)
    assert 1.5 * SR < len(part) < 3 * SR
    assert np.abs(part[: SR // 2] - whole[: SR // 2]).max() < 0.01
    assert len(said) == 1
    assert f"{path}: is truncated after" in said[0]


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_states_no_size_and_is_complete(size: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1), SR)
    path.write_bytes(streamed(path.read_bytes(), size))
    y, said = read(path)
    assert (len(y), said) == (SR, [])


def test_damage_in_the_middle_costs_little(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", noise(4), SR)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(bytes(data))
    y, _ = read(path)
    assert len(y) == 4 * SR
    assert np.abs(y[-SR:] - noise(4)[-SR:]).max() < 1e-3


def streamed(data: bytes, size: int) -> bytes:
    """The same WAV as a program writes it to a pipe, without sizes."""
    made = bytearray(data)
    place = made.index(b"data") + 4
    made[4:8] = made[place : place + 4] = size.to_bytes(4, "little")
    return bytes(made)


def rf64(data: bytes, size: int) -> bytes:
    """The same WAV as RF64 with the 64-bit `size` of its samples."""
    sizes = b"ds64" + struct.pack("<IQQQI", 28, size and len(data) + 28, size, 0, 0)
    made = streamed(data, 2**32 - 1)
    return b"RF64" + made[4:12] + sizes + made[12:]


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("kind", ["0", "RF64 of 0", "RF64 without size", "RF64"])
def test_a_wav_whose_samples_state_no_size_is_read_to_its_end(
    kind: str, silent: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(1) * (not silent), SR)
    whole, data = load_sound(path)[0], path.read_bytes()
    of_samples = len(data) - data.index(b"data") - 8
    sizes = {"RF64 of 0": 0, "RF64 without size": 2**64 - 1, "RF64": of_samples}
    path.write_bytes(streamed(data, 0) if kind == "0" else rf64(data, sizes[kind]))
    y, said = read(path)
    assert said == []
    assert np.array_equal(y, whole)


def test_a_wav_without_samples_stays_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1)[:0], SR)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 8) + b"INFOISFT")
    with pytest.raises(InputError, match="has no samples"):
        load_sound(path)


@pytest.mark.parametrize("between", [b"", b"ID3\4\0\0\0\0\0\x0a" + bytes(10)], ids=["", "with ID3"])
def test_all_joined_flac_files_are_read(between: bytes, tmp_path: Path) -> None:
    links = [write(tmp_path / f"{place}.flac", noise(1, place), SR) for place in range(3)]
    path = tmp_path / "chain.flac"
    path.write_bytes(between.join(link.read_bytes() for link in links))
    y, said = read(path)
    assert said == []
    assert np.array_equal(y, np.concatenate([load_sound(link)[0] for link in links]))


@pytest.mark.parametrize("suffix", [".wav", ".aiff"])
def test_all_joined_files_of_chunks_are_read(suffix: str, tmp_path: Path) -> None:
    links = [write(tmp_path / f"{place}{suffix}", noise(1, place), SR) for place in range(3)]
    path = tmp_path / f"chain{suffix}"
    path.write_bytes(b"".join(link.read_bytes() for link in links))
    y, said = read(path)
    assert said == []
    assert np.array_equal(y, np.concatenate([load_sound(link)[0] for link in links]))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_all_links_of_a_chained_file_are_read(suffix: str, tmp_path: Path) -> None:
    links = [write(tmp_path / f"{place}{suffix}", noise(1, place), 48000) for place in range(3)]
    path = tmp_path / f"chain{suffix}"
    path.write_bytes(b"".join(link.read_bytes() for link in links))
    y, said = read(path)
    assert said == []
    assert y == pytest.approx(np.concatenate([load_sound(link)[0] for link in links]), abs=1e-6)


def test_further_streams_of_an_ogg_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "two.ogg", noise(1), 48000)
    with av.open(str(path), "w", format="ogg") as container:
        streams = [container.add_stream("libopus", rate=48000, layout="mono") for _ in range(2)]
        for start in range(0, 48000, 960):
            for stream in streams:
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), "s16", "mono")
                frame.sample_rate, frame.pts = 48000, start
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    y, said = read(path)
    assert 0.9 * 48000 < len(y) < 1.1 * 48000
    assert len(said) == 1
    assert "has 2 streams" in said[0]


def test_a_link_of_another_rate_is_left_out_and_reported(tmp_path: Path) -> None:
    links = [write(tmp_path / f"{sr}.ogg", noise(1), sr) for sr in (44100, 22050)]
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(link.read_bytes() for link in links))
    y, said = read(path)
    assert len(y) == SR
    assert said == [f"{path}: what follows after 1.0 s is left out (1 channels at 22050 Hz)"]


def test_a_result_of_mp3_in_wav_is_a_plain_wav(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", STEREO, SR, "MPEG_LAYER_III")
    assert soundfile.info(str(path)).subtype == "PCM_16"


def test_a_gap_of_years_is_left_out_and_reported(tmp_path: Path) -> None:
    late = tmp_path / "late.mka"
    with av.open(str(late), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for start in (0, 10**9):
            frame = av.AudioFrame.from_ndarray(np.full((1, 8000), 8000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, start * 8000
            container.mux(sound.encode(frame))
    y, said = read(late)
    assert len(y) == 16000
    assert said == [f"{late}: gaps of 999,999,999 s in the sound are left out"]


def test_further_streams_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "two.mka"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(2)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.full((1, 8000), 8000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(stream.encode(frame))
    content = Content(path)
    for _ in range(2):
        assert sum(map(len, content.blocks(3000))) == 8000
    assert caplog.messages == [f"{path}: has 2 streams of sound; the first is read"]


@pytest.mark.parametrize("name", [b"s\xe9.wav", b"s\xe9.mka", "100%d: 漢.ogg".encode()])
def test_any_name_is_that_of_a_file(name: bytes, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    write(path, STEREO, SR)
    assert len(load_sound(path)[0]) == len(STEREO)


def test_a_damaged_note_of_the_length_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    write(path, STEREO, SR)
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "b.m4a"), "w", options={"movflags": "use_metadata_tags"}) as container,
    ):
        container.metadata["iTunSMPB"] = " 00000000 00000400 00000100 ZZZ"
        copied = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                container.mux(packet)
    assert len(load_sound(tmp_path / "b.m4a")[0]) == pytest.approx(len(STEREO), abs=2048)


def playlist(folder: Path) -> Path:
    """A playlist, called a sound, that names another file of the folder."""
    soundfile.write(folder / "secret.wav", np.zeros(800), 8000)
    path = folder / "list.m4a"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.1,\nsecret.wav\n#EXT-X-ENDLIST\n")
    return path


def test_playlists_are_refused(tmp_path: Path) -> None:
    path = playlist(tmp_path)
    with pytest.raises(av.FFmpegError):
        open_file(path)
    with pytest.raises(InputError, match=r"list\.m4a: not a sound"), SoundReader(path):
        pass


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:").mkdir()
    with av.open("a.m4a", "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])
    Path("a.m4a").rename("http:/a.m4a")
    with SoundReader("http:/a.m4a") as reader:
        assert reader.info.sr == 8000
    assert read_tags("http:/a.m4a").cover is None


def test_an_unknown_codec_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(800), 8000)
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", 0x1234)  # the codec in the header
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"odd\.wav: its sound codec is unknown"), SoundReader(path):
        pass
