"""What a file holds besides its picture is named in one line."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from restyle.images.picture import load_image
from tests.images.made_heic import box, heic

Levels = npt.NDArray[np.uint8]
GAIN_MAP = "its gain map for HDR screens is left out"
FRAMES = "has several frames or pages; only the first is read"
XMP = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0"/>'
APPLE = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"/>'
ISO = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"


def jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def segment(number: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, 0xE0 + number, len(content) + 2) + content


def with_second(first: bytes, second: bytes, *segments: bytes, kind: int = 0) -> bytes:
    """A JPEG with an index of two images (Multi-Picture Format), the second one behind it."""
    tags = struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHII", 0xB002, 7, 32, 38)
    head = b"MPF\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    more = b"".join(segments)
    base = 2 + len(more) + 4 + 4  # of the offsets in the index: behind its name
    size = len(first) + len(more) + 4 + len(head) + 32
    entries = struct.pack("<IIIHH", 0x030000, size, 0, 0, 0)
    entries += struct.pack("<IIIHH", kind, len(second), size - base, 0, 0)
    return first[:2] + more + segment(2, head + entries) + first[2:] + second


@pytest.mark.parametrize("where", ["xmp", "iso", "apple"])
def test_ultra_hdr_gives_its_base_picture(
    tmp_path: Path, scene: Levels, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    base, gain = jpeg(Image.fromarray(scene)), jpeg(Image.fromarray(scene[::4, ::4, 0]))
    own = {"xmp": [segment(1, XMP)], "iso": [segment(2, ISO)], "apple": []}[where]
    if where == "apple":
        gain = gain[:2] + segment(1, APPLE) + gain[2:]
    path = tmp_path / "phone.jpg"
    path.write_bytes(with_second(base, gain, *own))
    picture = load_image(path)
    assert np.array_equal(picture.pixels, load_image(base).pixels)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: {GAIN_MAP}; the picture for other screens is read"
    ]


@pytest.mark.parametrize(("kind", "line"), [(0x020002, FRAMES), (0x010001, ""), (0x010002, "")])
def test_further_pictures_in_a_jpeg_count_unless_they_are_previews(
    scene: Levels, caplog: pytest.LogCaptureFixture, kind: int, line: str
) -> None:
    base = jpeg(Image.fromarray(scene))
    load_image(with_second(base, jpeg(Image.fromarray(scene[::-1])), kind=kind))
    assert [record.getMessage() for record in caplog.records] == ([f"bytes: {line}"] if line else [])


@pytest.mark.parametrize("cut", [4, 12, 20, 40])
def test_a_damaged_index_is_ignored(scene: Levels, caplog: pytest.LogCaptureFixture, cut: int) -> None:
    base = jpeg(Image.fromarray(scene))
    whole = with_second(base, base)
    at = whole.index(b"MPF\0")
    damaged = whole[: at + cut] + b"\xff" * 24 + whole[at + cut + 24 :]
    assert load_image(damaged).width == scene.shape[1]
    assert all(FRAMES in record.getMessage() for record in caplog.records)


def test_the_gain_map_of_a_heic_is_named(scene: Levels, caplog: pytest.LogCaptureFixture) -> None:
    data = heic(scene)
    load_image(data)
    assert not caplog.records
    load_image(data + box(b"free", b"urn:com:apple:photo:2020:aux:hdrgainmap\0"))
    assert [record.getMessage() for record in caplog.records] == [
        f"bytes: {GAIN_MAP}; the picture for other screens is read"
    ]
