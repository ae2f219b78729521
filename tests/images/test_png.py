"""16-bit PNG: written by the specification here and read by restyle, and the other way round."""

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
from PIL import Image

from restyle.images import png
from restyle.images.decode import read_file

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
    data = png.encode(samples)
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
    path.write_bytes(png.encode(deep_scene, icc=b"a profile", exif=exif.tobytes()))
    with Image.open(path) as image:
        assert image.info["icc_profile"] == b"a profile"
        assert image.getexif()[0x010F] == "Maker"


def test_smooth_pictures_get_smaller() -> None:
    ramp = np.linspace(0, 60000, 300 * 200 * 3).reshape(200, 300, 3).astype(np.uint16)
    assert len(png.encode(ramp)) < ramp.nbytes / 3


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]))))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, samples: Deep) -> None:
    path = tmp_path_factory.getbasetemp() / "round.png"
    path.write_bytes(png.encode(samples))
    np.testing.assert_array_equal(joined(*read(path)), samples)
