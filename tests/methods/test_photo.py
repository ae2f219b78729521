"""The method photo on drawn photos: the structure stays, whatever the style."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.cli import main
from restyle.errors import InputError, OptionError, StyleError
from restyle.images import picture
from restyle.images.resize import resize
from restyle.images.statistics import LUMA
from restyle.methods.photo import fit_set
from restyle.methods.photo.segments import Pixels, describe
from restyle.types import FloatArray, from_unit, to_unit


@pytest.fixture(scope="module")
def landscape() -> FloatArray:
    """A sky with a gradient, a dark tower, and a rough ground."""
    rng = np.random.default_rng(0)
    height, width = 150, 200
    photo = np.empty((height, width, 3), np.float32)
    photo[:90] = np.linspace(0.55, 0.8, 90)[:, None, None] * np.array([0.75, 0.9, 1.1])
    photo[90:] = np.array([0.35, 0.4, 0.2]) * rng.uniform(0.7, 1.2, (60, width, 1))
    photo[30:100, 80:110] = np.array([0.25, 0.15, 0.12])
    return photo.clip(0, 1)


@pytest.fixture(scope="module")
def evening() -> FloatArray:
    rng = np.random.default_rng(1)
    style = np.empty((120, 160, 3), np.float32)
    style[:70] = np.linspace(0.4, 0.9, 70)[:, None, None] * np.array([1.0, 0.6, 0.4])
    style[70:] = np.array([0.12, 0.1, 0.16]) * rng.uniform(0.5, 1.5, (50, 160, 1))
    return style.clip(0, 1)


def stylize(photo: FloatArray, style: FloatArray, **options: float) -> FloatArray:
    return np.asarray(restyle.image(photo, style, method="photo", threads=1, **options), np.float32)  # type: ignore[call-overload]


@pytest.mark.slow
def test_the_structure_stays(landscape: FloatArray, evening: FloatArray) -> None:
    result = stylize(landscape, evening)
    before, after = landscape @ LUMA, result @ LUMA
    for axis in (0, 1):
        old, new = np.diff(before, axis=axis), np.diff(after, axis=axis)
        edges = np.abs(old) > 0.05
        assert (np.sign(old[edges]) != np.sign(new[edges])).mean() < 0.005
    flat = result[5:25, 10:70]
    assert np.abs(np.diff(flat, axis=1)).max() < 0.01, "a sky stays smooth along a row"


@pytest.mark.slow
def test_sky_takes_the_sky_and_ground_the_ground(landscape: FloatArray, evening: FloatArray) -> None:
    result = stylize(landscape, evening)
    for part, own, other in (
        (result[:80, :60], evening[:70], evening[70:]),
        (result[110:], evening[70:], evening[:70]),
    ):
        near, far = (np.abs(part.mean((0, 1)) - each.mean((0, 1))).mean() for each in (own, other))
        assert near < 0.12
        assert near < far / 2


@pytest.mark.slow
def test_more_strength_moves_farther(landscape: FloatArray, evening: FloatArray) -> None:
    moved = [np.abs(stylize(landscape, evening, strength=s) - landscape).mean() for s in (0, 0.5, 1, 1.5)]
    assert moved[0] == 0
    assert moved == sorted(moved)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_steps_of_a_sky_stay_as_small_as_they_are(evening: FloatArray, dtype: type) -> None:
    """A ramp whose colors spread: without smoothing, steps of one level become steps of two or three."""
    ramp = np.linspace(0.4, 0.7, 300, dtype=np.float32)[:, None, None] * np.array([0.8, 0.9, 1.0])
    sky = from_unit(np.broadcast_to(ramp, (300, 200, 3)).astype(np.float32), dtype)
    result = restyle.image(sky, evening, method="photo", threads=1)
    assert result.dtype == dtype
    shown = [from_unit(to_unit(each), np.uint8).astype(int) for each in (sky, result)]
    before, after = (np.abs(np.diff(each, axis=0)).max() for each in shown)
    assert np.ptp(shown[1], axis=0).max() > np.ptp(shown[0], axis=0).max()
    assert after <= before == 1


@pytest.mark.slow
def test_16_bits_stay_16_bits(tmp_path: Path, landscape: FloatArray, evening: FloatArray) -> None:
    deep = (landscape * 65535).astype(np.uint16)
    result = restyle.image(deep, evening, method="photo", threads=1)
    assert result.dtype == np.uint16
    assert len(np.unique(result[:90, :70])) > 300
    target = restyle.image(deep, evening, method="photo", threads=1, output=tmp_path / "deep.tif")
    assert picture.load_image(target).depth == 16


@pytest.mark.slow
@pytest.mark.parametrize("size", [(9, 8), (8, 150), (40, 40)])
def test_any_size_of_photo_and_style(
    size: tuple[int, int], landscape: FloatArray, evening: FloatArray
) -> None:
    other = resize(landscape, size, "area")
    assert stylize(other, evening).shape == other.shape
    assert np.isfinite(stylize(landscape, resize(evening, size, "area"))).all()


@pytest.mark.slow
def test_what_it_does_not_take(landscape: FloatArray, evening: FloatArray) -> None:
    for options, message in (
        ({"style_scale": 2.0}, "style-scale"),
        ({"colors_only": True}, "colors-only"),
        ({"paint_size": 512}, "paint-size"),
        ({"strength": 1.6}, r"outside 0\.\.1\.5"),
    ):
        with pytest.raises(OptionError, match=message):
            stylize(landscape, evening, **options)
    with pytest.raises(OptionError, match=r"strength 1.2 is outside 0\.\.1 for method 'fast'"):
        restyle.image(landscape, evening, strength=1.2, method="fast", threads=1)
    with pytest.raises(OptionError, match="protect-skin is for --method photo"):
        restyle.image(landscape, evening, protect_skin=False, threads=1)


@pytest.mark.slow
def test_a_style_without_a_picture_is_refused(
    tmp_path: Path, landscape: FloatArray, evening: FloatArray
) -> None:
    saved = restyle.Style.from_image(evening).save(tmp_path / "evening.style", picture=False)
    with pytest.raises(StyleError, match="without an image"):
        restyle.image(landscape, str(saved), method="photo", threads=1)


@pytest.mark.slow
def test_a_cube_file_gives_the_same_as_the_direct_result(
    tmp_path: Path, landscape: FloatArray, evening: FloatArray
) -> None:
    for name, pixels in (("photo.png", landscape), ("evening.png", evening)):
        picture.save_image(picture.Picture(pixels), tmp_path / name)
    photo, style, cube = (str(tmp_path / name) for name in ("photo.png", "evening.png", "evening.cube"))
    with pytest.raises(SystemExit) as stop:
        main(["export", "look", photo, "--style", style, "-o", cube])
    assert stop.value.code == 0
    direct = restyle.image(np.asarray(Image.open(photo)), style, method="photo", consistent=True, threads=1)
    table = restyle.image(np.asarray(Image.open(photo)), look=cube, threads=1)
    assert np.abs(direct.astype(int) - table.astype(int)).max() <= 1


@pytest.mark.slow
def test_a_folder_gets_one_look(tmp_path: Path, landscape: FloatArray, evening: FloatArray) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index, factor in enumerate((0.8, 1.0)):
        dimmed = picture.Picture(np.asarray(landscape * np.float32(factor), np.float32))
        picture.save_image(dimmed, folder / f"{index}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    picture.save_image(picture.Picture(evening), tmp_path / "evening.png")
    words = [
        "image",
        str(folder),
        "--style",
        str(tmp_path / "evening.png"),
        "--method",
        "photo",
        "--consistent",
    ]
    with pytest.raises(SystemExit) as stop:
        main([*words, "-o", f"{tmp_path}/out/"])
    assert stop.value.code == 1, "the broken photo is reported"
    results = [picture.load_image(tmp_path / "out" / f"{index}.png").pixels for index in (0, 1)]
    apart = np.abs(results[0] - results[1]).mean()
    assert apart < 0.6 * np.abs(landscape * 0.2).mean()


def test_a_look_needs_no_style(tmp_path: Path, landscape: FloatArray) -> None:
    result = np.asarray(restyle.image(landscape, look="silver", threads=1))
    assert np.ptp(result, axis=-1).max() < 0.01
    half = np.asarray(restyle.image(landscape, look="silver", strength=0.5, threads=1))
    np.testing.assert_allclose(half, (landscape + result) / 2, atol=1e-3)
    picture.save_image(picture.Picture(landscape), tmp_path / "photo.png")
    with pytest.raises(StyleError, match="is a look, not a style: use --look silver"):
        restyle.image(landscape, "silver", threads=1)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"keep_colors": "luminance"}, {"colors_only": True}, {"style_scale": 2}])
def test_options_of_strokes_are_refused(
    landscape: FloatArray, evening: FloatArray, options: dict[str, Any]
) -> None:
    name = next(iter(options)).replace("_", "-")
    with pytest.raises(OptionError, match=f"method 'photo' .* does not take {name}"):
        restyle.image(landscape, evening, method="photo", threads=1, **options)


def photo(seed: int, factor: tuple[float, float, float]) -> FloatArray:
    """Patches of color under a light."""
    patches = np.random.default_rng(seed).uniform(0.15, 0.7, (6, 8, 3)).astype(np.float32)
    return np.clip(resize(patches, (60, 80), "bilinear") * np.array(factor, np.float32), 0, 1)


@pytest.fixture(scope="module")
def style() -> Pixels:
    return describe(photo(9, (1.2, 0.9, 0.7)), None)


def test_different_lights_are_evened(style: Pixels) -> None:
    """The same scene under three lights; one photo alone would keep or remove all differences."""
    lights = [(1.0, 1.0, 1.0), (0.8, 0.8, 0.85), (1.15, 1.1, 1.0)]
    photos = [photo(0, light) for light in lights]
    look = fit_set(photos, style, 1.0, False)
    results = [look.table_for(each).apply(each) for each in photos]

    def spread(pictures: list[FloatArray]) -> float:
        return float(np.mean([np.abs(each - pictures[0]).mean() for each in pictures[1:]]))

    assert spread(results) < 0.7 * spread([look.table.apply(each) for each in photos])


def test_equal_colors_stay_equal_in_photos_of_one_light(style: Pixels) -> None:
    whole = photo(1, (1, 1, 1))
    look = fit_set([whole, whole], style, 1.0, False)
    np.testing.assert_array_equal(look.table_for(whole).nodes, look.table_for(whole).nodes)
    np.testing.assert_allclose(look.table_for(whole).nodes, look.table.nodes, atol=2e-3)


def test_a_set_needs_photos(style: Pixels) -> None:
    with pytest.raises(InputError, match="none of the photos"):
        fit_set([], style, 1.0, False)


def test_black_and_white_photos_have_a_look(style: Pixels) -> None:
    for value in (0.0, 1.0):
        flat = np.full((20, 30, 3), value, np.float32)
        assert np.isfinite(fit_set([flat], style, 1.0, True).table_for(flat).nodes).all()
