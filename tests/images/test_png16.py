"""16-bit PNG: read files written by the book here, and files of our own read by the book and by Pillow."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, PngImagePlugin

from restyle.images import png16

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


def by_the_book(samples: Deep, *, kind: int | None = None, adam7: bool = False, extra: bytes = b"") -> bytes:
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


def opened(path: Path) -> PngImagePlugin.PngImageFile:
    image = Image.open(path)
    assert isinstance(image, PngImagePlugin.PngImageFile)
    return image


def read(path: Path) -> tuple[Deep, Deep | None]:
    with opened(path) as image, opened(path) as again:
        assert png16.is_deep(image)
        return png16.read(image, again)


def joined(color: Deep, alpha: Deep | None) -> Deep:
    return color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("adam7", [False, True])
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, None])
def test_reads_every_filter_and_interlace(
    tmp_path: Path, deep_scene: Deep, channels: int, adam7: bool, kind: int | None
) -> None:
    samples = deep_scene[..., 4 - channels :]
    path = tmp_path / "deep.png"
    path.write_bytes(by_the_book(samples, kind=kind, adam7=adam7))
    np.testing.assert_array_equal(joined(*read(path)), samples)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5)])
@pytest.mark.parametrize("adam7", [False, True])
def test_reads_tiny_pictures(tmp_path: Path, deep_scene: Deep, size: tuple[int, int], adam7: bool) -> None:
    samples = deep_scene[: size[0], : size[1], :3]
    path = tmp_path / "tiny.png"
    path.write_bytes(by_the_book(samples, adam7=adam7))
    np.testing.assert_array_equal(joined(*read(path)), samples)


def test_transparent_color_is_compared_in_16_bits(tmp_path: Path) -> None:
    samples = np.array([[[1000, 2000, 3000], [1001, 2000, 3000]]], np.uint16)
    path = tmp_path / "key.png"
    path.write_bytes(by_the_book(samples, extra=chunk(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))))
    color, alpha = read(path)
    np.testing.assert_array_equal(color, samples)
    np.testing.assert_array_equal(alpha, [[0, 65535]])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_leaves_to_pillow_what_pillow_can(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "plain.png"
    Image.new(mode, (4, 4)).save(path)
    with opened(path) as image:
        assert not png16.is_deep(image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_writes_what_the_book_says(deep_scene: Deep, channels: int) -> None:
    samples = deep_scene[:12, :, :channels]
    data = png16.encode(samples)
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
    path.write_bytes(png16.encode(deep_scene, icc=b"a profile", exif=exif.tobytes()))
    with opened(path) as image:
        assert image.info["icc_profile"] == b"a profile"
        assert image.getexif()[0x010F] == "Maker"


def test_smooth_pictures_get_smaller() -> None:
    ramp = np.linspace(0, 60000, 300 * 200 * 3).reshape(200, 300, 3).astype(np.uint16)
    assert len(png16.encode(ramp)) < ramp.nbytes / 3


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, samples: Deep) -> None:
    path = tmp_path_factory.getbasetemp() / "round.png"
    path.write_bytes(png16.encode(samples))
    np.testing.assert_array_equal(joined(*read(path)), samples)
