from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from restyle.errors import InputError, OutputError
from restyle.sounds.files import SUFFIXES, SoundReader, SoundWriter, check_format, load_sound

SR = 44100
T = np.arange(SR // 2) / SR
STEREO = np.stack([0.5 * np.sin(2 * np.pi * 440 * T), 0.3 * np.sin(2 * np.pi * 660 * T)], 1).astype(
    np.float32
)


def write(
    path: Path, y: np.ndarray[tuple[int, ...], np.dtype[np.float32]], sr: int, depth: str = "PCM_16"
) -> Path:
    with SoundWriter(path, sr, y.shape[1], depth) as writer:
        for start in range(0, len(y), 5000):
            writer.write(y[start : start + 5000])
    return path


@pytest.mark.parametrize("suffix", sorted(set(SUFFIXES) - {".opus"}))
def test_every_format_gives_the_sound_back(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", STEREO, SR)
    y, sr = load_sound(path)
    assert sr == SR
    assert y.shape[1] == 2
    lossless = suffix in (".wav", ".flac", ".aiff", ".aif", ".caf", ".w64", ".mka")
    assert len(y) == len(STEREO)
    if lossless:
        assert np.abs(y - STEREO).max() < 1 / 30000
    else:
        spectrum = np.abs(np.fft.rfft(y[:16384, 0] * np.hanning(16384)))
        assert spectrum.argmax() * SR / 16384 == pytest.approx(440, abs=4)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".mp4", ".ogg", ".mka", ".opus"])
@pytest.mark.parametrize("samples", [100, 12345, 1152 * 7])
def test_lossy_formats_keep_every_sample_in_its_place(suffix: str, samples: int, tmp_path: Path) -> None:
    """Padding that a codec adds at start and end is removed, in every reader."""
    rng = np.random.default_rng(samples)
    y = (0.3 * np.convolve(rng.standard_normal(samples), np.ones(6) / 6, "same")).astype(np.float32)
    sr = 48000 if suffix == ".opus" else SR
    path = write(tmp_path / f"a{suffix}", y[:, None], sr)
    made, _ = load_sound(path)
    assert len(made) == samples
    if samples > 1000:
        size = 2 * samples
        product = np.fft.irfft(np.fft.rfft(made[:, 0], size) * np.conj(np.fft.rfft(y, size)), size)
        assert int(product.argmax()) == 0
    if suffix in (".m4a", ".mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            assert stream.duration is not None
            assert stream.time_base is not None
            assert stream.duration * stream.time_base == Fraction(samples, sr)


def test_opus_at_its_own_rates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.opus", STEREO, 48000)
    assert load_sound(path)[1] == 48000
    with pytest.raises(OutputError, match="cannot hold 2 channels at 44100 Hz"):
        SoundWriter(tmp_path / "b.opus", 44100, 2)


@pytest.mark.parametrize(
    ("depth", "step"), [("PCM_U8", 1 / 127), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 1e-9)]
)
def test_depth_is_kept_where_the_format_can(depth: str, step: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", STEREO, SR, depth)
    assert soundfile.info(str(path)).subtype == depth
    assert np.abs(load_sound(path)[0] - STEREO).max() <= step


def test_float_becomes_24_bits_in_flac(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", STEREO, SR, "FLOAT")
    assert soundfile.info(str(path)).subtype == "PCM_24"


def test_unknown_suffix_and_impossible_sounds(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'\.xyz'"):
        check_format(tmp_path / "a.xyz", SR, 2)
    with pytest.raises(OutputError, match="6 channels"):
        check_format(tmp_path / "a.mp3", SR, 6)
    with pytest.raises(OutputError, match="192000 Hz"):
        check_format(tmp_path / "a.mp3", 192000, 2)


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


def test_nan_is_named_with_its_time(tmp_path: Path) -> None:
    y = STEREO.copy()
    y[4410, 1] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(str(path), y, SR, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan\.wav: NaN or infinite sample 0\.100 s"):
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
