"""`Style`: made, mixed, scaled, saved, compared, and found by whatever names one."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.images.picture import load_image
from restyle.images.resize import resize
from restyle.models import style_files
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar, stored
from restyle.style import Style, resolve, resolve_all, styles


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def flat(*color: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.full((80, 90, 3), color)


def test_a_style_is_the_same_from_path_image_and_array(tiny: Arbitrary, style_file: Path) -> None:
    from_path = Style.from_image(style_file, model=tiny)
    image = Image.open(style_file)
    from_pil = Style.from_image(image, model=tiny)
    from_array = Style.from_image(np.asarray(image), model=tiny)
    assert from_path.code.tolist() == from_pil.code.tolist() == from_array.code.tolist()
    assert from_path.name == "my-painting"
    assert from_pil.name == "style"
    assert Style.from_image(image, name="mine", model=tiny).name == "mine"
    assert from_path.model == "tiny-1"


def test_the_wrong_picture_is_named(tiny: Arbitrary, tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "dot.png")
    with pytest.raises(InputError, match=r"dot.png: style image of 3 x 3 px is too small"):
        Style.from_image(tmp_path / "dot.png", model=tiny)
    with pytest.raises(InputError, match="NaN"):
        Style.from_image(flat(np.nan, 0, 0), model=tiny)


def test_presets(tiny: Arbitrary) -> None:
    assert [style.name for style in styles(tiny)] == ["great-wave", "starry-night"]
    wave = Style.from_preset("Great Wave", model=tiny)
    assert (wave.name, wave.title, wave.artist, wave.year) == (
        "great-wave",
        "The Great Wave",
        "somebody",
        "1889",
    )
    with pytest.raises(StyleError, match="no preset is called 'stary-night'; did you mean 'starry-night'"):
        Style.from_preset("stary-night", model=tiny)


def test_shipped_presets_are_complete() -> None:
    found = styles()
    if not found:
        pytest.skip("no presets are there yet")
    assert len({style.name for style in found}) == len(found)
    for style in found:
        assert style.title
        assert style.artist
        assert style.year or style.name in ("argenteuil", "etching")  # their sources give none
        assert style.code.shape == found[0].code.shape
        assert style.scaled(0.5).code.shape == style.code.shape
        assert style.scaled(2).distance(style) < 0.5


def test_save_and_load_are_exact(tiny: Arbitrary, style_file: Path, tmp_path: Path) -> None:
    style = Style.from_image(style_file, model=tiny)
    path = style.save(tmp_path / "mine.style")
    assert style.save(tmp_path / "code.style", picture=False).stat().st_size < 1000
    loaded = Style.load(path)
    assert loaded.code.tolist() == style.code.tolist()
    assert loaded.name == style.name
    for factor in (0.25, 0.5, 2.0, 4.0):
        assert loaded.scaled(factor).code == pytest.approx(style.scaled(factor).code)
    with pytest.raises(OutputError, match="exists"):
        style.save(path)
    assert style.save(path, overwrite=True) == path


def test_a_scaled_style_keeps_its_scale_when_saved(tiny: Arbitrary, style_file: Path, tmp_path: Path) -> None:
    style = Style.from_image(style_file, scale=2, model=tiny)
    assert style.code == pytest.approx(Style.from_image(style_file, model=tiny).scaled(2).code)
    loaded = Style.load(style.save(tmp_path / "large.style"))
    assert loaded.code == pytest.approx(style.code)
    assert loaded.scaled(0.5).code == pytest.approx(style.scaled(0.5).code)
    with pytest.raises(OptionError, match="style scale"):
        style.scaled(3)


def test_a_saved_style_holds_its_picture(tiny: Arbitrary, style_file: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((700, 1000, 3), np.float32)
    large = Style.from_image(resize(noise[::70, ::100], (700, 1000)), scale=2, name="large", model=tiny)
    mixed = Style.mix([(large, 3), (style_file, 1)], model=tiny)
    path = mixed.save(tmp_path / "mixed.style")
    assert path.stat().st_size < 1_000_000
    loaded = pickle.loads(pickle.dumps(Style.load(path)))
    assert loaded.has_picture
    first, second = loaded.scaled(0.5).exemplars()
    assert (first.weight, first.scale) == (0.75, 1)
    assert (second.weight, second.scale) == (0.25, 0.5)
    assert second.pixels.shape == (70, 90, 3)
    assert (
        np.abs(second.pixels - Style.from_image(style_file, model=tiny).exemplars()[0].pixels).mean() < 0.08
    )
    again = Style.load(loaded.save(tmp_path / "again.style"))
    assert [each.weight for each in again.exemplars()] == [0.75, 0.25]
    for code_only in (
        Style.load(mixed.save(tmp_path / "code.style", picture=False)),
        Style.mix([(large, 1), ("great-wave", 1)], model=tiny),
    ):
        assert not code_only.has_picture
        with pytest.raises(StyleError, match=r"without an image.*styles save"):
            code_only.exemplars()


@pytest.mark.slow
def test_a_picture_in_a_style_file_is_of_bounded_size() -> None:
    long, small = (stored(Exemplar(np.full(size, 0.5, np.float32))) for size in ((9000, 700, 3), (3, 3, 3)))
    assert load_image(long.source).pixels.shape == (8192, 637, 3)
    assert load_image(small.source).pixels.shape == (3, 3, 3)


def test_a_style_of_a_picture_can_be_pickled(tiny: Arbitrary, style_file: Path) -> None:
    style = Style.from_image(style_file, model=tiny)
    copy = pickle.loads(pickle.dumps(style))
    assert copy.scaled(2).code == pytest.approx(style.scaled(2).code)


def test_mix_is_linear_and_named(tiny: Arbitrary) -> None:
    red, blue = (
        Style.from_image(flat(*c).astype(np.float32), name=n, model=tiny)
        for c, n in (((1, 0, 0), "red"), ((0, 0, 1), "blue"))
    )
    mixed = Style.mix([(red, 0.6), (blue, 0.2)], model=tiny)
    assert mixed.code == pytest.approx(0.75 * red.code + 0.25 * blue.code)
    assert mixed.name == "red+blue"
    assert Style.mix([(red, 1), (red, 1)], model=tiny).name == "red"
    assert Style.mix([(red, 1)], name="mine", model=tiny).name == "mine"


def test_mix_takes_names_and_paths(tiny: Arbitrary, style_file: Path) -> None:
    mixed = Style.mix([("great-wave", 1), (style_file, 1)], model=tiny)
    parts = [Style.from_preset("great-wave", model=tiny), Style.from_image(style_file, model=tiny)]
    assert mixed.code == pytest.approx((parts[0].code + parts[1].code) / 2)


def test_a_mixture_is_scaled_if_its_parts_can_be(tiny: Arbitrary, style_file: Path, tmp_path: Path) -> None:
    picture = Style.from_image(style_file, model=tiny)
    both = Style.mix([(picture, 1), (picture.scaled(2), 1)], model=tiny)
    assert both.scaled(2).code == pytest.approx((picture.scaled(2).code + picture.scaled(4).code) / 2)
    with pytest.raises(StyleError, match="'great-wave' was saved with one stroke size"):
        Style.mix([(picture, 1), ("great-wave", 1)], model=tiny).scaled(2)
    saved = Style.load(both.save(tmp_path / "both.style"))
    assert saved.code == pytest.approx(both.code)
    assert saved.scaled(2).code == pytest.approx(both.scaled(2).code)
    with pytest.raises(OptionError, match=r"outside 0\.25\.\.2"):
        saved.scaled(4)  # one of its parts is at 2 already
    fixed = Style.mix([(picture, 1), ("great-wave", 1)], model=tiny)
    assert Style.load(fixed.save(tmp_path / "fixed.style")).code == pytest.approx(fixed.code)


@pytest.mark.parametrize("weights", [(-1, 2), (0, 0)])
def test_weights_that_make_no_mixture(tiny: Arbitrary, weights: tuple[float, float]) -> None:
    with pytest.raises(StyleError):
        Style.mix([("great-wave", weights[0]), ("starry-night", weights[1])], model=tiny)
    with pytest.raises(StyleError, match="at least one"):
        Style.mix([], model=tiny)


def test_practice_changes_what_paints_and_not_what_is_compared(
    tiny: Arbitrary, style_file: Path, tmp_path: Path
) -> None:
    plain = Style.from_image(style_file, model=tiny)
    record = style_files.read(plain.save(tmp_path / "plain.style"))
    more = np.linspace(-1, 1, plain.code.size, dtype=np.float32)
    style_files.write(replace(record, refinement=more), tmp_path / "practised.style")
    style = Style.load(tmp_path / "practised.style")
    assert style.code == pytest.approx(plain.code + more)
    assert style.read == pytest.approx(plain.code)
    assert style.distance(plain) == pytest.approx(0, abs=1e-6)
    assert plain.read.tolist() == plain.code.tolist()
    assert style.scaled(0.5).code == pytest.approx(plain.scaled(0.5).code + more)
    mixed = Style.mix([(style, 3), (plain.scaled(2), 1)], model=tiny)
    assert mixed.code == pytest.approx(0.75 * style.code + 0.25 * plain.scaled(2).code)
    assert mixed.read == pytest.approx(0.75 * plain.code + 0.25 * plain.scaled(2).code, abs=1e-6)
    for each in (style, style.scaled(2), mixed):
        again = Style.load(each.save(tmp_path / "again.style", overwrite=True))
        assert again.code == pytest.approx(each.code, abs=1e-6)
        assert again.read == pytest.approx(each.read, abs=1e-6)


def test_distance(tiny: Arbitrary, style_file: Path) -> None:
    wave, night = styles(tiny)
    assert wave.distance(wave) == 0
    assert wave.distance(night) == pytest.approx(night.distance(wave))
    assert 0 < wave.distance(night) <= 1
    with pytest.raises(StyleError, match="cannot be compared"):
        wave.distance(Style(wave.code, "other-1"))


def test_styles_of_different_models_do_not_mix(tiny: Arbitrary) -> None:
    stranger = Style(np.zeros(6, np.float32), "other-1", "stranger")
    with pytest.raises(StyleError, match="'stranger' was made for model 'other-1', not for 'tiny-1'"):
        Style.mix([("great-wave", 1), (stranger, 1)], model=tiny)
    with pytest.raises(StyleError, match="'odd' has 7 numbers instead of 6"):
        resolve(Style(np.zeros(7, np.float32), "tiny-1", "odd"), model=tiny)


@pytest.mark.parametrize("name", ["great-wave", "Great Wave", "great_wave", "GREAT-WAVE"])
def test_resolve_finds_presets_however_they_are_spelt(tiny: Arbitrary, name: str) -> None:
    assert resolve(name, model=tiny).name == "great-wave"


def test_resolve_finds_files(tiny: Arbitrary, style_file: Path, tmp_path: Path) -> None:
    style = resolve(style_file, model=tiny)
    saved = style.save(tmp_path / "saved.style")
    assert resolve(str(style_file), model=tiny).code.tolist() == style.code.tolist()
    assert resolve(str(saved), model=tiny).code.tolist() == style.code.tolist()
    assert resolve(style, model=tiny) is style
    assert resolve(str(style_file), model=tiny, scale=2).code == pytest.approx(style.scaled(2).code)


def test_a_preset_goes_before_a_file_of_its_name_and_a_path_before_a_preset(
    tiny: Arbitrary, style_file: Path, in_folder: Path
) -> None:
    (in_folder / "great-wave").write_bytes(style_file.read_bytes())
    assert resolve("great-wave", model=tiny).title == "The Great Wave"
    assert resolve("./great-wave", model=tiny).title == ""


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (
            "starry nigth",
            StyleError,
            "no preset and no file is called 'starry nigth'; did you mean 'starry-night'?",
        ),
        ("xyzzy", StyleError, "`restyle styles` lists"),
        ("none.jpg", InputError, "none.jpg: there is no such file"),
        ("none.style", InputError, "none.style: there is no such file"),
        ("a/b/none", InputError, "a/b/none: there is no such file"),
    ],
)
def test_what_names_no_style(
    tiny: Arbitrary, in_folder: Path, source: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        resolve(source, model=tiny)
    assert said in str(caught.value)


def test_resolve_all(tiny: Arbitrary, style_file: Path) -> None:
    wave, night = styles(tiny)
    assert resolve_all("great-wave", model=tiny).name == "great-wave"
    assert resolve_all(["great-wave"], model=tiny).name == "great-wave"
    assert resolve_all(["great-wave:1"], model=tiny).name == "great-wave"
    mixed = resolve_all(["great-wave", "starry-night:0.5"], model=tiny)
    assert mixed.code == pytest.approx((wave.code * 2 + night.code) / 3)
    assert resolve_all([("great-wave", 2), night], model=tiny).code == pytest.approx(mixed.code)
    assert resolve_all([f"{style_file}:3", wave], model=tiny).name == "my-painting+great-wave"


def test_one_weight_alone_says_nothing(tiny: Arbitrary) -> None:
    for source in ("great-wave:0.4", ["great-wave:0.4"]):
        with pytest.raises(StyleError, match=r"weight, but has 0\.4"):
            resolve_all(source, model=tiny)


@pytest.mark.parametrize("pair", [("great-wave", "much"), ("great-wave",), ("great-wave", 1, 2), ("a", True)])
def test_what_is_no_pair(tiny: Arbitrary, pair: Any) -> None:
    with pytest.raises(OptionError, match="a weighted style is"):
        resolve_all([pair, "starry-night"], model=tiny)
