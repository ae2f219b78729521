from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from restyle.errors import InputError, StyleError
from restyle.sounds import sources
from restyle.sounds.read import load_sound
from restyle.sounds.sources import (
    FOLDER,
    PRESETS,
    Content,
    default_output,
    from_samples,
    load_styles,
    parse_styles,
    preset_path,
    style_paths,
    to_samples,
)
from scripts import sounds as script

Y = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)


def test_content_can_be_read_again(tmp_path: Path) -> None:
    soundfile.write(str(tmp_path / "a.wav"), Y, 8000, subtype="PCM_24")
    for content in (Content(tmp_path / "a.wav"), Content(Y, 8000)):
        first, second = (np.concatenate(list(content.blocks(1000))) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.abs(first - Y).max() < 1e-6
        assert (content.sr, content.channels, content.frames) == (8000, 2, 5000)
    assert Content(tmp_path / "a.wav").depth == "PCM_24"


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_arrays_come_back_in_their_own_type(dtype: type) -> None:
    given = (Y[:, 0] * 32767).astype(dtype) if dtype is np.int16 else Y[:, 0].astype(dtype)
    made = from_samples(to_samples(given), given)
    assert made.dtype == given.dtype
    assert np.array_equal(made, given)


def test_what_is_too_loud_for_16_bits_is_held_at_their_end() -> None:
    assert from_samples(np.full((1, 1), 2, np.float32), np.zeros(1, np.int16))[0] == 32767


def test_arrays_that_are_no_sound() -> None:
    for array, said in (
        (np.zeros((2, 2, 2), np.float32), "shape"),
        (np.zeros((3, 99), np.float32), "99 channels"),
        (np.zeros(3, np.int64), "int64"),
        (np.full(3, np.inf), "infinity"),
    ):
        with pytest.raises(InputError, match=said):
            to_samples(array)


SR = 22050


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("rain", [("rain", 1.0)]),
        ("rain:3", [("rain", 1.0)]),
        (["rain:3", "choir"], [("rain", 0.75), ("choir", 0.25)]),
        ([("rain", 1), ("choir", 3)], [("rain", 0.25), ("choir", 0.75)]),
        (("rain", 2), [("rain", 1.0)]),
        (["rain:0", "choir"], [("choir", 1.0)]),
        ("C:/songs/rain", [("C:/songs/rain", 1.0)]),
    ],
)
def test_weights_add_up_to_one(given: Any, meant: list[tuple[str, float]]) -> None:
    assert parse_styles(given) == meant


@pytest.mark.parametrize("given", ["rain:-1", "rain:nan", [], ["rain:0"]])
def test_weights_that_are_none(given: Any) -> None:
    with pytest.raises(StyleError, match=r"weight|no style"):
        parse_styles(given)


def test_a_style_comes_at_the_contents_rate_in_one_channel(tmp_path: Path) -> None:
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (8000, 2))
    soundfile.write(str(tmp_path / "a.wav"), y, 8000)
    ((made, _),) = load_styles([(tmp_path / "a.wav", 1.0)], SR)
    assert made.shape == (SR,)


def test_long_style_is_sampled_all_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tone = np.sin(2 * np.pi * 441 * np.arange(SR * 5) / SR)
    y = np.concatenate([level * tone for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)])
    soundfile.write(str(tmp_path / "long.wav"), y, SR)
    monkeypatch.setattr(sources, "STYLE_SAMPLES", 20 * SR)
    ((made, weight),) = load_styles([(tmp_path / "long.wav", 1.0)], SR)
    assert weight == 1
    assert len(made) == pytest.approx(20 * SR, rel=0.02)
    peaks = [np.abs(part).max() for part in np.array_split(made, 20)]
    assert len(set(np.round(peaks, 1))) >= 4


def test_an_offset_is_no_style(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 441 * np.arange(3 * SR) / SR).astype(np.float32)
    ((plain, _),), ((shifted, _),) = (load_styles([(y, 1.0)], SR) for y in (tone, tone + np.float32(0.4)))
    assert np.abs(plain - shifted).max() < 1e-4
    with pytest.raises(StyleError, match="is silent"):
        load_styles([(np.full(SR, 0.4, np.float32), 1.0)], SR)


def test_silence_and_unknown_names_are_no_style(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="is silent"):
        load_styles([(np.zeros(900, np.float32), 1.0)], SR)
    with pytest.raises(StyleError, match="did you mean 'bells'"):
        load_styles([("bels", 1.0)], SR)
    with pytest.raises(InputError, match="there is no such file"):
        load_styles([("bels.wav", 1.0)], SR)


def test_names_of_results_and_files(tmp_path: Path) -> None:
    assert default_output("a/speech.mp3", [("rain", 0.5), ("b/choir.ogg", 0.5)]) == Path(
        "speech-rain-choir.mp3"
    )
    assert default_output("clip.mp4", [("rain", 1.0)]) == Path("clip-rain.wav")
    assert default_output("pair2_content.wav", [("pair2_style_ragtime.ogg", 1.0)]) == Path(
        "pair2_content-style_ragtime.wav"
    )
    long = "Dance of the Sugar Plum Fairy, Nutcracker.ogg"
    assert default_output("speech.wav", [(long, 1.0)]) == Path("speech-Dance of the Sugar Plum.wav")
    (tmp_path / "a.wav").touch()
    assert style_paths([(tmp_path / "a.wav", 0.5), ("rain", 0.25), (np.zeros(3), 0.25)]) == [
        tmp_path / "a.wav"
    ]


def test_there_are_at_least_eight_and_each_has_its_file() -> None:
    assert len(PRESETS) >= 8
    assert {path.stem for path in FOLDER.glob("*.ogg")} == set(PRESETS) == set(script.SOUNDS)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_each_can_be_heard_and_does_not_clip(name: str) -> None:
    y, sr = load_sound(preset_path(name))
    assert sr == 44100
    assert len(y) == 8 * sr
    assert float(np.sqrt(np.mean(y**2))) > 0.01
    assert 0.5 < np.abs(y).max() < 0.95


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_200_000


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(StyleError, match="did you mean 'rain'"):
        preset_path("rian")


def test_the_script_makes_what_is_shipped() -> None:
    shipped, _ = load_sound(preset_path("wind"))
    made = script.synthesize("wind")
    assert np.corrcoef(shipped[:, 0], made)[0, 1] > 0.95  # Vorbis is lossy
