from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from restyle.errors import InputError
from restyle.sounds.read import SoundReader, read
from tests.sounds.test_write import SR, STEREO, write


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
    y, sr = read(path)
    assert sr == SR
    assert len(y) == len(STEREO)
    assert np.abs(y - STEREO).max() < 1e-3


def test_reading_stops_where_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", STEREO, SR)
    assert len(read(path, seconds=0.1)[0]) == 4410


def test_files_that_are_no_sound(tmp_path: Path) -> None:
    cases = {
        "text.wav": b"this is not a sound",
        "zeros.ogg": bytes(5000),
        "cut.flac": b"fLaC\x00\x00\x00\x22",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read(tmp_path / name)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / "empty.wav")
    with pytest.raises(InputError, match="there is no such file"):
        read(tmp_path / "none.wav")
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path)


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
        y, _ = read(path)
    except InputError as error:
        said = str(error)
    assert bool(said) != bool(len(y))
    assert "\n" not in said
    assert not said or path.name in said
    assert np.isfinite(y).all()
    assert len(y) <= SR + 2304


def test_nan_is_named_with_its_time(tmp_path: Path) -> None:
    y = STEREO.copy()
    y[4410, 1] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(str(path), y, SR, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan\.wav: NaN or infinite sample 0\.100 s"):
        read(path)


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
    y, _ = read(path)
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
    assert len(read(noted)[0]) == len(STEREO) - 200
