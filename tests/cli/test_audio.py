from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from restyle.cli import main
from tests.sounds.test_mosaic import melody

SR = 22050


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    soundfile.write("tune.wav", melody(), SR)
    return tmp_path


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["audio", *arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_preset_with_a_plot(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        code_of(
            "tune.wav", "--style", "bells", "--style", "rain:0.3", "--plot", "look.png", "--strength", "0.8"
        )
        == 0
    )
    assert capsys.readouterr().out == "tune-bells-rain.wav\n"
    assert soundfile.info("tune-bells-rain.wav").frames == len(melody())
    with Image.open("look.png") as picture:
        assert picture.width > 1000


def test_another_format_by_suffix(place: Path) -> None:
    assert code_of("tune.wav", "-s", "wind", "-o", "out.mp3") == 0
    assert soundfile.info("out.mp3").samplerate == SR


def test_several_go_on_past_a_bad_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "bad.wav").write_text("no sound")
    assert code_of("bad.wav", "tune.wav", "--style", "fire", "-o", "out/") == 1
    said = capsys.readouterr()
    assert "1 of 2 sounds failed" in said.err
    assert "bad.wav" in said.err
    assert (place / "out" / "tune-fire.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("tune.wav", "--style", "rian"), 1, "did you mean 'rain'"),
        (("none.wav", "--style", "rain"), 1, "there is no such file"),
        (("tune.wav", "--style", "rain", "-o", "tune.wav", "--overwrite"), 1, "it is the input"),
        (("tune.wav", "--style", "rain", "-o", "out.xyz"), 1, "'.xyz'"),
        (("tune.wav", "--style", "rain", "--strength", "7"), 2, "strength"),
        (("tune.wav", "--style", "rain", "--method", "magic"), 2, "magic"),
        (("tune.wav", "none.wav", "--style", "rain", "-o", "one.wav"), 2, "give a folder"),
        (("tune.wav", "--style", "rain", "--plot", "look.jpg"), 2, "is not a .png"),
        (("tune.wav",), 2, "--style"),
    ],
)
def test_mistakes_are_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert code_of(*arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(place.glob("*.part*"))


@pytest.mark.slow
def test_preview_is_refreshed_while_the_texture_method_works(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from restyle.cli import previews

    monkeypatch.setattr(previews, "EVERY", 0.0)
    writings: list[bytes] = []
    write = previews.SoundPreview._write

    def seen(preview: previews.SoundPreview) -> None:
        write(preview)
        writings.append(Path("now.wav").read_bytes())

    monkeypatch.setattr(previews.SoundPreview, "_write", seen)
    texture = ("tune.wav", "-s", "wind", "--method", "texture", "--steps", "3", "-o", "out.wav")
    assert code_of(*texture, "--preview", "now.wav") == 0
    info = soundfile.info("now.wav")
    assert (info.frames, info.samplerate, info.channels) == (len(melody()), SR, 1)
    assert len(set(writings)) >= 2
    capsys.readouterr()
    for arguments, said in (
        ((*texture, "--overwrite", "--preview", "out.wav"), "'out.wav' cannot be both"),
        ((*texture, "--overwrite", "--preview", "tune.wav"), "it is the input"),
        ((*texture, "--preview", "now.wav"), "it exists"),
        ((*texture, "--preview", "now.txt"), "cannot write '.txt' sound"),
        (("tune.wav", "-s", "wind", "-o", "b.wav", "--preview", "p.wav"), "'mosaic' has no preview"),
        (("tune.wav", "tune.wav", "-s", "wind", "--preview", "p.wav"), "--preview 'p.wav'"),
    ):
        assert code_of(*arguments) in (1, 2)
        assert said in capsys.readouterr().err
    assert not Path("p.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("text.wav", "-s", "rain"), "text.wav: not a sound that restyle can read"),
        (("empty.wav", "-s", "rain"), "empty.wav: is empty"),
        (("none.wav", "-s", "rain"), "none.wav: there is no such file"),
        (("picture.png", "-s", "rain"), "picture.png: has no sound"),
        ((".", "-s", "rain", "-o", "out.wav"), ".: is not a file"),
        (("nan.wav", "-s", "tune.wav"), "nan.wav: NaN or infinite sample 0.001 s"),
        (("no-samples.wav", "-s", "tune.wav"), "no-samples.wav: has no samples"),
        (("tune.wav", "-s", "text.wav"), "text.wav: not a sound"),
        (("tune.wav", "-s", "nan.wav"), "nan.wav: NaN"),
        (("tune.wav", "-s", "silence.wav"), "style 'silence.wav' is silent"),
        (("tune.wav", "-s", "rian"), "did you mean 'rain'"),
        (("tune.wav", "-s", "rain:-1"), "weight -1 of style 'rain'"),
        (("tune.wav", "-s", "rain", "-o", "tune.wav"), "it is the input"),
        (("tune.wav", "-s", "rain", "-o", "a.xyz"), "cannot write '.xyz' sound"),
        (("tune.wav", "-s", "rain", "-o", "no/a.wav"), "there is no folder 'no'"),
        (("wide.wav", "-s", "rain", "-o", "a.mp3"), "cannot hold 8 channels at 192000 Hz"),
        (("tune.wav", "-s", "rain", "--strength", "3"), "strength 3 is outside 0..1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    Path("text.wav").write_text("this is no sound")
    Path("empty.wav").touch()
    Image.new("RGB", (32, 32)).save("picture.png")
    soundfile.write("nan.wav", np.array([0, 0, np.nan] * 9), 2000, subtype="FLOAT")
    soundfile.write("no-samples.wav", np.zeros(0), SR)
    soundfile.write("silence.wav", np.zeros(SR), SR)
    soundfile.write("wide.wav", np.zeros((99, 8)), 192000)
    before = sorted(place.iterdir())
    assert code_of(*arguments) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert sorted(place.iterdir()) == before
