"""EXIF that is patched in place, read back by Pillow."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from restyle.images import exif

MAKER_NOTE = b"\x01secret offsets\x02" * 3


def camera_block(
    orientation: int = 6, *, order: str = "<", thumbnail: bytes = b"\xff\xd8thumb\xff\xd9"
) -> bytes:
    """A block as cameras write it: IFD0, Exif and GPS directories, a maker's note, and a thumbnail last."""
    made = Image.Exif()
    made.endian = order
    made[ExifTags.Base.Orientation] = orientation
    made[ExifTags.Base.Make] = "Maker of cameras"
    made[ExifTags.Base.ImageWidth] = 4000
    inner = made.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.ExifImageWidth] = 4000
    inner[ExifTags.Base.ExifImageHeight] = 3000
    inner[ExifTags.Base.MakerNote] = MAKER_NOTE
    inner[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 250)
    made.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    data = bytearray(made.tobytes()[6:])
    (first,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, first)
    struct.pack_into(order + "I", data, first + 2 + 12 * count, len(data))
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, len(data) + 42), (0x0202, 4, 1, len(thumbnail))]
    data += struct.pack(order + "H", 3)
    for tag, kind, number, value in entries:
        data += struct.pack(order + "HHI", tag, kind, number)
        data += struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    return b"Exif\0\0" + bytes(data) + struct.pack(order + "I", 0) + thumbnail


def tags_of(block: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(block)
    return found


@pytest.mark.parametrize("order", ["<", ">"])
def test_block_as_made_is_what_cameras_write(order: str) -> None:
    found = tags_of(camera_block(order=order))
    assert found[ExifTags.Base.Orientation] == 6
    assert found.get_ifd(ExifTags.IFD.IFD1)[0x0202] == 9


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
def test_upright(order: str, prefix: bytes) -> None:
    block = exif.upright(prefix + camera_block(order=order)[6:])
    assert block is not None
    found = tags_of(block)
    assert found[ExifTags.Base.Orientation] == 1
    assert found[ExifTags.Base.Make] == "Maker of cameras"
    assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == MAKER_NOTE
    assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == pytest.approx(1 / 250)
    assert found.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert found.get_ifd(ExifTags.IFD.IFD1) == {}
    assert b"thumb" not in block


def test_only_orientation_and_thumbnail_change() -> None:
    before, after = camera_block(), exif.upright(camera_block())
    assert after is not None
    kept = before[: len(after)]
    assert sum(a != b for a, b in zip(kept, after, strict=True)) <= 5  # the orientation and the link
    assert len(before) - len(after) == 9


def test_a_thumbnail_in_the_middle_is_blanked() -> None:
    block = exif.upright(camera_block() + b"more data behind it")
    assert block is not None
    assert b"thumb" not in block
    assert block.endswith(b"more data behind it")


def test_with_size() -> None:
    block = exif.upright(camera_block())
    assert block is not None
    found = tags_of(exif.with_size(block, 70000, 50))
    assert found[ExifTags.Base.ImageWidth] == 70000
    inner = found.get_ifd(ExifTags.IFD.Exif)
    assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (70000, 50)
    assert ExifTags.Base.ImageLength not in found  # what was not there is not added


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_damaged_blocks_give_none_or_a_readable_block(cut: int) -> None:
    for broken in (camera_block()[:cut], b"Exif\0\0" + bytes(cut), b"Exif\0\0II*\0" + b"\xff" * cut):
        block = exif.upright(broken)
        assert block is None or exif.with_size(block, 1, 1).startswith(b"Exif\0\0")


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_impossible_orientations_mean_upright(orientation: int) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3)).save(stream, "JPEG", exif=camera_block(orientation))
    with Image.open(stream) as image:
        block, found = exif.take(image)
    assert found == 1
    assert block is not None
    assert tags_of(block)[ExifTags.Base.Orientation] == 1


def test_a_picture_without_exif() -> None:
    assert exif.take(Image.new("RGB", (4, 3))) == (None, 1)


def test_tags_of_a_tiff_lose_what_describes_its_pixels() -> None:
    stream = io.BytesIO()
    given = Image.Exif()
    given[ExifTags.Base.Artist] = "An artist"
    given[ExifTags.Base.Orientation] = 3
    given.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 200
    Image.new("RGB", (8, 8)).save(stream, "TIFF", exif=given.tobytes())
    with Image.open(stream) as image:
        block, orientation = exif.take(image)
        assert orientation == 3
        image.load()  # Pillow turns a TIFF upright by itself, and says so
        assert exif.take(image)[1] == 1
    assert block is not None
    found = tags_of(block)
    assert found[ExifTags.Base.Artist] == "An artist"
    assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] == 200
    assert not exif.STRUCTURAL_TAGS & set(found)
