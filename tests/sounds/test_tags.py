from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.sounds.api import audio
from restyle.sounds.files import SUFFIXES, SoundWriter
from restyle.sounds.read import load_sound
from restyle.sounds.tags import Tags, read_tags

SR = 48000
Y = np.random.default_rng(0).normal(0, 0.1, (SR // 2, 2)).astype(np.float32)
TEXT = {"title": "Träumerei", "artist": "Clara", "album": "Op. 15", "date": "1838", "genre": "Piano"}


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 40, 40)).save(file, form)
    return file.getvalue()


def write(path: Path, tags: Tags) -> Path:
    with SoundWriter(path, SR, 2, tags=tags) as writer:
        writer.write(Y)
    return path


@pytest.mark.parametrize("suffix", sorted(set(SUFFIXES) - {".w64", ".aiff", ".aif"}))
def test_text_is_kept(suffix: str, tmp_path: Path) -> None:
    found = read_tags(write(tmp_path / f"a{suffix}", Tags(TEXT))).text
    assert {key: found.get(key) for key in TEXT} == TEXT


@pytest.mark.parametrize("suffix", [".w64", ".aiff"])
def test_formats_with_few_tags_keep_what_they_can(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", Tags(TEXT, picture("PNG")))
    assert len(load_sound(path)[0]) == len(Y)
    assert set(read_tags(path).text.values()) <= set(TEXT.values())


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("text", [TEXT, {}], ids=["text", "no text"])
@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".mp4"])
def test_the_cover_is_kept_and_no_sample_lost(
    suffix: str, text: dict[str, str], form: str, tmp_path: Path
) -> None:
    cover = picture(form)
    path = write(tmp_path / f"a{suffix}", Tags(text, cover))
    found = read_tags(path)
    assert found.cover == cover
    assert {key: found.text.get(key) for key in text} == text
    plain = write(tmp_path / f"b{suffix}", Tags())
    assert np.array_equal(load_sound(path)[0], load_sound(plain)[0])


MORE = {**TEXT, "composer": "Robert", "conductor": "Nobody", "mood": "calm"}


def restyled(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> tuple[dict[str, str], list[str]]:
    """The tags of a result whose content has all of `MORE`, and what was said about tags."""
    source = write(tmp_path / "in.mka", Tags({**MORE, "replaygain_track_gain": "-3 dB"}))
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


def test_a_result_has_the_tags_of_its_content(tmp_path: Path) -> None:
    content = write(tmp_path / "song.mp3", Tags(TEXT, picture("JPEG")))
    written = audio(content, "rain", output=tmp_path / "out.flac")
    assert read_tags(written) == Tags({**read_tags(content).text}, picture("JPEG"))


def test_files_without_tags(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no sound")
    assert read_tags(tmp_path / "text.txt") == Tags()
    assert read_tags(write(tmp_path / "a.wav", Tags())) == Tags()
