"""TIFF: variants that tifffile or Pillow write, and files of our own read back by both."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, TiffImagePlugin

from restyle.errors import InputError
from restyle.images import tiff
from restyle.images.decode import read_file
from restyle.images.encode import in_memory
from restyle.images.tiff import Tag, number, numbers

NAMES = {
    Tag.WIDTH: "ImageWidth",
    Tag.BITS: "BitsPerSample",
    Tag.COMPRESSION: "Compression",
    Tag.PHOTOMETRIC: "PhotometricInterpretation",
    Tag.STRIP_OFFSETS: "StripOffsets",
    Tag.PLANAR: "PlanarConfiguration",
    Tag.PREDICTOR: "Predictor",
    Tag.TILE_BYTES: "TileByteCounts",
    Tag.EXTRA: "ExtraSamples",
    Tag.FORMAT: "SampleFormat",
    Tag.ICC: "InterColorProfile",
}


def test_numbers_of_tags() -> None:
    for tag, name in NAMES.items():
        assert tifffile.TIFF.TAGS[int(tag)] == name


def test_numbers_and_defaults() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[Tag.BITS] = (16, 16)
    assert numbers(tags, Tag.BITS, (1,)) == (16, 16)
    assert number(tags, Tag.WIDTH, 7) == 7


def test_text_for_a_number_is_refused() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[Tag.WIDTH] = "wide"
    with pytest.raises(InputError, match="tag 256 is damaged"):
        number(tags, Tag.WIDTH, 0)


Deep = npt.NDArray[np.uint16]
LIMIT = 1_000_000


def read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    frame = read_file(path, LIMIT)
    return frame.colors, frame.alpha


def joined(color: npt.NDArray[Any], alpha: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    return color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)


def write(path: Path, samples: npt.NDArray[Any], **options: Any) -> None:
    channels = samples.shape[2]
    options.setdefault("photometric", "rgb" if channels > 2 else "minisblack")
    if channels in (2, 4):
        options.setdefault("extrasamples", ["unassalpha"])
    if channels == 1:
        samples = samples[..., 0]
    elif options.get("planarconfig") == "separate":
        samples = np.moveaxis(samples, -1, 0)
    elif channels > 1:
        options["planarconfig"] = "contig"
    tifffile.imwrite(path, samples, **options)


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"rowsperstrip": 5},
    {"tile": (16, 32)},
    {"compression": "zlib", "rowsperstrip": 7},
    {"compression": "zlib", "predictor": True, "rowsperstrip": 7},
    {"compression": "zlib", "predictor": True, "tile": (16, 16)},
    {"compression": "lzma", "rowsperstrip": 7},
]
PLANES: list[dict[str, Any]] = [
    {"planarconfig": "separate", "rowsperstrip": 8},
    {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib", "predictor": True},
]
CASES = [
    (channels, {"byteorder": order, **layout})
    for order in "<>"
    for channels in (1, 2, 3, 4)
    for layout in LAYOUTS + (PLANES if channels > 1 else []) + ([{"bigtiff": True}] if order == "<" else [])
]


@pytest.mark.parametrize(("channels", "options"), CASES, ids=str)
def test_16_bits(tmp_path: Path, deep_scene: Deep, channels: int, options: dict[str, Any]) -> None:
    samples = deep_scene[..., :channels]
    path = tmp_path / "deep.tif"
    write(path, samples, **options)
    result = joined(*read(path))
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, samples)


def test_big_endian_bigtiff(tmp_path: Path, deep_scene: Deep) -> None:
    path = tmp_path / "big.tif"
    write(path, deep_scene, byteorder=">", bigtiff=True)
    np.testing.assert_array_equal(joined(*read(path)), deep_scene)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}], ids=str)
def test_floats(tmp_path: Path, deep_scene: Deep, dtype: type, options: dict[str, Any]) -> None:
    samples: npt.NDArray[Any] = (deep_scene[..., :3] / 65535).astype(dtype)
    path = tmp_path / "float.tif"
    write(path, samples, **options)
    np.testing.assert_allclose(joined(*read(path)), samples, rtol=1e-7)


def test_32_bit_integers(tmp_path: Path, deep_scene: Deep) -> None:
    path = tmp_path / "long.tif"
    write(path, deep_scene[..., :3].astype(np.uint32) * 65537)
    np.testing.assert_allclose(joined(*read(path)), deep_scene[..., :3] / 65535, atol=1e-9)


def test_float_predictor_of_libtiff(tmp_path: Path, deep_scene: Deep) -> None:
    samples = (deep_scene[..., 0] / 65535).astype(np.float32)
    path = tmp_path / "predicted.tif"
    Image.fromarray(samples).save(path, compression="tiff_adobe_deflate", tiffinfo={317: 3})
    with Image.open(path) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        assert image.tag_v2[317] == 3
    np.testing.assert_array_equal(read(path)[0][..., 0], samples)


def test_float_predictor_by_specification(tmp_path: Path, deep_scene: Deep) -> None:
    """Technical Note 3: bytes of each row by weight, then differences at the distance of one pixel."""
    samples = (deep_scene[..., :3] / 65535).astype(np.float32)
    height, width, channels = samples.shape
    planes = samples.astype(">f4").view(np.uint8).reshape(height, width * channels, 4).swapaxes(1, 2)
    rows = planes.reshape(height, -1)
    rows = np.concatenate([rows[:, :channels], rows[:, channels:] - rows[:, :-channels]], axis=1)
    strips = [row.tobytes() for row in rows]
    path = tmp_path / "predicted.tif"
    describe(path, strips, 1, samples, 1, predictor=3, sample_format=3)
    np.testing.assert_array_equal(read(path)[0], samples)


def describe(
    path: Path,
    strips: list[bytes],
    compression: int,
    samples: npt.NDArray[Any],
    rows: int,
    *,
    predictor: int = 1,
    sample_format: int = 1,
    photometric: int = 2,
    extra: tuple[int, ...] = (),
) -> None:
    """Write a little-endian TIFF of ready strips."""
    height, width, channels = samples.shape
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[Tag.WIDTH], tags[Tag.HEIGHT], tags[Tag.SAMPLES] = width, height, channels
    tags[Tag.BITS] = (8 * samples.itemsize,) * channels
    tags[Tag.FORMAT] = (sample_format,) * channels
    tags[Tag.COMPRESSION], tags[Tag.PREDICTOR], tags[Tag.PHOTOMETRIC] = compression, predictor, photometric
    if extra:
        tags[Tag.EXTRA] = extra
    path.write_bytes(tiff._assemble(tags, rows, strips))


@pytest.mark.parametrize(("name", "number"), [("tiff_lzw", 5), ("packbits", 32773), ("zstd", 50000)])
@pytest.mark.parametrize("predictor", [1, 2])
def test_codecs_of_libtiff(tmp_path: Path, deep_scene: Deep, name: str, number: int, predictor: int) -> None:
    """Strips that libtiff compressed as bytes, in a file that calls them 16-bit RGB."""
    samples = deep_scene[..., :3]
    stored = samples.copy()
    if predictor == 2:
        stored[:, 1:] -= samples[:, :-1]
    strips = []
    for top in range(0, len(samples), 6):
        part = stored[top : top + 6]
        stream = io.BytesIO()
        Image.fromarray(part.astype("<u2").view(np.uint8).reshape(len(part), -1)).save(
            stream, "TIFF", compression=name, strip_size=1 << 20
        )
        with Image.open(stream) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
        strips.append(stream.getvalue()[start : start + length])
    path = tmp_path / "codec.tif"
    describe(path, strips, number, samples, 6, predictor=predictor)
    np.testing.assert_array_equal(read(path)[0], samples)


def test_associated_alpha_is_divided_out(tmp_path: Path) -> None:
    straight = np.array([[[40000, 20000, 0, 32768], [60000, 10, 500, 65535], [0, 0, 0, 0]]], np.uint16)
    stored = straight.astype(np.float64)
    stored[..., :3] *= stored[..., 3:] / 65535
    stored = np.rint(stored).astype(np.uint16)
    path = tmp_path / "associated.tif"
    describe(path, [stored.tobytes()], 1, stored, 1, extra=(1,))
    color, alpha = read(path)
    assert alpha is not None
    np.testing.assert_array_equal(alpha, straight[..., 3])
    np.testing.assert_allclose(color.astype(int), straight[..., :3], atol=1)


def test_unspecified_channel_is_left_out(tmp_path: Path, deep_scene: Deep) -> None:
    path = tmp_path / "extra.tif"
    describe(path, [deep_scene.tobytes()], 1, deep_scene, 37, extra=(0,))
    color, alpha = read(path)
    assert alpha is None
    np.testing.assert_array_equal(color, deep_scene[..., :3])


def test_white_is_zero(tmp_path: Path, deep_scene: Deep) -> None:
    samples = deep_scene[..., :1]
    path = tmp_path / "white.tif"
    describe(path, [samples.tobytes()], 1, samples, 37, photometric=0)
    np.testing.assert_array_equal(read(path)[0], 65535 - samples)


def with_tags(samples: npt.NDArray[Any], **values: int) -> bytes:
    """A plain little-endian TIFF of Pillow, with other numbers in tags of one short number."""
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "TIFF", tiffinfo={274: 1})
    data = stream.getvalue()
    for name, value in values.items():
        head = struct.pack("<HHI", Tag[name], 3, 1)
        at = data.index(head) + len(head)
        data = data[:at] + struct.pack("<H", value) + data[at + 2 :]
    return data


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        (
            {"COMPRESSION": 34712},
            "is a TIFF compressed by JPEG 2000, which restyle does not read; save it with",
        ),
        ({"COMPRESSION": 50001}, "compressed by WebP"),
        ({"COMPRESSION": 50002}, "compressed by JPEG XL"),
        ({"COMPRESSION": 9999}, "compressed by method 9999"),
        (
            {"PHOTOMETRIC": 9},
            "has colors of ICC Lab with 8 bits, which restyle does not read; save it as RGB",
        ),
        ({"PHOTOMETRIC": 32845}, "has colors of LogLuv with 8 bits"),
        ({"PHOTOMETRIC": 77}, "has colors of kind 77 with 8 bits"),
    ],
    ids=str,
)
def test_what_is_not_read_is_named_with_a_cure(
    scene: npt.NDArray[np.uint8], tmp_path: Path, tags: dict[str, int], line: str
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(with_tags(scene, **tags))
    with pytest.raises(InputError) as caught:
        read(path)
    assert f"{path}: " in str(caught.value)
    assert line in str(caught.value)


@pytest.mark.parametrize("orientation", [0, 9, 77, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(
    scene: npt.NDArray[np.uint8], tmp_path: Path, orientation: int
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(with_tags(scene, ORIENTATION=orientation))
    np.testing.assert_array_equal(read(path)[0], scene)


def test_planes_of_lab_are_read_as_interleaved_lab(scene: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    one, two = tmp_path / "one.tif", tmp_path / "two.tif"
    tifffile.imwrite(one, scene, photometric="cielab", planarconfig="contig")
    tifffile.imwrite(two, np.moveaxis(scene, -1, 0), photometric="cielab", planarconfig="separate")
    np.testing.assert_array_equal(read(two)[0], read(one)[0])


def test_signed_bytes_are_levels_of_8_bits(scene: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, (scene // 2).astype(np.int8), photometric="rgb")
    color = read(path)[0]
    assert color.dtype == np.uint8
    np.testing.assert_array_equal(color, scene // 2)


@pytest.mark.parametrize(("codec", "photometric"), [(50000, 2), (34925, 2), (5, 8), (8, 8), (7, 8)])
def test_libtiff_prints_nothing(
    scene: npt.NDArray[np.uint8],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    codec: int,
    photometric: int,
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(with_tags(scene, COMPRESSION=codec, PHOTOMETRIC=photometric))
    with pytest.raises(InputError, match="damaged or unsupported TIFF"):
        read(path)
    assert capfd.readouterr() == ("", "")


def test_truncated(tmp_path: Path, deep_scene: Deep) -> None:
    path = tmp_path / "cut.tif"
    write(path, deep_scene)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged or unsupported TIFF"):
        read(path)


def test_short_strip(tmp_path: Path, deep_scene: Deep) -> None:
    samples = deep_scene[..., :3]
    path = tmp_path / "short.tif"
    describe(path, [zlib.compress(samples.tobytes()[:-6])], 8, samples, 37)
    with pytest.raises(InputError, match="Not enough data"):
        read(path)


def test_wrong_number_of_strips(tmp_path: Path, deep_scene: Deep) -> None:
    samples = deep_scene[..., :3]
    path = tmp_path / "few.tif"
    describe(path, [samples.tobytes()], 1, samples, 10)
    with pytest.raises(InputError, match="damaged or unsupported TIFF"):
        read(path)


def test_giant_tiles_are_refused_before_memory_is_taken(tmp_path: Path, deep_scene: Deep) -> None:
    path = tmp_path / "giant.tif"
    write(path, deep_scene[..., :3], tile=(16, 16))
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tags:
        page = tags.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        for tag in (322, 323):
            start = page.tags[tag].valueoffset
            data[start : start + 2] = (65520).to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match="over the limit"):
        read(path)


Deep_tiff_write = npt.NDArray[np.uint16]


def squeezed(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return samples[..., 0] if samples.shape[-1] == 1 else samples


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("block", [1 << 20, 2000])
def test_read_back(
    monkeypatch: pytest.MonkeyPatch, deep_scene: Deep_tiff_write, channels: int, dtype: type, block: int
) -> None:
    monkeypatch.setattr(tiff, "_BLOCK_BYTES", block)
    samples: npt.NDArray[Any] = (deep_scene[..., :channels] >> (8 if dtype == np.uint8 else 0)).astype(dtype)
    data = in_memory(tiff.write, samples)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        np.testing.assert_array_equal(file.asarray(), squeezed(samples))
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert bool(page.extrasamples) == (channels in (2, 4))
    if dtype == np.uint8 or channels == 1:
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(np.asarray(image), squeezed(samples))


def test_profile_and_exif_are_where_pillow_finds_them(deep_scene: Deep_tiff_write) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829A] = (1, 50)
    exif.get_ifd(0x8825)[1] = "N"
    data = in_memory(tiff.write, deep_scene[..., :3], icc=b"a profile", exif=exif.tobytes())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        tags = page.tags
        assert tags["InterColorProfile"].value == b"a profile"
        assert tags["Make"].value == "Maker"
        assert tags["ExifTag"].value["ExposureTime"] == (1, 50)
        assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        np.testing.assert_array_equal(file.asarray(), deep_scene[..., :3])


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    )
)
def test_round_trip(samples: npt.NDArray[Any]) -> None:
    with tifffile.TiffFile(io.BytesIO(in_memory(tiff.write, samples))) as file:
        np.testing.assert_array_equal(file.asarray().reshape(samples.shape), samples)
