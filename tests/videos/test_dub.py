from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from restyle.errors import InputError, OptionError, OutputError
from restyle.options import AudioOptions
from restyle.sounds.files import load_sound
from restyle.sounds.loudness import loudness
from restyle.videos.dub import check_container, default_output, dub, new_sound
from tests.made_clips import make_clip, moving, packets_of, stamps_of


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(30), sound="aac")


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


def test_options_reach_the_method(clip: Path) -> None:
    sound = new_sound(clip, [("rain", 1.0)], AudioOptions(strength=0.0))
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
