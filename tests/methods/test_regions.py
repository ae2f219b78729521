"""Regions, from user input to the share of each pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OptionError, StyleError
from restyle.images import picture as images
from restyle.images.geometry import Box
from restyle.methods.regions import make_regions, read_regions, region_paths, split_region
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.types import RegionsLike

LEFT = np.zeros((30, 42), np.float32)
LEFT[:, :21] = 1
ALL = Box(0, 0, 60, 84)


@pytest.fixture
def model(tiny_model: Path) -> Arbitrary:
    return arbitrary.load(tiny_model, threads=1)


@pytest.fixture
def mask_file(tmp_path: Path) -> Path:
    path = tmp_path / "left.png"
    Image.fromarray((LEFT * 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sky.png=great-wave", ("sky.png", "great-wave")),
        ("alpha=keep", ("alpha", "keep")),
        ("sky.png=a=b.jpg:0.4", ("sky.png", "a=b.jpg:0.4")),
    ],
)
def test_a_region_as_text(text: str, parts: tuple[str, str]) -> None:
    assert split_region(text) == parts


@pytest.mark.parametrize("text", ["sky.png", "=wave", "sky.png=", "", "="])
def test_invalid_region_text(text: str) -> None:
    with pytest.raises(OptionError, match="is not MASK=STYLE"):
        split_region(text)


def test_an_equals_sign_in_the_name_of_a_mask(in_folder: Path) -> None:
    Path("a=b.png").touch()
    assert split_region("a=b.png=wave") == ("a=b.png", "wave")
    assert split_region("a=c.png=wave") == ("a", "c.png=wave")


def test_every_way_to_give_regions(mask_file: Path, model: Arbitrary) -> None:
    text = f"{mask_file}=great-wave"
    ways: list[Any] = [
        text,
        [text],
        (str(mask_file), "great-wave"),
        [(mask_file, "great-wave")],
        {mask_file: "great-wave"},
        {str(mask_file): ["great-wave"]},
        [(LEFT, "great-wave")],
        [(LEFT > 0.5, "great-wave")],
        (Image.open(mask_file), "great-wave"),
    ]
    for way in ways:
        (region,) = read_regions(way)
        assert region.sources == ("great-wave",)
        assert region.mask is not None
        np.testing.assert_array_equal(region.mask, LEFT)
        assert not region.kept
        assert make_regions(way, None, model=model).name == "great-wave"


@pytest.mark.parametrize("keep", ["keep", None])
def test_keep_and_alpha(keep: str | None) -> None:
    (region,) = read_regions([("alpha", keep)])
    assert region.kept
    assert region.mask is None
    assert region.name == "alpha"


def test_two_texts_in_a_tuple_are_two_regions(mask_file: Path) -> None:
    assert len(read_regions((f"{mask_file}=great-wave", "alpha=keep"))) == 2
    assert len(read_regions(((LEFT, "great-wave"), (1 - LEFT, "keep")))) == 2


def test_styles_of_one_mask_are_mixed(mask_file: Path, model: Arbitrary) -> None:
    given = [f"{mask_file}=great-wave", f"{mask_file.parent}/./left.png=starry-night:0.5"]
    (region,) = read_regions(given)
    assert region.sources == ("great-wave", "starry-night:0.5")
    made = make_regions(given, None, model=model)
    pairs = make_regions([(LEFT, [("great-wave", 1), ("starry-night", 0.5)])], None, model=model)
    assert made.name == pairs.name == "great-wave+starry-night"
    assert made.styles[0] is not None
    assert pairs.styles[0] is not None
    assert (made.styles[0].code == pairs.styles[0].code).all()


def test_results_are_named_after_the_styles(model: Arbitrary, style_file: Path) -> None:
    given: RegionsLike = [(LEFT, "great-wave"), (1 - LEFT, style_file), ("alpha", "keep")]
    assert make_regions(given, "starry-night", model=model).name == "starry-night+great-wave+my-painting"
    assert make_regions(given, [], model=model).name == "great-wave+my-painting"
    assert make_regions([("alpha", "keep")], ["great-wave"], model=model).name == "great-wave"


def test_region_paths(mask_file: Path) -> None:
    given: RegionsLike = [f"{mask_file}=a.jpg:0.3", "alpha=keep", (LEFT, ["b.jpg", ("c.jpg", 2)])]
    assert list(region_paths(given)) == [str(mask_file), "a.jpg:0.3", ["b.jpg", ("c.jpg", 2)]]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ([], OptionError, "regions are empty"),
        ({}, OptionError, "regions are empty"),
        (7, OptionError, "regions are a dict or a list of (mask, style), not int"),
        ([7], OptionError, "a region is (mask, style) or 'MASK=STYLE', not 7"),
        ([(LEFT, "great-wave", 3)], OptionError, "a region is (mask, style)"),
        (["absent.png=great-wave"], InputError, "absent.png"),
        ([(LEFT * 0, "great-wave")], InputError, "entirely black"),
        ([(LEFT, "great-wafe")], StyleError, "did you mean 'great-wave'"),
        ([(LEFT, "great-wave:2")], StyleError, "takes no weight, but has 2"),
        (
            [("alpha", "keep"), ("alpha", "great-wave")],
            OptionError,
            "'alpha' has both a style and 'keep'",
        ),
        ([(LEFT, "keep")], OptionError, "every region is 'keep'"),
    ],
)
def test_invalid_regions(given: Any, error: type[Exception], said: str, model: Arbitrary) -> None:
    with pytest.raises(error) as caught:
        make_regions(given, None, model=model)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mask", ["subject", "faces"])
def test_what_cannot_be_found_is_refused_with_another_way(mask: str) -> None:
    with pytest.raises(OptionError, match=f"region '{mask}' cannot be found automatically; draw a box"):
        read_regions(f"{mask}=keep")


def test_a_file_named_like_a_subject_is_a_mask(
    tmp_path: Path, mask_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mask_file.rename(tmp_path / "subject")
    np.testing.assert_allclose(read_regions("subject=keep")[0].mask, LEFT, atol=1e-3)  # type: ignore[arg-type]


def test_too_large_masks_are_refused() -> None:
    with pytest.raises(InputError, match="pixels"):
        read_regions([(Image.new("L", (100, 100), 255), "a")], max_pixels=999)


def test_shares_at_the_size_of_the_photo(model: Arbitrary, photo: Any) -> None:
    picture = images.from_array(photo)
    regions = make_regions([(LEFT, "great-wave")], "starry-night", model=model)
    (wave, first), (night, second) = regions.parts(picture, ALL, (60, 84), 0)
    assert (first.name, second.name) == ("great-wave", "starry-night")
    np.testing.assert_allclose(wave + night, 1, atol=1e-6)
    np.testing.assert_allclose(wave[:, :41], 1, atol=1e-6)
    np.testing.assert_allclose(wave[:, 43:], 0, atol=1e-6)
    (soft, _), _ = regions.parts(picture, ALL, (60, 84), 20)
    ramp = soft[30]
    assert 15 <= ((ramp > 0.001) & (ramp < 0.999)).sum() <= 18  # 20% of 84 px


def test_each_style_is_painted_once_and_absent_ones_not_at_all(model: Arbitrary, photo: Any) -> None:
    picture = images.from_array(photo)
    top = np.zeros((60, 84), np.float32)
    top[:20] = 1
    regions = make_regions(
        [(LEFT, "great-wave"), (top, "starry-night"), (1 - LEFT, "great-wave")], "starry-night", model=model
    )
    parts = regions.parts(picture, ALL, (60, 84), 0)
    assert sorted(style.name for _, style in parts) == ["great-wave", "starry-night"]
    np.testing.assert_allclose(sum(share for share, _ in parts), 1, atol=1e-6)
    below = regions.parts(picture, Box(30, 0, 30, 84), (30, 84), 0)  # the top is cut off
    assert [style.name for _, style in below] == ["great-wave"]


def test_alpha_of_the_photo_as_mask(model: Arbitrary, photo: Any) -> None:
    alpha = np.zeros((60, 84, 1), np.uint8)
    alpha[20:40] = 255
    regions = make_regions([("alpha", "great-wave")], None, model=model)
    picture = images.from_array(np.concatenate([photo, alpha], -1))
    ((share, _),) = regions.parts(picture, ALL, (60, 84), 0)
    assert (share == alpha[..., 0] / 255).all()
    with pytest.raises(InputError, match="the photo has no alpha"):
        regions.parts(images.from_array(photo), ALL, (60, 84), 0)
    with pytest.raises(InputError, match="alpha channel is 0"):
        regions.parts(images.from_array(np.concatenate([photo, alpha * 0], -1)), ALL, (60, 84), 0)


def test_a_mask_of_other_proportions(model: Arbitrary, photo: Any) -> None:
    regions = make_regions([(LEFT.T.copy(), "great-wave")], None, model=model)
    with pytest.raises(InputError, match=r"mask \(array\): the mask is 30 x 42, the photo 84 x 60"):
        regions.parts(images.from_array(photo), ALL, (60, 84), 0)
