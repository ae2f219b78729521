from __future__ import annotations

import contextlib
import io
import resource
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from restyle.errors import OutputError
from restyle.files import writing
from restyle.sounds.api import audio
from restyle.sounds.files import SUFFIXES, SoundWriter, Tags, check_format, read_tags
from restyle.sounds.read import load_sound

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


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_disk_that_is_full_is_an_error_and_the_old_file_stays(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"a{suffix}"
    target.write_bytes(b"old")
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (4 * 48000, 1)).astype(np.float32)
    with (
        pytest.raises(OutputError, match="cannot write"),
        files_of_at_most(20_000),
        writing(target, overwrite=True) as temporary,
    ):
        write(temporary, y, 48000)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


RATE = 48000
Y = np.random.default_rng(0).normal(0, 0.1, (RATE // 2, 2)).astype(np.float32)
TEXT = {"title": "Träumerei", "artist": "Clara", "album": "Op. 15", "date": "1838", "genre": "Piano"}


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 40, 40)).save(file, form)
    return file.getvalue()


def write_tagged(path: Path, tags: Tags) -> Path:
    with SoundWriter(path, RATE, 2, tags=tags) as writer:
        writer.write(Y)
    return path


@pytest.mark.parametrize("suffix", sorted(set(SUFFIXES) - {".w64", ".aiff", ".aif"}))
def test_text_is_kept(suffix: str, tmp_path: Path) -> None:
    found = read_tags(write_tagged(tmp_path / f"a{suffix}", Tags(TEXT))).text
    assert {key: found.get(key) for key in TEXT} == TEXT


@pytest.mark.parametrize("suffix", [".w64", ".aiff"])
def test_formats_with_few_tags_keep_what_they_can(suffix: str, tmp_path: Path) -> None:
    path = write_tagged(tmp_path / f"a{suffix}", Tags(TEXT, picture("PNG")))
    assert len(load_sound(path)[0]) == len(Y)
    assert set(read_tags(path).text.values()) <= set(TEXT.values())


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("text", [TEXT, {}], ids=["text", "no text"])
@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".mp4"])
def test_the_cover_is_kept_and_no_sample_lost(
    suffix: str, text: dict[str, str], form: str, tmp_path: Path
) -> None:
    cover = picture(form)
    path = write_tagged(tmp_path / f"a{suffix}", Tags(text, cover))
    found = read_tags(path)
    assert found.cover == cover
    assert {key: found.text.get(key) for key in text} == text
    plain = write_tagged(tmp_path / f"b{suffix}", Tags())
    assert np.array_equal(load_sound(path)[0], load_sound(plain)[0])


MORE = {**TEXT, "composer": "Robert", "conductor": "Nobody", "mood": "calm"}


def restyled(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> tuple[dict[str, str], list[str]]:
    """The tags of a result whose content has all of `MORE`, and what was said about tags."""
    source = write_tagged(tmp_path / "in.mka", Tags({**MORE, "replaygain_track_gain": "-3 dB"}))
    with caplog.at_level("WARNING"):
        written = audio(source, Y, output=tmp_path / name)
    assert isinstance(written, Path)
    return dict(read_tags(written).text), [line for line in caplog.messages if "tags" in line]


@pytest.mark.parametrize("suffix", [".mp3", ".mka"])
def test_tags_of_any_name_are_kept(suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert restyled(f"a{suffix}", tmp_path, caplog) == (MORE, [])


def test_tags_that_a_format_cannot_hold_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found, said = restyled("a.flac", tmp_path, caplog)
    assert found.items() >= TEXT.items()
    assert len(said) == 1
    assert said[0].endswith("its tags composer, conductor, mood are left out; .mp3 and .mka can hold them")


@pytest.mark.slow
def test_a_result_has_the_tags_of_its_content(tmp_path: Path) -> None:
    content = write_tagged(tmp_path / "song.mp3", Tags(TEXT, picture("JPEG")))
    written = audio(content, "rain", output=tmp_path / "out.flac")
    assert read_tags(written) == Tags({**read_tags(content).text}, picture("JPEG"))


def test_files_without_tags(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no sound")
    assert read_tags(tmp_path / "text.txt") == Tags()
    assert read_tags(write_tagged(tmp_path / "a.wav", Tags())) == Tags()
