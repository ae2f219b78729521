"""`restyle styles` and `restyle styles save`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from restyle.cli import main
from restyle.cli.styles import CELL, contact_sheet
from restyle.images import picture
from restyle.images.figures import GAP
from restyle.images.looks import LOOKS
from restyle.models.arbitrary import Arbitrary
from restyle.sounds.sources import PRESETS as SOUNDS
from restyle.style import Style, styles
from restyle.types import to_unit

Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        with pytest.raises(SystemExit) as leaving:
            main(["styles", *map(str, arguments), "--model", str(tiny_model)])
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


def test_the_table(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, [])
    assert out[:4] == [
        "name          title             artist    year",
        "great-wave    The Great Wave    somebody  1889",
        "starry-night  The Starry Night  somebody  1889",
        "",
    ]


def test_sound_presets_are_listed_as_well(run: Run) -> None:
    _, out, _ = run()
    looks = 5 + len(LOOKS)
    assert out[4].split() == ["look", "(--look)", "description"]
    assert [line.split()[0] for line in out[5:looks]] == list(LOOKS)
    assert out[looks + 1].split() == ["sound", "description"]
    assert [line.split()[0] for line in out[looks + 2 : -2]] == list(SOUNDS)
    folder = Path(out[-1].rpartition(" in ")[2])
    assert {path.stem for path in folder.glob("*.ogg")} == set(SOUNDS)


def test_the_contact_sheet(run: Run, photo_file: Path, in_folder: Path) -> None:
    assert run("--sheet", "scene.png") == (0, ["scene.png"], [])
    assert run("--sheet", "photo.jpg", "--content", photo_file) == (0, ["photo.jpg"], [])
    assert picture.load_image("scene.png").pixels.shape[0] > 300
    assert picture.load_image("photo.jpg").pixels.std() > 0.05


@pytest.mark.parametrize("size", [(288, 384), (700, 300), (40, 40)])
def test_every_style_has_its_cell(tiny_model: Path, size: tuple[int, int]) -> None:
    tiny = Arbitrary(tiny_model, threads=1)
    content = np.random.default_rng(0).random((*size, 3), np.float32)
    reported: list[float] = []
    sheet = contact_sheet(content, styles(tiny), tiny, reported.append)
    assert reported == pytest.approx([1 / 2, 1])
    pixels = to_unit(np.asarray(sheet))
    assert pixels[GAP, GAP].tolist() != pixels[0, 0].tolist()
    assert sheet.width >= CELL * min(size[1] / max(size), 1)


def test_the_sheet_overwrites_nothing_unasked(run: Run, photo_file: Path, in_folder: Path) -> None:
    assert run("--sheet", "scene.png")[0] == 0
    code, out, err = run("--sheet", "scene.png")
    assert (code, out, len(err)) == (1, [], 1)
    assert run("--sheet", "scene.png", "--overwrite")[0] == 0
    code, _, err = run("--sheet", photo_file, "--content", photo_file, "--overwrite")
    assert code == 1
    assert "is the input" in err[0]


def test_a_photo_without_a_sheet(run: Run, photo_file: Path) -> None:
    code, _, err = run("--content", photo_file)
    assert code == 2
    assert "--sheet" in err[0]


def test_save_and_use(run: Run, style_file: Path, in_folder: Path, tiny_model: Path) -> None:
    words = ["--title", "Nocturne", "--artist", "N. N.", "--year", "1900"]
    assert run("save", style_file, *words) == (0, ["my-painting.style"], [])
    style = Style.load("my-painting.style")
    assert (style.name, style.title, style.artist, style.year) == ("my-painting", "Nocturne", "N. N.", "1900")
    assert style.code == pytest.approx(Style.from_image(style_file, model=tiny_model).code)


def test_save_with_and_without_the_picture(run: Run, style_file: Path, in_folder: Path) -> None:
    run("save", style_file)
    assert Style.load("my-painting.style").has_picture
    assert run("save", "my-painting.style", "-o", "code.style", "--no-picture") == (0, ["code.style"], [])
    assert not Style.load("code.style").has_picture
    code, out, err = run("save", "code.style", style_file, "-o", "mixed.style")
    assert (code, out) == (0, ["mixed.style"])
    assert err == ["restyle: the image of the style is not known, so the file is for --method fast"]


def test_save_names_by_flag_file_and_picture(run: Run, style_file: Path, in_folder: Path) -> None:
    assert run("save", style_file, "-o", "ink.style")[1] == ["ink.style"]
    assert Style.load("ink.style").name == "ink"
    assert run("save", style_file, "--name", "Blue Hour")[1] == ["blue-hour.style"]
    assert Style.load("blue-hour.style").name == "blue-hour"


def test_save_mixes_and_scales(run: Run, style_file: Path, in_folder: Path, tiny_model: Path) -> None:
    assert run("save", f"{style_file}:3", "great-wave", "-o", "mixed.style")[0] == 0
    expected = Style.mix([(style_file, 3), ("great-wave", 1)], model=tiny_model)
    assert Style.load("mixed.style").code == pytest.approx(expected.code)
    assert run("save", style_file, "-o", "large.style", "--style-scale", 2)[0] == 0
    scaled = Style.from_image(style_file, model=tiny_model).scaled(2)
    assert Style.load("large.style").code == pytest.approx(scaled.code)


def test_save_replaces_neither_input_nor_file_unasked(run: Run, style_file: Path, in_folder: Path) -> None:
    before = style_file.read_bytes()
    code, _, err = run("save", style_file, "-o", style_file, "--overwrite")
    assert code == 1
    assert "is the input" in err[0]
    assert style_file.read_bytes() == before
    assert run("save", style_file)[0] == 0
    assert run("save", style_file)[0] == 1
    assert run("save", style_file, "--overwrite")[0] == 0
