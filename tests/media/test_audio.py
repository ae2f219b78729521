from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from restyle.errors import InputError, OutputError
from restyle.media.audio import SUFFIXES, SoundReader, SoundWriter, check_format, read

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
    y, sr = read(path)
    assert sr == SR
    assert y.shape[1] == 2
    lossless = suffix in (".wav", ".flac", ".aiff", ".aif", ".caf", ".w64", ".mka")
    if suffix not in (".m4a", ".mp4"):  # AAC in MP4 starts with a priming frame
        assert abs(len(y) - len(STEREO)) <= (0 if suffix != ".mp3" else 1152)
    if lossless:
        assert np.abs(y - STEREO).max() < 1 / 30000
    else:
        spectrum = np.abs(np.fft.rfft(y[:16384, 0] * np.hanning(16384)))
        assert spectrum.argmax() * SR / 16384 == pytest.approx(440, abs=4)


def test_opus_at_its_own_rates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.opus", STEREO, 48000)
    assert read(path)[1] == 48000
    with pytest.raises(OutputError, match="cannot hold 2 channels at 44100 Hz"):
        SoundWriter(tmp_path / "b.opus", 44100, 2)


@pytest.mark.parametrize(
    ("depth", "step"), [("PCM_U8", 1 / 127), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 1e-9)]
)
def test_depth_is_kept_where_the_format_can(depth: str, step: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", STEREO, SR, depth)
    assert soundfile.info(str(path)).subtype == depth
    assert np.abs(read(path)[0] - STEREO).max() <= step


def test_float_becomes_24_bits_in_flac(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", STEREO, SR, "FLOAT")
    assert soundfile.info(str(path)).subtype == "PCM_24"


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


def test_unknown_suffix_and_impossible_sounds(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'\.xyz'"):
        check_format(tmp_path / "a.xyz", SR, 2)
    with pytest.raises(OutputError, match="6 channels"):
        check_format(tmp_path / "a.mp3", SR, 6)
    with pytest.raises(OutputError, match="192000 Hz"):
        check_format(tmp_path / "a.mp3", 192000, 2)
