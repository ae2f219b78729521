"""Files that restyle writes, read back by Pillow."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ExifTags, Image

from restyle.errors import OutputError
from restyle.images import exif, formats
from restyle.images import icc as icc_profiles
from restyle.images.decode import read_file
from restyle.images.encode import encode, in_memory, to_samples, write_png
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


Deep = npt.NDArray[np.uint16]

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def paeth(a: int, b: int, c: int) -> int:
    """As the specification has it, one byte at a time."""
    p = a + b - c
    distances = [(abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c)]
    return min(distances)[2]


def predict(kind: int, row: bytes, above: bytes, i: int, step: int) -> int:
    left = row[i - step] if i >= step else 0
    corner = above[i - step] if i >= step else 0
    return (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[kind]


def filtered(samples: Deep, kind: int | None) -> bytes:
    """Rows with their filter bytes; kind None uses all five in turn."""
    step = 2 * samples.shape[2]
    above = bytes(samples.shape[1] * step)
    out = bytearray()
    for y, values in enumerate(samples):
        row = values.astype(">u2").tobytes()
        use = y % 5 if kind is None else kind
        out.append(use)
        out += bytes((row[i] - predict(use, row, above, i, step)) % 256 for i in range(len(row)))
        above = row
    return bytes(out)


def unfiltered(data: bytes, height: int, width: int, channels: int) -> Deep:
    step, length = 2 * channels, 2 * channels * width
    above, rows = bytes(length), []
    for y in range(height):
        start = y * (length + 1)
        row = bytearray()
        for i in range(length):
            row.append((data[start + 1 + i] + predict(data[start], bytes(row) + b"\0", above, i, step)) % 256)
        above = bytes(row)
        rows.append(np.frombuffer(above, ">u2").reshape(width, channels))
    return np.stack(rows).astype(np.uint16)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def by_specification(
    samples: Deep, *, kind: int | None = None, adam7: bool = False, extra: bytes = b""
) -> bytes:
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, adam7)
    if adam7:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        data = b"".join(filtered(each, kind) for each in passes if each.size)
    else:
        data = filtered(samples, kind)
    packed = zlib.compress(data)
    half = len(packed) // 2
    parts = [chunk(b"IDAT", packed[:half]), chunk(b"IDAT", packed[half:])]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + b"".join(parts) + chunk(b"IEND", b"")


def read(path: Path) -> tuple[Deep, Deep | None]:
    frame = read_file(path, 1_000_000)
    assert frame.colors.dtype == np.uint16
    return frame.colors, frame.alpha


def joined(color: Deep, alpha: Deep | None) -> Deep:
    return color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("adam7", [False, True])
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, None])
def test_reads_every_filter_and_interlace(
    tmp_path: Path, deep_scene: Deep, channels: int, adam7: bool, kind: int | None
) -> None:
    samples = deep_scene[..., 4 - channels :]
    path = tmp_path / "deep.png"
    path.write_bytes(by_specification(samples, kind=kind, adam7=adam7))
    np.testing.assert_array_equal(joined(*read(path)), samples)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5)])
@pytest.mark.parametrize("adam7", [False, True])
def test_reads_tiny_pictures(tmp_path: Path, deep_scene: Deep, size: tuple[int, int], adam7: bool) -> None:
    samples = deep_scene[: size[0], : size[1], :3]
    path = tmp_path / "tiny.png"
    path.write_bytes(by_specification(samples, adam7=adam7))
    np.testing.assert_array_equal(joined(*read(path)), samples)


def test_transparent_color_is_compared_in_16_bits(tmp_path: Path) -> None:
    samples = np.array([[[1000, 2000, 3000], [1001, 2000, 3000]]], np.uint16)
    path = tmp_path / "key.png"
    path.write_bytes(by_specification(samples, extra=chunk(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))))
    color, alpha = read(path)
    np.testing.assert_array_equal(color, samples)
    np.testing.assert_array_equal(alpha, [[0, 65535]])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_writes_valid_chunks(deep_scene: Deep, channels: int) -> None:
    samples = deep_scene[:12, :, :channels]
    data = in_memory(write_png, samples)
    assert data[16:29] == struct.pack(">IIBBBBB", 53, 12, 16, COLOUR_TYPES[channels], 0, 0, 0)
    packed, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        assert crc == zlib.crc32(name + body)
        packed += body if name == b"IDAT" else b""
        at += 12 + length
    assert name == b"IEND"
    np.testing.assert_array_equal(unfiltered(zlib.decompress(packed), 12, 53, channels), samples)


def test_profile_and_exif_are_where_pillow_finds_them(tmp_path: Path, deep_scene: Deep) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    path = tmp_path / "tagged.png"
    path.write_bytes(in_memory(write_png, deep_scene, icc=b"a profile", exif=exif.tobytes()))
    with Image.open(path) as image:
        assert image.info["icc_profile"] == b"a profile"
        assert image.getexif()[0x010F] == "Maker"


def test_smooth_pictures_get_smaller() -> None:
    ramp = np.linspace(0, 60000, 300 * 200 * 3).reshape(200, 300, 3).astype(np.uint16)
    assert len(in_memory(write_png, ramp)) < ramp.nbytes / 3


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]))))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, samples: Deep) -> None:
    path = tmp_path_factory.getbasetemp() / "round.png"
    path.write_bytes(in_memory(write_png, samples))
    np.testing.assert_array_equal(joined(*read(path)), samples)
