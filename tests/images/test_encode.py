"""Files that restyle writes, read back by Pillow."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image

from restyle.errors import OutputError
from restyle.images import exif, formats
from restyle.images import icc as icc_profiles
from restyle.images.encode import encode, to_samples
from restyle.images.picture import Picture
from tests.images.made_profiles import gamma_curve, rgb_profile
from tests.images.test_exif import camera_block

Levels = npt.NDArray[np.uint8]
PHOTOS = Path(__file__).parents[2] / "docs" / "photos"
WRITABLE = [kind for kind in formats.FORMATS if kind.writable]


def picture(levels: Levels, **options: Any) -> Picture:
    return Picture(levels.astype(np.float32) / np.float32(255), **options)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_every_format(scene: Levels, kind: formats.Format) -> None:
    image = opened(encode(picture(scene), kind, None, "art"))
    assert image.format == kind.name
    assert image.mode == "RGB"
    difference = np.abs(np.asarray(image).astype(int) - scene)
    if kind.quality is not None:
        assert difference.mean() < 2
    else:
        assert difference.max() == 0


@pytest.mark.parametrize("kind", [formats.JPEG, formats.WEBP, formats.AVIF], ids=lambda kind: kind.name)
def test_quality_is_obeyed(scene: Levels, kind: formats.Format) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    sizes = [len(encode(picture(noise), kind, quality, "art")) for quality in (20, 60, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2
    default = encode(picture(noise), kind, None, "art")
    assert default == encode(picture(noise), kind, kind.quality, "art")


@pytest.mark.parametrize("kind", [formats.JPEG, formats.WEBP, formats.AVIF], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photo_comes_back_by_default(name: str, kind: formats.Format) -> None:
    with Image.open(PHOTOS / f"{name}.jpg") as photo:
        levels = np.asarray(photo.convert("RGB"))
    if kind is not formats.WEBP:  # which halves chroma
        grain = np.random.default_rng(0).normal(0, 2, levels.shape)  # the JPEGs of the docs have lost theirs
        levels = np.clip(np.rint(levels + grain), 0, 255).astype(np.uint8)
    back = np.asarray(opened(encode(picture(levels), kind, None, "art")).convert("RGB"))
    psnr = 10 * np.log10(255**2 / np.mean((back.astype(float) - levels) ** 2))
    assert psnr >= 40


def test_jpeg_keeps_chroma_at_full_resolution() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    image = opened(encode(picture(stripes), formats.JPEG, None, "art"))
    assert np.abs(np.asarray(image).astype(int) - stripes).mean() < 12


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_alpha(scene: Levels, kind: formats.Format, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "restyle.images")
    alpha = np.broadcast_to(np.linspace(0, 1, 56, dtype=np.float32), (40, 56))
    image = opened(encode(picture(scene, alpha=alpha), kind, None, "art.x"))
    if kind.alpha:
        assert image.mode == "RGBA"
        levels = np.asarray(image)
        assert np.abs(levels[..., 3].astype(float) / 255 - alpha).max() < 0.05
        assert np.abs(levels[:, 20:, :3].astype(int) - scene[:, 20:]).mean() < 4
        assert not caplog.text
    else:
        expected = scene * alpha[..., None] + 255 * (1 - alpha[..., None])
        assert np.abs(np.asarray(image) - expected).mean() < 2
        assert f"art.x: {kind.name} has no transparency" in caplog.text


def test_opaque_alpha_needs_no_warning(scene: Levels, caplog: pytest.LogCaptureFixture) -> None:
    encode(picture(scene, alpha=np.ones((40, 56), np.float32)), formats.JPEG, None, "art")
    assert not caplog.text


@pytest.mark.parametrize("kind", [formats.PNG, formats.TIFF, formats.WEBP], ids=lambda kind: kind.name)
def test_colors_under_transparency_are_kept(scene: Levels, kind: formats.Format) -> None:
    image = opened(encode(picture(scene, alpha=np.zeros((40, 56), np.float32)), kind, None, "art"))
    assert np.abs(np.asarray(image)[..., :3].astype(int) - scene).mean() < 4


@pytest.mark.parametrize("kind", [kind for kind in WRITABLE if kind.metadata], ids=lambda kind: kind.name)
def test_exif_and_profile(scene: Levels, kind: formats.Format) -> None:
    icc = rgb_profile(curve=gamma_curve(1.0))
    muted = (scene // 4 + 96).astype(np.uint8)
    image = opened(encode(picture(muted, exif=exif.upright(camera_block()), icc=icc), kind, 98, "art"))
    assert image.info["icc_profile"] == icc
    found = image.getexif()
    assert found[ExifTags.Base.Make] == "Maker of cameras"
    assert found.get(ExifTags.Base.Orientation, 1) == 1
    inner = found.get_ifd(ExifTags.IFD.Exif)
    assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (56, 40)
    assert found.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    # the pixels are those of the profile, not of sRGB
    back = icc_profiles.to_srgb(np.asarray(image).astype(np.float32) / np.float32(255), icc) * 255
    assert np.abs(back - muted).mean() < 4
    assert np.abs(np.asarray(image).astype(int) - muted).mean() > 20


def test_a_format_without_profiles_gets_srgb(scene: Levels) -> None:
    image = opened(encode(picture(scene, icc=rgb_profile()), formats.BMP, None, "art"))
    np.testing.assert_array_equal(np.asarray(image), scene)


def test_exif_too_long_for_jpeg_is_dropped_with_a_warning(
    scene: Levels, caplog: pytest.LogCaptureFixture
) -> None:
    block = exif.upright(camera_block() + bytes(70_000))
    assert block is not None
    image = opened(encode(picture(scene, exif=block), formats.JPEG, None, "art.jpg"))
    assert "exif" not in image.info
    assert "art.jpg: dropped EXIF of" in caplog.text


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_depth(kind: formats.Format) -> None:
    ramp = np.repeat(np.linspace(0, 1, 3000, dtype=np.float32).reshape(50, 60, 1), 3, axis=-1)
    tint = ramp * np.array([1, 0.9, 0.8], np.float32)
    data = encode(Picture(tint, depth=16), kind, None, "art")
    image = opened(data)
    if kind is formats.PNG:
        assert data[24] == 16
    elif kind is formats.TIFF:
        assert getattr(image, "tag_v2")[258] == (16, 16, 16)  # noqa: B009
    else:
        assert np.asarray(image).dtype == np.uint8
    assert encode(Picture(tint, depth=8), formats.PNG, None, "art")[24] == 8


def test_gray_stays_gray() -> None:
    ramp = np.repeat(np.linspace(0, 1, 40, dtype=np.float32).reshape(5, 8, 1), 3, axis=-1)
    for kind in WRITABLE:
        image = opened(encode(Picture(ramp, gray=True), kind, None, "art"))
        assert image.mode == ("RGB" if kind in (formats.WEBP, formats.AVIF) else "L")
    colored = ramp * np.array([1, 0.5, 0.5], np.float32)
    assert opened(encode(Picture(colored, gray=True), formats.PNG, None, "art")).mode == "RGB"
    assert opened(encode(Picture(ramp, gray=False), formats.PNG, None, "art")).mode == "RGB"
    with_alpha = Picture(ramp, np.full((5, 8), 0.5, np.float32), gray=True)
    assert opened(encode(with_alpha, formats.PNG, None, "art")).mode == "LA"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples(dtype: type) -> None:
    top = np.iinfo(dtype).max
    pixels = np.array([[[0, 0.5, 1]]], np.float32)
    samples = to_samples(Picture(pixels), None, dtype, alpha=True)
    np.testing.assert_array_equal(samples, [[[0, (top + 1) // 2, top]]])


@pytest.mark.parametrize(
    ("kind", "width"), [(formats.WEBP, 16384), (formats.JPEG, 65536)], ids=["WEBP", "JPEG"]
)
def test_sizes_that_a_format_refuses(kind: formats.Format, width: int) -> None:
    wide = Picture(np.zeros((1, width, 3), np.float32))
    with pytest.raises(OutputError, match=rf"cannot write art: {kind.name} cannot hold {width} x 1 pixels"):
        encode(wide, kind, None, "art")
