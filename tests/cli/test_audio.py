from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from PIL import Image

from restyle.cli import main
from restyle.cli.audio import SoundPreview
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_another_format_by_suffix(place: Path) -> None:
    assert code_of("tune.wav", "-s", "wind", "-o", "out.mp3") == 0
    assert soundfile.info("out.mp3").samplerate == SR


@pytest.mark.slow
def test_several_go_on_past_a_bad_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "bad.wav").write_text("no sound")
    assert code_of("bad.wav", "tune.wav", "--style", "fire", "-o", "out/") == 1
    said = capsys.readouterr()
    assert "1 of 2 sounds failed" in said.err
    assert "bad.wav" in said.err
    assert (place / "out" / "tune-fire.wav").exists()


@pytest.mark.slow
def test_preview_is_refreshed_while_the_texture_method_works(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("restyle.cli.audio.PREVIEW_EVERY", 0.0)

    writings: list[bytes] = []
    write = SoundPreview._write

    def seen(preview: SoundPreview) -> None:
        write(preview)
        writings.append(Path("now.wav").read_bytes())

    monkeypatch.setattr(SoundPreview, "_write", seen)
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
