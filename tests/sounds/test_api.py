from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import restyle
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.sounds import api
from restyle.sounds.api import audio
from restyle.sounds.files import SoundWriter
from restyle.sounds.loudness import loudness
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.read import load_sound
from restyle.sounds.sources import Content
from restyle.sounds.targets import SETTINGS
from tests.sounds.test_mosaic import Sound, melody, noise

BYTES: Any = b"RIFF"
STREAM: Any = io.BytesIO()

SR = 22050


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sounds")
    soundfile.write(str(place / "tune.wav"), melody(), SR, subtype="PCM_24")
    soundfile.write(str(place / "hiss.flac"), noise(), SR)
    return place


def clicks(y: Sound) -> float:
    """Largest jump of the second difference over its usual size."""
    bend = np.abs(np.diff(y, 2))
    return float(bend.max() / np.sqrt(np.mean(bend**2)))


def test_path_in_path_out_with_the_contents_form(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = restyle.audio(folder / "tune.wav", folder / "hiss.flac")
    assert made == Path("tune-hiss.wav")
    info, was = soundfile.info(str(made)), soundfile.info(str(folder / "tune.wav"))
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (
        was.samplerate,
        was.channels,
        was.frames,
        was.subtype,
    )
    y = load_sound(made)[0]
    assert loudness(y, SR) == pytest.approx(loudness(melody(), SR), abs=1.0)
    assert np.abs(y).max() < 1
    with pytest.raises(OutputError, match="it exists"):
        audio(folder / "tune.wav", folder / "hiss.flac")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("channels", [0, 1, 2])
def test_array_in_array_out(dtype: type, channels: int) -> None:
    y = melody()[:SR]
    y = y if channels == 0 else np.stack([y] * channels, 1)
    given = (y * 32767).astype(dtype) if dtype is np.int16 else y.astype(dtype)
    made = audio(given, "rain", sr=SR)
    assert made.shape == given.shape
    assert made.dtype == dtype
    assert not np.array_equal(made, given)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rain", ["bells:2", "wind"], [("choir", 0.3), ("organ", 0.7)]])
def test_styles_as_names_and_mixes(style: Any) -> None:
    made = audio(melody()[:SR], style, sr=SR)
    assert loudness(made, SR) == pytest.approx(loudness(melody()[:SR], SR), abs=1.0)


@pytest.mark.slow
def test_strength_nothing_is_the_sound_itself_and_remix_brings_it_back() -> None:
    y = melody()
    assert np.array_equal(audio(y, "rain", sr=SR, strength=0), y)

    def afrom_samples(made: Sound) -> float:
        return float(np.corrcoef(made, y)[0, 1])

    parts = [afrom_samples(audio(y, "rain", sr=SR, remix=remix)) for remix in (0.0, 0.4, 1.0)]
    assert parts == sorted(parts)
    assert parts[2] > 0.999
    assert loudness(audio(y, "rain", sr=SR, remix=0.4), SR) == pytest.approx(loudness(y, SR), abs=1.0)


def contour(sound: Sound) -> Sound:
    level: Sound = np.sqrt((sound[: len(sound) // 2205 * 2205].reshape(-1, 2205) ** 2).mean(1))
    return level


@pytest.mark.slow
@pytest.mark.parametrize(("style", "alike"), [("strings", 0.95), ("rain", 0.9)])  # rain has drops
def test_blocks_join_without_a_click_or_a_jump(
    style: str, alike: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.tile(melody(), 5)
    whole = audio(y, style, sr=SR)
    monkeypatch.setattr(api, "block_size", lambda source: 3 * SR)
    blocks = audio(y, style, sr=SR)
    assert len(blocks) == len(y)
    assert clicks(blocks) < 1.5 * clicks(whole)
    assert np.corrcoef(contour(whole), contour(blocks))[0, 1] > alike


@pytest.mark.slow
def test_slow_swells_are_kept_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rise that is slower than a block: a mean of its own would level every window."""
    y = np.tile(melody(), 5) * 10 ** np.linspace(-1.5, 0, 15 * SR, dtype=np.float32)
    whole = audio(y, "strings", sr=SR, keep_loudness=1.0)
    monkeypatch.setattr(api, "block_size", lambda source: 3 * SR)
    blocks = audio(y, "strings", sr=SR, keep_loudness=1.0)
    seconds = [np.log10([part.std() for part in np.split(made, 15)]) for made in (y, whole, blocks)]
    rise = [float(np.polyfit(np.arange(15), each, 1)[0]) for each in seconds]
    assert rise[1] == pytest.approx(rise[0], rel=0.25)
    assert rise[2] == pytest.approx(rise[1], rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [5000, 3 * SR])
def test_what_is_heard_does_not_depend_on_the_blocks(size: int) -> None:
    """Levels, and the stretch that the default setting is chosen by, are those of the whole."""

    class Listener(Mosaic):
        def fit(self, levels: Sound) -> None:
            heard.append(levels)

        def choose_settings(self, y: Sound) -> None:
            heard.append(y)

    heard: list[Sound] = []
    y = np.tile(melody(), 5)
    for each in (size, 20 * SR):
        method = Listener([(noise(), 1.0)], SR)
        total, *_ = api.analyze(Content(y, SR), method, api.round_to_hop(each, method))
        assert total == len(y)
    assert heard[0].shape == heard[2].shape
    assert np.abs(heard[0] - heard[2]).max() < 1e-3
    assert np.array_equal(heard[1], heard[3])
    assert len(heard[1]) == 8 * SR


@pytest.mark.slow
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(5000, np.float32),
        np.full(1, 0.5, np.float32),
        np.zeros(1, np.float32),
        np.full(9000, 0.4, np.float32),
        np.sign(np.sin(np.arange(30000) / 9)).astype(np.float32),
        (np.sin(np.arange(30000) / 9) * 4).astype(np.float32),
        np.concatenate([np.zeros(20000), melody()[:3000], np.zeros(20000)]).astype(np.float32),
        (melody() * 1e-4).astype(np.float32),
    ],
    ids=["silence", "one sample", "one zero", "DC", "square", "over full scale", "burst", "faint"],
)
@pytest.mark.parametrize("style", ["rain", "bells"])
def test_hard_content_gives_a_sound_result(sound: Sound, style: str) -> None:
    made = audio(sound, style, sr=SR)
    assert made.shape == sound.shape
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1 or np.array_equal(made, sound)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.4, -0.9])
@pytest.mark.parametrize("samples", [1, 9000, 3 * SR])
def test_where_nothing_can_be_heard_the_content_comes_back(level: float, samples: int) -> None:
    y = np.full(samples, level, np.float32)
    assert np.array_equal(audio(y, "bells", sr=SR), y)


@pytest.mark.slow
def test_8_khz_mono_style_on_192_khz_7_1_content(tmp_path: Path) -> None:
    soundfile.write(str(tmp_path / "low.wav"), noise()[:8000], 8000)
    t = np.arange(96000) / 192000
    y = np.stack([0.1 * np.sin(2 * np.pi * 300 * (k + 1) * t) for k in range(8)], 1).astype(np.float32)
    with SoundWriter(tmp_path / "wide.wav", 192000, 8, "PCM_24") as writer:
        writer.write(y)
    made = audio(tmp_path / "wide.wav", tmp_path / "low.wav", output=tmp_path / "out.wav")
    info = soundfile.info(str(made))
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (192000, 8, 96000, "PCM_24")
    assert np.isfinite(load_sound(made)[0]).all()


def test_style_shorter_than_a_frame() -> None:
    made = audio(melody()[:SR], noise()[:50], sr=SR)
    assert np.isfinite(made).all()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: audio(melody(), "rian", sr=SR), StyleError, "did you mean 'rain'"),
        (lambda: audio(melody(), "none.wav", sr=SR), InputError, "there is no such file"),
        (lambda: audio(melody(), np.zeros(9000, np.float32), sr=SR), StyleError, "is silent"),
        (lambda: audio(melody(), [], sr=SR), StyleError, "no style"),
        (lambda: audio(melody(), "rain:-1", sr=SR), StyleError, "weight -1"),
        (lambda: audio(melody(), "rain"), InputError, "no sample rate"),
        (lambda: audio(np.zeros((0,), np.float32), "rain", sr=SR), InputError, "shape"),
        (lambda: audio(np.zeros((4, 4, 4), np.float32), "rain", sr=SR), InputError, "shape"),
        (lambda: audio(np.full(9, np.nan), "rain", sr=SR), InputError, "NaN"),
        (lambda: audio(np.zeros(9, np.int64), "rain", sr=SR), InputError, "int64"),
        (lambda: audio(melody(), "rain", sr=SR, strength=2), OptionError, "strength"),
        (lambda: audio("no/such.wav", "rain"), InputError, "there is no such file"),
        (lambda: audio(BYTES, "rain"), InputError, "content is of type bytes; give the path"),
        (lambda: audio(STREAM, "rain", sr=SR), InputError, "content is of type BytesIO; give the path"),
        (lambda: audio(melody(), "rain", sr=SR, output=STREAM), OutputError, "output is of type BytesIO"),
    ],
)
def test_bad_input_is_one_clear_line(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_what_is_not_given_is_chosen_for_the_pair() -> None:
    y = melody()[: 2 * SR]
    whistle = (0.1 * np.sin(2 * np.pi * 5000 * np.arange(SR) / SR)).astype(np.float32)
    chosen = audio(y, whistle, sr=SR)
    most = SETTINGS[-1]
    assert np.array_equal(chosen, audio(y, whistle, sr=SR, keep_pitch=most.pitch, keep_rhythm=most.rhythm))
    assert not np.array_equal(chosen, audio(y, whistle, sr=SR, keep_pitch=0.6, keep_rhythm=0.0))


def test_it_is_chosen_on_the_loudest_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Listener(Mosaic):
        def choose_settings(self, y: Sound) -> None:
            settled.append(y)

    settled: list[Sound] = []
    monkeypatch.setattr(api, "TRIAL_SECONDS", 0.5)
    y = np.repeat([0.1, 0.5, 0.2], SR).astype(np.float32) * melody()
    y[SR : SR * 3 // 2] *= 0.5
    method = Listener([(noise(), 1.0)], SR)
    api.analyze(Content(y, SR), method, api.round_to_hop(SR // 3, method))
    assert len(settled) == 1
    assert np.abs(settled[0][:, 0] - y[SR * 3 // 2 : SR * 2]).max() < 0.01


def test_nothing_is_left_when_the_content_turns_out_bad(tmp_path: Path) -> None:
    y = melody()
    y[40000] = np.nan
    soundfile.write(str(tmp_path / "bad.wav"), y, SR, subtype="FLOAT")
    with pytest.raises(InputError, match="sample nan"):
        audio(tmp_path / "bad.wav", "rain", output=tmp_path / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.wav"]


def test_an_input_is_never_overwritten(folder: Path) -> None:
    for name in ("tune.wav", "hiss.flac"):
        with pytest.raises(OutputError, match="it is the input"):
            audio(folder / "tune.wav", folder / "hiss.flac", output=folder / name, overwrite=True)


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Ten minutes take no more than two: blocks, a tape on disk, a sample of the envelopes."""
    import tracemalloc

    peaks = []
    for minutes in (1, 4):
        path = tmp_path / f"{minutes}.wav"
        with SoundWriter(path, 8000, 1) as writer:
            for _ in range(minutes * 20):
                writer.write(melody()[: 3 * 8000, None])
        tracemalloc.start()
        audio(path, noise()[:16000], output=tmp_path / f"{minutes}-out.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20e6


@pytest.mark.slow
def test_progress_rises_to_the_end(folder: Path, tmp_path: Path) -> None:
    parts: list[float] = []
    audio(folder / "tune.wav", "rain", output=tmp_path / "out.wav", report=parts.append)
    assert parts == sorted(parts)
    assert parts[-1] == 1
    pytest.importorskip("torch")
    fine: list[float] = []
    audio(melody()[:SR], "wind", sr=SR, method="texture", steps=4, report=fine.append)
    assert fine == sorted(fine)
    assert len(fine) >= 5
