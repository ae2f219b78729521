"""The stages, one by one, and in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle import pipeline
from restyle.errors import InputError, OptionError
from restyle.media.images import Picture
from restyle.methods import arbitrary
from restyle.methods.arbitrary import Arbitrary
from restyle.options import ImageOptions, SaveOptions
from restyle.style import Style, styles

GRADIENT = np.linspace(0, 1, 40 * 60 * 3, dtype=np.float32).reshape(40, 60, 3)
ALPHA = np.linspace(0, 1, 40 * 60, dtype=np.float32).reshape(40, 60)


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


@pytest.fixture
def wave(tiny: Arbitrary) -> Style:
    return styles(tiny)[0]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (40, 60)),
        ({"crop": "1:1"}, (40, 40)),
        ({"crop": "30x20"}, (20, 30)),
        ({"crop": "50%"}, (20, 30)),
        ({"size": 30}, (20, 30)),
        ({"size": "90"}, (60, 90)),
        ({"size": "33x33"}, (33, 33)),
        ({"crop": "1:1", "size": 20}, (20, 20)),
        ({"crop": "1:2", "size": "50x10"}, (10, 50)),
    ],
)
def test_crop_then_size(options: dict[str, Any], size: tuple[int, int]) -> None:
    out = pipeline.preprocess(Picture(GRADIENT, ALPHA), ImageOptions(**options))
    assert out.pixels.shape == (*size, 3)
    assert out.alpha is not None
    assert out.alpha.shape == size


def test_exact_size_cuts_instead_of_squashing() -> None:
    stripe = np.zeros((40, 60, 3), np.float32)
    stripe[:, 25:35] = 1
    out = pipeline.preprocess(Picture(stripe), ImageOptions(size="40x40"))
    assert (out.pixels[20, :, 0] > 0.5).sum() == 10  # squashed, it would be 7 wide


def test_nothing_asked_nothing_changed() -> None:
    out = pipeline.preprocess(Picture(GRADIENT), ImageOptions())
    assert out.pixels is GRADIENT


def test_brightness_and_contrast() -> None:
    flat = Picture(np.full((8, 8, 3), 0.25, np.float32))
    assert pipeline.preprocess(flat, ImageOptions(brightness=2)).pixels == pytest.approx(0.5)
    sharper = pipeline.preprocess(Picture(GRADIENT), ImageOptions(contrast=0.5))
    assert sharper.pixels.std() == pytest.approx(GRADIENT.std() / 2, rel=0.05)


def test_limits() -> None:
    with pytest.raises(OptionError, match="crop 100 x 10 is larger than the picture, 60 x 40"):
        pipeline.preprocess(Picture(GRADIENT), ImageOptions(crop="100x10"))
    with pytest.raises(OptionError, match=r"size 90000x60000 is more than 200,000,000 pixels"):
        pipeline.preprocess(Picture(GRADIENT), ImageOptions(size=90_000))
    with pytest.raises(InputError, match="over the limit of 399"):
        pipeline.load(Image.new("RGB", (20, 20)), ImageOptions(max_pixels=399))


def test_whose_colors(tiny: Arbitrary, wave: Style) -> None:
    content = Picture(np.random.default_rng(0).random((48, 56, 3), np.float32) * 0.5)
    painted = pipeline.transfer(content.pixels, wave, tiny, ImageOptions())

    def finish(**options: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return pipeline.postprocess(painted.copy(), content, ImageOptions(**options)).pixels

    luma = np.array([0.299, 0.587, 0.114], np.float32)
    assert (finish() == painted).all()
    assert finish(keep_colors="luminance") @ luma == pytest.approx(painted @ luma, abs=0.02)
    kept = finish(keep_colors="statistics")
    assert kept.mean((0, 1)) == pytest.approx(content.pixels.mean((0, 1)), abs=0.02)
    moved = finish(colors_only=True)
    assert (
        np.abs(moved.mean((0, 1)) - painted.mean((0, 1))).max()
        < np.abs(content.pixels.mean((0, 1)) - painted.mean((0, 1))).max()
    )
    assert (finish(strength=0, colors_only=True) == content.pixels).all()


def test_a_palette_is_painted_small(tiny: Arbitrary, wave: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PALETTE_SIDE", 30)
    painted = pipeline.transfer(GRADIENT, wave, tiny, ImageOptions(colors_only=True))
    assert painted.shape == (20, 30, 3)
    out = pipeline.postprocess(painted, Picture(GRADIENT), ImageOptions(colors_only=True))
    assert out.pixels.shape == GRADIENT.shape


def test_what_came_with_the_file_stays(tiny: Arbitrary, wave: Style, tmp_path: Path) -> None:
    source = Picture(GRADIENT, ALPHA, depth=16)
    path = pipeline.save(source, tmp_path / "source.png", SaveOptions())
    out = pipeline.image(path, wave, tiny, ImageOptions())
    assert out.depth == 16
    assert out.alpha == pytest.approx(ALPHA, abs=1e-4)


def test_a_grey_photo_becomes_colored_unless_it_stays_itself(tiny: Arbitrary, wave: Style) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (30, 30), np.uint8)
    assert not pipeline.image(grey, wave, tiny, ImageOptions()).grey
    assert pipeline.image(grey, wave, tiny, ImageOptions(strength=0)).grey


def test_large_pictures_go_through_tiles(
    tiny: Arbitrary, wave: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.image(GRADIENT, wave, tiny, ImageOptions()).pixels
    monkeypatch.setattr(arbitrary, "ONE_PASS_PIXELS", 100)
    monkeypatch.setattr(arbitrary, "TILE", 40)
    monkeypatch.setattr(arbitrary, "HALO", 8)
    told: list[float] = []
    tiled = pipeline.image(GRADIENT, wave, tiny, ImageOptions(), told.append).pixels
    assert len(told) > 3
    assert tiled == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/photo.jpg", "photo-wave.jpg"),
        ("photo.JPEG", "photo-wave.JPEG"),
        ("holiday.2024.tif", "holiday.2024-wave.tif"),
        ("anim.gif", "anim-wave.png"),
        ("scan", "scan-wave.png"),
    ],
)
def test_result_name(source: str, name: str) -> None:
    assert pipeline.result_name(source, "wave") == name
