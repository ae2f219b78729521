"""The stages, one by one, and in their order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle import pipeline
from restyle.errors import InputError, OptionError
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.geometry import Box
from restyle.images.picture import Picture
from restyle.images.resize import resize
from restyle.methods.fast import painted_side
from restyle.methods.protocol import Settings
from restyle.methods.regions import make_regions
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, PhotoOptions, SaveOptions, parse_size
from restyle.style import Style, styles
from restyle.types import FloatArray

GRADIENT = np.linspace(0, 1, 40 * 60 * 3, dtype=np.float32).reshape(40, 60, 3)
ALPHA = np.linspace(0, 1, 40 * 60, dtype=np.float32).reshape(40, 60)


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def stylize(pixels: FloatArray, style: Style, network: Arbitrary, options: ImageOptions) -> FloatArray:
    return pipeline.stylize(pixels, style, Settings(network=network, finish=Picture, image=options))


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
    painted = stylize(content.pixels, wave, tiny, ImageOptions())

    def finish(**options: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return pipeline.postprocess(painted.copy(), content, ImageOptions(**options)).pixels

    assert (finish() == painted).all()
    for mode in ("luminance", "statistics"):
        kept = finish(keep_colors=mode)
        assert kept.mean((0, 1)) == pytest.approx(content.pixels.mean((0, 1)), abs=0.02)
    moved = finish(colors_only=True)
    assert (
        np.abs(moved.mean((0, 1)) - painted.mean((0, 1))).max()
        < np.abs(content.pixels.mean((0, 1)) - painted.mean((0, 1))).max()
    )
    assert (finish(strength=0, colors_only=True) == content.pixels).all()


def test_a_palette_is_painted_small(tiny: Arbitrary, wave: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PALETTE_SIDE", 30)
    painted = stylize(GRADIENT, wave, tiny, ImageOptions(colors_only=True))
    assert painted.shape == (20, 30, 3)
    out = pipeline.postprocess(painted, Picture(GRADIENT), ImageOptions(colors_only=True))
    assert out.pixels.shape == GRADIENT.shape


def test_what_came_with_the_file_stays(tiny: Arbitrary, wave: Style, tmp_path: Path) -> None:
    source = Picture(GRADIENT, ALPHA, depth=16)
    path = pipeline.save(source, tmp_path / "source.png", SaveOptions())
    out = pipeline.image(path, wave, tiny, ImageOptions())
    assert out.depth == 16
    assert out.alpha == pytest.approx(ALPHA, abs=1e-4)


def test_a_gray_photo_becomes_colored_unless_it_stays_itself(tiny: Arbitrary, wave: Style) -> None:
    gray = np.random.default_rng(0).integers(0, 255, (30, 30), np.uint8)
    assert not pipeline.image(gray, wave, tiny, ImageOptions()).gray
    assert pipeline.image(gray, wave, tiny, ImageOptions(strength=0)).gray


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


def test_large_strokes_at_the_size_of_the_photo(tiny: Arbitrary, wave: Style, tmp_path: Path) -> None:
    """Size, alpha, depth and kept colors are as ever."""
    pixels = np.random.default_rng(3).random((130, 171, 3)).astype(np.float32)
    alpha = np.repeat(np.linspace(0, 1, 171, dtype=np.float32)[None], 130, 0)
    path = pipeline.save(Picture(pixels, alpha, depth=16), tmp_path / "source.png", SaveOptions())
    out = pipeline.image(path, wave, tiny, PhotoOptions(paint_size=64))
    plain = pipeline.image(path, wave, tiny, PhotoOptions())
    assert out.pixels.shape == (130, 171, 3)
    assert out.depth == 16
    assert out.alpha == pytest.approx(alpha, abs=1e-4)
    assert np.abs(out.pixels - plain.pixels).max() > 0.05
    assert (pipeline.image(path, wave, tiny, PhotoOptions(paint_size=171)).pixels == plain.pixels).all()
    kept = pipeline.image(path, wave, tiny, PhotoOptions(paint_size=64, keep_colors="statistics")).pixels
    assert kept.mean((0, 1)) == pytest.approx(pixels.mean((0, 1)), abs=0.03)
    same = pipeline.image(path, wave, tiny, PhotoOptions(paint_size=64, strength=0)).pixels
    np.testing.assert_allclose(same, pixels, atol=1e-4)


def test_large_strokes_in_a_region(tiny: Arbitrary, wave: Style) -> None:
    pixels = np.random.default_rng(4).random((100, 150, 3)).astype(np.float32)
    mask = np.zeros((100, 150), np.float32)
    mask[:, 75:] = 1
    options = PhotoOptions(paint_size=64, feather=0)
    regions = make_regions([(mask, wave)], None, model=tiny)
    out = pipeline.image(Picture(pixels), regions, tiny, options).pixels
    alone = pipeline.image(Picture(pixels), wave, tiny, options).pixels
    assert (out[:, :75] == pixels[:, :75]).all()
    np.testing.assert_allclose(out[:, 75:], alone[:, 75:], atol=1e-6)


def test_the_side_that_is_painted() -> None:
    size = (600, 800)
    for options, side in (
        (ImageOptions(), 640),
        (ImageOptions(style_scale=2), 320),
        (ImageOptions(style_scale=0.5), 1280),
        (PhotoOptions(), 800),
        (ImageOptions(style_scale=2, colors_only=True), 800),  # there are no strokes
        (PhotoOptions(paint_size=512), 512),
        (PhotoOptions(paint_size=512, style_scale=2), 256),
        (PhotoOptions(paint_size=512, style_scale=0.5), 1024),
        (PhotoOptions(paint_size=4096), 800),
    ):
        assert painted_side(size, options) == side, options
    assert painted_side((3, 20), ImageOptions(style_scale=4)) == 16
    with pytest.raises(OptionError, match="16000x12000"):
        painted_side((3000, 4000), ImageOptions(style_scale=0.25, paint_size=4000))


def test_finer_strokes_at_the_size_of_the_photo(tiny: Arbitrary, wave: Style) -> None:
    pixels = np.random.default_rng(3).random((50, 71, 3)).astype(np.float32)
    plain = pipeline.image(Picture(pixels), wave, tiny, ImageOptions()).pixels
    fine = pipeline.image(Picture(pixels), wave, tiny, ImageOptions(style_scale=0.5)).pixels
    assert fine.shape == plain.shape
    assert np.abs(fine - plain).max() > 0.02
    same = pipeline.image(Picture(pixels), wave, tiny, ImageOptions(style_scale=0.5, strength=0)).pixels
    assert (same == pixels).all()


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
    assert formats.result_name(source, "wave") == name


def test_framing_is_what_is_cut() -> None:
    assert pipeline.framing((40, 60), ImageOptions()) == Box(0, 0, 40, 60)
    assert pipeline.framing((40, 60), ImageOptions(crop="1:1")) == Box(0, 10, 40, 40)
    assert pipeline.framing((40, 60), ImageOptions(crop="1:2", size="50x10")) == Box(18, 20, 4, 20)
    assert pipeline.framing((40, 60), ImageOptions(crop="50%x25%+10%+75%")) == Box(30, 6, 10, 30)
    for options in (
        {"crop": "30x20"},
        {"crop": "50%x100%+50%+0%"},
        {"crop": "80%", "size": "33x33"},
        {"size": "7x90"},
    ):
        made = ImageOptions(**options, strength=0)  # type: ignore[arg-type]
        box = pipeline.framing((40, 60), made)
        cut = GRADIENT[box.top : box.top + box.height, box.left : box.left + box.width]
        size = parse_size(made.size)
        expected = resize(cut, size) if isinstance(size, tuple) else cut
        np.testing.assert_array_equal(pipeline.preprocess(Picture(GRADIENT), made).pixels, expected)


@pytest.fixture
def halves() -> tuple[FloatArray, FloatArray]:
    """Masks of the left and the right half of the gradient, which meet softly."""
    left = np.repeat(np.clip((33 - np.arange(60)) / 6, 0, 1)[None], 40, axis=0).astype(np.float32)
    return left, np.float32(1) - left


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strength": 0.6},
        {"keep_colors": "luminance"},
        {"keep_colors": "statistics", "strength": 0.8},
        {"colors_only": True},
        {"crop": "50%"},
        {"size": 44, "brightness": 1.2},
        {"crop": "1:1", "size": "24x30"},
    ],
)
def test_regions_are_what_each_style_gives_alone(
    tiny: Arbitrary, halves: tuple[FloatArray, FloatArray], options: dict[str, Any]
) -> None:
    """Whatever the options: both results, each as if alone, added by the masks, cut and resized like them."""
    made = ImageOptions(**options, feather=0)
    picture = Picture(GRADIENT, ALPHA)
    wave, night = styles(tiny)
    regions = make_regions([(halves[0], wave), (halves[1], night)], None, model=tiny)
    out = pipeline.image(picture, regions, tiny, made)
    alone = [pipeline.image(picture, style, tiny, made) for style in (wave, night)]
    masks = [
        pipeline.preprocess(Picture(np.repeat(half[..., None], 3, -1)), replace(made, brightness=1.0)).pixels
        for half in halves
    ]
    expected = masks[0] * alone[0].pixels + masks[1] * alone[1].pixels
    assert out.pixels.shape == alone[0].pixels.shape
    np.testing.assert_allclose(out.pixels, expected, atol=0.02 if "size" in options else 1e-5)
    assert out.alpha is not None
    assert alone[0].alpha is not None
    assert (out.alpha == alone[0].alpha).all()


def test_the_rest_is_the_photo_or_the_background(
    tiny: Arbitrary, wave: Style, halves: tuple[FloatArray, FloatArray]
) -> None:
    picture, options = Picture(GRADIENT), ImageOptions(keep_colors="statistics", feather=5)
    night = styles(tiny)[1]
    plain = pipeline.image(picture, make_regions([(halves[0], wave)], None, model=tiny), tiny, options)
    assert (plain.pixels[:, 40:] == GRADIENT[:, 40:]).all()
    both = pipeline.image(picture, make_regions([(halves[0], wave)], night, model=tiny), tiny, options)
    alone = [pipeline.image(picture, style, tiny, options).pixels for style in (wave, night)]
    np.testing.assert_allclose(both.pixels[:, :20], alone[0][:, :20], atol=1e-6)
    np.testing.assert_allclose(both.pixels[:, 40:], alone[1][:, 40:], atol=1e-6)


@pytest.mark.parametrize("colors", [{}, {"keep_colors": "statistics"}, {"colors_only": True}])
def test_a_kept_subject_is_untouched_to_the_last_bit(
    tiny: Arbitrary, wave: Style, halves: tuple[FloatArray, FloatArray], colors: dict[str, Any]
) -> None:
    hard = (halves[0] > 0.5).astype(np.float32)
    regions = make_regions([(hard, "keep"), (np.ones_like(hard), wave)], wave, model=tiny)
    out = pipeline.image(Picture(GRADIENT), regions, tiny, ImageOptions(feather=10, **colors))
    assert (out.pixels[hard == 1] == GRADIENT[hard == 1]).all()
    assert np.abs(out.pixels[:, 50:] - GRADIENT[:, 50:]).max() > 0.01


def test_a_mask_lies_in_the_upright_photo(tiny: Arbitrary, wave: Style, tmp_path: Path) -> None:
    """The photo is stored on its side; its mask is drawn on what people see."""
    pixels = (GRADIENT * 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    path = tmp_path / "photo.png"
    image.save(path, exif=exif)
    top = np.zeros((40, 60), bool)
    top[:10] = True
    out = pipeline.image(path, make_regions([(top, wave)], None, model=tiny), tiny, ImageOptions(feather=0))
    upright = images.from_array(pixels).pixels
    assert out.pixels.shape == (40, 60, 3)
    assert (out.pixels[10:] == upright[10:]).all()
    assert np.abs(out.pixels[:10] - upright[:10]).max() > 0.01


def test_a_gray_photo_stays_gray_where_nothing_is_painted(tiny: Arbitrary, wave: Style) -> None:
    gray = Picture(np.repeat(GRADIENT.mean(-1, keepdims=True), 3, -1), gray=True)
    top = np.zeros((40, 60), np.float32)
    top[:10] = 1
    regions = make_regions([(top, wave)], None, model=tiny)
    assert not pipeline.image(gray, regions, tiny, ImageOptions()).gray
    below = pipeline.image(gray, regions, tiny, ImageOptions(crop="40%", feather=0))
    assert below.gray  # the region is cut off
    assert pipeline.image(gray, regions, tiny, ImageOptions(strength=0)).gray


def test_large_pictures_have_regions_too(
    tiny: Arbitrary, wave: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = np.random.default_rng(2).random((130, 170, 3)).astype(np.float32)
    mask = np.zeros((13, 17), np.float32)
    mask[:, 8:] = 1
    regions = make_regions([(mask, wave)], styles(tiny)[1], model=tiny)
    whole = pipeline.image(Picture(content), regions, tiny, ImageOptions())
    monkeypatch.setattr(arbitrary, "ONE_PASS_PIXELS", 5000)
    monkeypatch.setattr(arbitrary, "TILE", 64)
    seen: list[float] = []
    tiles = pipeline.image(Picture(content), regions, tiny, ImageOptions(), seen.append)
    np.testing.assert_allclose(tiles.pixels, whole.pixels, atol=2e-3)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)
    assert len(seen) > 10


def test_colors_under_full_transparency_decide_nothing(tiny: Arbitrary, wave: Style) -> None:
    pixels = np.random.default_rng(5).random((40, 50, 3), np.float32)
    alpha = np.zeros((40, 50), np.float32)
    alpha[10:30, 5:35] = 1
    other = np.where(alpha[..., None] > 0, pixels, 1 - pixels)
    options = PhotoOptions(contrast=1.3, keep_colors="statistics")
    results = [pipeline.image(Picture(each, alpha), wave, tiny, options).pixels for each in (pixels, other)]
    np.testing.assert_array_equal(results[0], results[1])
    codes = [Style.from_image(np.dstack([each, alpha]), model=tiny).code for each in (pixels, other)]
    np.testing.assert_array_equal(codes[0], codes[1])
