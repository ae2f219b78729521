"""Tags of TIFF: names agree with tifffile's, and lying tags are refused."""

from __future__ import annotations

import pytest
import tifffile
from PIL import TiffImagePlugin

from restyle.errors import InputError
from restyle.images.tiff_tags import Tag, add_strips, number, numbers

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


def test_strips_follow_each_other() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    add_strips(tags, 4, [10, 20, 5])
    assert tags[Tag.STRIP_OFFSETS] == (0, 10, 30)
    assert tags[Tag.STRIP_BYTES] == (10, 20, 5)
    assert tags[Tag.ROWS] == 4
