"""The method that is used when none is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle import Style, pipeline
from restyle.cli.image import estimate
from restyle.errors import OptionError, StyleError
from restyle.methods.regions import Regions, make_regions
from restyle.models.arbitrary import Arbitrary, load
from restyle.options import OptimizeOptions, PhotoOptions
from tests.command_line import restyle as run

Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
BEST, OTHER = "paint", "fast"


@pytest.fixture
def code_only(tmp_path: Path) -> Path:
    """A preset as it was saved before style files contained images."""
    return Style.from_preset("great-wave").save(tmp_path / "old.style", picture=False)


def chosen(style: Style | Regions, network: Arbitrary | None = None, **options: Any) -> tuple[str, str]:
    callback = options.pop("callback", None)
    photo = {name: options.pop(name) for name in ("colors_only", "paint_size") if name in options}
    method, note = pipeline.choose_method(
        OptimizeOptions(**options), style, network or load(), PhotoOptions(**photo), callback
    )
    return method.chosen, note


def test_styles_with_an_image_are_painted(style_file: Path, tmp_path: Path) -> None:
    preset, picture = Style.from_preset("starry-night"), Style.from_image(style_file)
    saved = Style.load(preset.save(tmp_path / "saved.style"))
    for style in (preset, picture, saved, Style.mix([(saved, 1), (picture, 2)])):
        assert chosen(style) == (BEST, "")
        assert chosen(style, paint_size=64) == (BEST, "")
        assert chosen(style, method=OTHER) == (OTHER, "")


def test_a_code_alone_uses_the_network_and_says_so(code_only: Path) -> None:
    style = Style.load(code_only)
    for without in (style, Style.mix([(style, 1), ("scream", 1)])):
        method, note = chosen(without)
        assert method == OTHER
        assert f"'{without.name}'" in note
        assert f"--method {OTHER}" in note
    assert chosen(Style.mix([(style, 0), ("scream", 1)])) == (BEST, "")


def test_one_region_without_an_image_decides(code_only: Path) -> None:
    mask = np.ones((4, 4), np.float32)
    assert chosen(make_regions([(mask, "scream")], "irises", model=load())) == (BEST, "")
    assert chosen(make_regions([(mask, "scream")], code_only, model=load()))[0] == OTHER
    assert chosen(make_regions([(mask, "keep")], "irises", model=load())) == (BEST, "")


def test_a_network_of_your_own_and_a_palette_need_no_painting(tiny_model: Path, style_file: Path) -> None:
    tiny = Arbitrary(tiny_model, threads=1)
    assert chosen(Style.from_image(style_file, model=tiny), tiny) == (OTHER, "")
    assert chosen(Style.from_preset("scream"), colors_only=True) == (OTHER, "")


@pytest.mark.parametrize(
    "option", [{"likeness": 0.2}, {"effort": "draft"}, {"preview": "a.jpg"}, {"callback": print}]
)
def test_options_of_the_best_ask_for_it(option: dict[str, Any], code_only: Path, tiny_model: Path) -> None:
    tiny = Arbitrary(tiny_model, threads=1)
    assert chosen(Style.load(code_only), **option) == (BEST, "")
    assert chosen(Style.from_preset("great-wave", model=tiny), tiny, **option) == (BEST, "")


def test_options_of_another_method_are_refused(photo: Photo) -> None:
    with pytest.raises(OptionError, match="steps is for --method optimize"):
        restyle.image(photo, "great-wave", steps=9)


@pytest.mark.slow
def test_in_python(photo: Photo, code_only: Path) -> None:
    small: dict[str, Any] = {"paint_size": 64, "threads": 1}
    art = restyle.image(photo, "great-wave", **small)
    np.testing.assert_array_equal(art, restyle.image(photo, "great-wave", method=BEST, **small))
    fast = restyle.image(photo, code_only, threads=1)
    np.testing.assert_array_equal(fast, restyle.image(photo, "great-wave", method=OTHER, threads=1))
    with pytest.raises(StyleError, match="'great-wave' is a code without an image"):
        restyle.image(photo, code_only, effort="draft", threads=1)


@pytest.mark.slow
def test_at_the_command_line(photo_file: Path, code_only: Path, in_folder: Path) -> None:
    words = ("--paint-size", "64", "--threads", "1", "--style-scale", "0.5")
    done = run(in_folder, "image", str(photo_file), "-s", "great-wave", "-o", "a.png", *words)
    assert (done.returncode, done.stderr) == (0, "")
    painted = np.asarray(Image.open("a.png"))
    expected = restyle.image(
        Image.open(photo_file), "great-wave", method=BEST, paint_size=64, style_scale=0.5, threads=1
    )
    np.testing.assert_array_equal(painted, np.asarray(expected))
    done = run(in_folder, "image", str(photo_file), "-s", str(code_only), "-o", "b.png", *words)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "restyle: style 'great-wave' contains no image for paint; using --method fast"
    ]


@pytest.mark.parametrize(
    ("count", "options", "method", "said"),
    [
        (120, {}, {}, "120 pictures, about 82 min; --method fast takes about 6 min"),
        (120, {}, {"effort": "draft"}, "120 pictures, about 41 min; --method fast takes about 6 min"),
        (120, {"paint_size": 512}, {}, "120 pictures, about 20 min; --method fast takes about 2 min"),
        (120, {"size": "300x200"}, {}, "120 pictures, about 6 min; --method fast takes about 29 s"),
        (1, {}, {}, ""),
        (2, {"size": 128}, {}, ""),
        (120, {}, {"method": OTHER}, ""),
        (120, {}, {"method": "optimize"}, ""),
    ],
)
def test_a_folder_is_announced(
    count: int, options: dict[str, Any], method: dict[str, Any], said: str
) -> None:
    chosen = OptimizeOptions(**{"method": BEST, **method})
    assert estimate(count, PhotoOptions(**options), chosen, threads=2) == said
    if said:
        half = estimate(count, PhotoOptions(**options), chosen, threads=4)
        assert half != said
