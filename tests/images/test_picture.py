"""Load and save pictures: orientation, EXIF, profiles, alpha and depth from file to file."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ExifTags, Image, ImageOps
from skimage import data

from restyle.errors import InputError, OptionError, OutputError
from restyle.images import icc as icc_profiles
from restyle.images import picture as images
from restyle.images.picture import (
    Picture,
    from_array,
    from_pil,
    load_image,
    save_image,
    to_array,
    to_kind,
    to_pil,
)
from restyle.types import to_unit
from tests.images.made_profiles import (
    DISPLAY_P3,
    SRGB_CURVE,
    gamma_curve,
    gray_profile,
    rgb_profile,
    table_profile,
)
from tests.images.test_exif import camera_block

Levels = npt.NDArray[np.uint8]
Deep = npt.NDArray[np.uint16]


def levels_of(picture: Picture) -> Levels:
    return np.asarray(np.rint(picture.pixels * 255), np.uint8)


def test_photo_round_trip(tmp_path: Path) -> None:
    photo: Levels = data.astronaut()  # type: ignore[no-untyped-call]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    picture = load_image(tmp_path / "photo.png")
    assert (picture.height, picture.width) == (512, 512)
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert (picture.alpha, picture.depth, picture.exif, picture.icc, picture.gray) == (
        None,
        8,
        None,
        None,
        False,
    )
    result = save_image(picture, tmp_path / "art.jpg")
    assert result == tmp_path / "art.jpg"
    error = np.asarray(Image.open(result)).astype(float) - photo
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 38


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_orientation_is_applied_once(tmp_path: Path, scene: Levels, suffix: str, orientation: int) -> None:
    path = tmp_path / f"turned{suffix}"
    if suffix == ".tif":
        Image.fromarray(scene).save(path, tiffinfo={274: orientation})
    else:
        Image.fromarray(scene).save(path, exif=camera_block(orientation), quality=98)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    picture = load_image(path)
    assert np.abs(levels_of(picture).astype(int) - upright).max() <= 1
    # ... and never again: what is saved is upright, with an orientation of 1 or none
    again = load_image(save_image(picture, tmp_path / "again.png"))
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    with Image.open(tmp_path / "again.png") as image:
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_deep_pictures(tmp_path: Path, deep_scene: Deep, orientation: int) -> None:
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "d.tif", deep_scene[..., :3], photometric="rgb", extratags=tags)
    low = Image.fromarray((deep_scene[..., :3] >> 8).astype(np.uint8))
    low.getexif()[ExifTags.Base.Orientation] = orientation
    upright = np.asarray(ImageOps.exif_transpose(low))
    deep = np.rint(load_image(tmp_path / "d.tif").pixels * 65535).astype(np.uint16)
    np.testing.assert_array_equal(deep >> 8, upright)


def test_exif_survives_resizing_and_changing_the_format(tmp_path: Path, scene: Levels) -> None:
    Image.fromarray(scene).save(tmp_path / "photo.jpg", exif=camera_block(6))
    picture = load_image(tmp_path / "photo.jpg")
    smaller = replace(picture, pixels=picture.pixels[:20, :10])
    for suffix in (".jpg", ".png", ".tif", ".webp", ".avif"):
        with Image.open(save_image(smaller, tmp_path / f"small{suffix}")) as image:
            image.load()
            exif = image.getexif()
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        assert exif[ExifTags.Base.Make] == "Maker of cameras"
        assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (10, 20)
        assert inner[ExifTags.Base.ExposureTime] == pytest.approx(1 / 250)
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
        assert not exif.get_ifd(ExifTags.IFD.IFD1)


def test_damaged_exif_is_left_out(tmp_path: Path, scene: Levels) -> None:
    Image.fromarray(scene).save(tmp_path / "photo.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert load_image(tmp_path / "photo.jpg").exif is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_in_give_16_bits_out(tmp_path: Path, deep_scene: Deep, suffix: str, channels: int) -> None:
    unit = to_unit(deep_scene)
    pixels, alpha = unit[..., : 1 if channels < 3 else 3], unit[..., 3] if channels in (2, 4) else None
    source = Picture(np.broadcast_to(pixels, (37, 53, 3)).copy(), alpha, 16, gray=channels < 3)
    picture = load_image(save_image(source, tmp_path / f"deep{suffix}"))
    assert picture.depth == 16
    assert picture.gray == (channels < 3)
    np.testing.assert_array_equal(picture.pixels, source.pixels)
    if alpha is not None:
        np.testing.assert_array_equal(picture.alpha, alpha)
    assert len(np.unique(picture.pixels[..., 0])) > 1000
    result = load_image(
        save_image(replace(picture, pixels=picture.pixels * np.float32(0.7)), tmp_path / f"art{suffix}")
    )
    assert result.depth == 16
    assert len(np.unique(result.pixels[..., 0])) > 1000
    assert load_image(save_image(picture, tmp_path / "art.jpg")).depth == 8


def test_float_tiff(tmp_path: Path, scene: Levels) -> None:
    tifffile.imwrite(tmp_path / "f.tif", (scene / 255).astype(np.float32), photometric="rgb")
    picture = load_image(tmp_path / "f.tif")
    assert picture.depth == 16
    np.testing.assert_array_equal(levels_of(picture), scene)
    tifffile.imwrite(tmp_path / "g.tif", scene.astype(np.float32), photometric="rgb")
    with pytest.raises(InputError, match=r"g\.tif: float values run from 0 to 255; restyle takes 0\.\.1"):
        load_image(tmp_path / "g.tif")
    tifffile.imwrite(tmp_path / "n.tif", np.full((4, 4, 3), np.nan, np.float32), photometric="rgb")
    with pytest.raises(InputError, match="NaN"):
        load_image(tmp_path / "n.tif")


def test_a_wider_profile_is_honoured_and_written(tmp_path: Path) -> None:
    icc = rgb_profile(DISPLAY_P3, SRGB_CURVE)
    color = Image.new("RGB", (16, 16), (180, 60, 60))
    color.save(tmp_path / "p3.png", icc_profile=icc)
    picture = load_image(tmp_path / "p3.png")
    red, green, _ = levels_of(picture)[0, 0]
    assert red > 180  # the same red takes more of sRGB's
    assert green < 60
    with Image.open(save_image(picture, tmp_path / "art.png")) as image:
        assert image.info["icc_profile"] == icc
        assert image.getpixel((3, 3)) == (180, 60, 60)


def test_16_bits_survive_a_profile(tmp_path: Path) -> None:
    ramp = np.linspace(0.3, 0.7, 4000, dtype=np.float32).reshape(50, 80, 1)
    muted = ramp * np.array([1, 0.95, 0.9], np.float32)
    source = Picture(muted, depth=16, icc=rgb_profile())
    picture = load_image(save_image(source, tmp_path / "wide.png"))
    assert np.abs(picture.pixels - muted).max() * 65535 < 3
    assert len(np.unique(picture.pixels[..., 0])) > 3900


def test_gray_profile(tmp_path: Path) -> None:
    icc = gray_profile(gamma_curve(1.0))
    Image.new("L", (8, 8), 55).save(tmp_path / "gray.png", icc_profile=icc)
    picture = load_image(tmp_path / "gray.png")
    assert picture.gray
    assert levels_of(picture)[0, 0].tolist() == [128, 128, 128]  # linear light 55/255
    assert picture.icc == icc_profiles.srgb_profile()
    with Image.open(save_image(picture, tmp_path / "art.png")) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (128, 128, 128)
        assert image.info["icc_profile"] == icc_profiles.srgb_profile()


def test_a_screens_profile_on_a_gray_picture(tmp_path: Path) -> None:
    icc = rgb_profile(DISPLAY_P3, gamma_curve(1.0))
    Image.new("L", (8, 8), 55).save(tmp_path / "gray.png", icc_profile=icc)
    assert levels_of(load_image(tmp_path / "gray.png"))[0, 0].tolist() == [128, 128, 128]


def test_cmyk_gets_an_srgb_profile(tmp_path: Path) -> None:
    ink = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    ink.save(tmp_path / "ink.jpg", icc_profile=table_profile(b"CMYK"))
    picture = load_image(tmp_path / "ink.jpg")
    assert picture.icc == icc_profiles.srgb_profile()
    assert (levels_of(picture) > 245).all()


def test_profile_without_inverse_is_replaced(tmp_path: Path, scene: Levels) -> None:
    Image.fromarray(scene).save(tmp_path / "scan.png", icc_profile=table_profile(b"RGB ", back=False))
    picture = load_image(tmp_path / "scan.png")
    assert picture.icc == icc_profiles.srgb_profile()
    assert np.abs(levels_of(picture).astype(int) - scene).max() > 20


@pytest.mark.parametrize("icc", [b"no profile", gray_profile(), table_profile(b"CMYK"), rgb_profile()[:140]])
def test_unusable_profile_is_ignored_with_a_warning(
    tmp_path: Path, scene: Levels, icc: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(scene).save(tmp_path / "odd.png", icc_profile=icc)
    picture = load_image(tmp_path / "odd.png")
    np.testing.assert_array_equal(levels_of(picture), scene)
    assert picture.icc is None
    assert "odd.png: ignored its color profile" in caplog.text


def test_alpha_survives(tmp_path: Path, scene: Levels) -> None:
    rgba = np.dstack([scene, scene[..., 1]])
    Image.fromarray(rgba).save(tmp_path / "logo.png")
    picture = load_image(tmp_path / "logo.png")
    for suffix in (".png", ".tif"):
        with Image.open(save_image(picture, tmp_path / f"art{suffix}")) as image:
            np.testing.assert_array_equal(np.asarray(image), rgba)


def test_kinds_of_sources(tmp_path: Path, scene: Levels) -> None:
    Image.fromarray(scene).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        for source in (str(tmp_path / "a.png"), tmp_path / "a.png", image, scene):
            np.testing.assert_array_equal(levels_of(load_image(source)), scene)
    content = (tmp_path / "a.png").read_bytes()
    with open(tmp_path / "a.png", "rb") as file:
        streams: list[Any] = [content, bytearray(content), memoryview(content), io.BytesIO(content), file]
        for stream in streams:
            np.testing.assert_array_equal(levels_of(load_image(stream)), scene)
    picture = load_image(scene)
    assert load_image(picture) is picture


def test_streams_that_hold_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bytes: is empty"):
        load_image(b"")
    with pytest.raises(InputError, match=r"is not an image .it contains text"):
        load_image(io.BytesIO(b"hello, I am no picture"))
    text: Any = io.StringIO("text")
    with pytest.raises(InputError, match="open it with mode 'rb'"):
        load_image(text)


@pytest.mark.parametrize("source", [None, 3, [[1, 2]], {"a": 1}], ids=repr)
def test_unsupported_sources(source: Any) -> None:
    with pytest.raises(InputError, match="pass a path, bytes, an open file, a PIL image"):
        load_image(source)


def test_limits_hold_for_every_source(tmp_path: Path, scene: Levels) -> None:
    Image.fromarray(scene).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", max_pixels=40 * 56).width == 56
    for source in (tmp_path / "a.png", Image.fromarray(scene)):
        with pytest.raises(InputError, match="over the limit of 2,239"):
            load_image(source, max_pixels=40 * 56 - 1)
    assert images.DEFAULT_MAX_PIXELS < 40_000 * 40_000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_array_round_trip(scene: Levels, dtype: type, channels: int) -> None:
    values = np.dstack([scene, scene[..., 0]])[..., :channels] / 255
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    array: npt.NDArray[Any] = np.rint(values * top).astype(dtype) if top > 1 else values.astype(dtype)
    picture = from_array(array)
    assert picture.depth == (8 if dtype == np.uint8 else 16)
    back = to_array(picture, like=array)
    assert back.dtype == dtype
    assert back.shape == (40, 56, 3 if channels == 1 else channels)
    np.testing.assert_allclose(back, np.repeat(array, 3, axis=-1) if channels == 1 else array, rtol=1e-6)


def test_array_of_one_plane_and_missing_alpha(scene: Levels) -> None:
    gray = from_array(scene[..., 0])
    assert gray.gray
    assert to_array(gray, like=scene[..., 0]).shape == (40, 56, 3)
    opaque = to_array(from_array(scene), like=np.zeros((1, 1, 4), np.uint8))
    assert (opaque[..., 3] == 255).all()


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.sampled_from([3, 4]))))
def test_pil_round_trip(array: Levels) -> None:
    image = Image.fromarray(array)
    back = to_pil(from_pil(image))
    assert back.mode == image.mode
    np.testing.assert_array_equal(np.asarray(back), array)


def test_pil_images_keep_profile_and_exif(tmp_path: Path, scene: Levels) -> None:
    icc = rgb_profile()
    muted = (scene // 4 + 96).astype(np.uint8)
    Image.fromarray(muted).save(tmp_path / "a.png", icc_profile=icc, exif=camera_block(6))
    with Image.open(tmp_path / "a.png") as image:
        result = to_pil(load_image(image))
    assert result.size == (40, 56)
    assert result.info["icc_profile"] == icc
    assert result.getexif()[ExifTags.Base.Make] == "Maker of cameras"
    assert result.getexif()[ExifTags.Base.Orientation] == 1
    assert np.abs(np.asarray(result).astype(int) - np.rot90(muted, 3)).max() <= 1


def test_gray_pil_image_gives_rgb() -> None:
    assert to_pil(from_pil(Image.new("L", (3, 2), 9))).getpixel((0, 0)) == (9, 9, 9)
    assert to_pil(from_pil(Image.new("LA", (3, 2), (9, 8)))).getpixel((0, 0)) == (9, 9, 9, 8)


def test_a_damaged_pil_image(tmp_path: Path, scene: Levels) -> None:
    path = tmp_path / "cut.jpg"
    Image.fromarray(scene).save(path)
    path.write_bytes(path.read_bytes()[:-60])
    with Image.open(path) as image, pytest.raises(InputError, match="image: damaged or unsupported JPEG"):
        load_image(image)


def test_saving_checks_before_it_works(tmp_path: Path, scene: Levels) -> None:
    picture = load_image(scene)
    with pytest.raises(OutputError, match="use one of"):
        save_image(picture, tmp_path / "art.docx")
    for quality in (0, 101, -5):
        with pytest.raises(OptionError, match=f"quality {quality} is outside 1..100"):
            save_image(picture, tmp_path / "art.jpg", quality=quality)
    save_image(picture, tmp_path / "art.jpg")
    with pytest.raises(OutputError, match="it exists"):
        save_image(picture, tmp_path / "art.jpg")
    with pytest.raises(OutputError, match="it is the input"):
        save_image(picture, tmp_path / "art.jpg", overwrite=True, inputs=[tmp_path / "art.jpg"])
    before = (tmp_path / "art.jpg").stat().st_size
    save_image(picture, tmp_path / "art.jpg", overwrite=True, quality=30)
    assert (tmp_path / "art.jpg").stat().st_size < before


def test_the_suffix_of_a_result_is_obeyed_whatever_its_case(tmp_path: Path, scene: Levels) -> None:
    for name, kind in (("a.JPEG", "JPEG"), ("b.Png", "PNG"), ("c.TIFF", "TIFF")):
        with Image.open(save_image(load_image(scene), tmp_path / name)) as image:
            assert image.format == kind


@settings(max_examples=30, deadline=None)
@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    suffix=st.sampled_from([".png", ".tif", ".bmp"]),
)
def test_any_size_round_trips(tmp_path_factory: pytest.TempPathFactory, pixels: Levels, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    np.testing.assert_array_equal(
        levels_of(load_image(save_image(load_image(pixels), path, overwrite=True))), pixels
    )


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif", ".bmp"])
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (16, 16), (33, 5)])
def test_size_is_exact(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    picture = load_image(save_image(Picture(np.full((*size, 3), 0.5, np.float32)), tmp_path / f"a{suffix}"))
    assert picture.pixels.shape[:2] == size
    assert np.abs(picture.pixels - 0.5).max() < 0.02


def test_big_endian_arrays(scene: Levels) -> None:
    deep = scene.astype(">u2") * 257
    picture = from_array(deep)
    assert picture.depth == 16
    np.testing.assert_array_equal(levels_of(picture), scene)
    np.testing.assert_array_equal(to_array(picture, like=deep), deep)


def test_standard_streams(scene: Levels, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.fromarray(scene).save(stream, "TIFF")
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output))
    save_image(load_image("-"), "-")
    with Image.open(io.BytesIO(output.getvalue())) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), scene)


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp", "pages.tif"])
def test_frames_that_are_left_out_are_named(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    red, blue = Image.new("RGB", (8, 6), (250, 0, 0)), Image.new("RGB", (8, 6), (0, 0, 250))
    red.save(tmp_path / name, save_all=True, append_images=[blue])
    load_image(tmp_path / name)
    assert f"{name}: has several frames or pages; only the first is read" in caplog.text


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64", "uint8"])
@pytest.mark.parametrize("shape", [(3, 5, 6), (1, 3, 5, 6), (5, 6, 3), (4, 5, 6), (5, 6)])
def test_tensors_in_and_out(kind: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).random(shape)
    tensor = torch.tensor(np.round(values * 255) if kind == "uint8" else values).to(getattr(torch, kind))
    tensor = tensor if kind == "uint8" else tensor.requires_grad_()
    picture = load_image(tensor)
    assert picture.pixels.shape == (5, 6, 3)
    back = to_kind(picture, tensor)
    assert (back.dtype, back.device, back.requires_grad) == (tensor.dtype, tensor.device, False)
    if shape == (5, 6):
        assert back.shape == (5, 6, 3)  # as for arrays: a result has colors
    else:
        assert back.shape == tensor.shape
        assert torch.allclose(back, tensor.detach(), atol=1e-7)


def test_one_tensor_at_a_time() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="tensor: holds 2 pictures; pass one at a time"):
        load_image(torch.zeros(2, 3, 5, 6))


def test_an_output_is_a_path() -> None:
    with pytest.raises(OutputError, match="output is of type BytesIO; give the path of a file"):
        save_image(from_array(np.zeros((3, 4, 3), np.uint8)), io.BytesIO())  # type: ignore[arg-type]
