"""What files are by content and by suffix, and what they hold besides their picture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from restyle.errors import InputError, OutputError
from restyle.images import formats
from restyle.images.picture import from_array, load_image, save_image, to_array
from tests.images.made_heic import box, heic

Levels = npt.NDArray[np.uint8]
GAIN_MAP = "its gain map for HDR screens is left out"
FRAMES = "has several frames or pages; only the first is read"
XMP = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0"/>'
APPLE = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"/>'
ISO = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"

SIGNATURES = {
    b"\xff\xd8\xff\xe0": ("JPEG", "image"),
    b"\x00\x00\x00\x18ftypheic\0\0\0\0mif1heic": ("HEIC", "image"),
    b"\x00\x00\x00\x1cftypmif1\0\0\0\0mif1avifmiaf": ("AVIF", "image"),
    b"\x00\x00\x00\x18ftypisom\0\0\0\0": ("MP4", "video"),
    b"\x00\x00\x00\x18ftypM4A \0\0\0\0": ("M4A", "audio"),
    b"\x1aE\xdf\xa3": ("Matroska", "video"),
    b"RIFF\0\0\0\0WAVE": ("WAV", "audio"),
    b"RIFF\0\0\0\0AVI ": ("AVI", "video"),
    b"RIFF\0\0\0\0????": ("unknown", "other"),
    b"ID3\x04": ("MP3", "audio"),
    b"\xff\xfb\x90\x64": ("MP3", "audio"),
    b"fLaC": ("FLAC", "audio"),
    b"%PDF-1.7": ("PDF", "other"),
    b"8BPS": ("Photoshop", "image"),
    b'<svg xmlns="http://www.w3.org/2000/svg">': ("SVG", "image"),
    b"hello, world\n": ("text", "other"),
    "h\u00e9llo, w\u00f6rld ".encode() * 9: ("text", "other"),
    b"\x01\x02\x03\x04": ("unknown", "other"),
    b"": ("unknown", "other"),
}


@pytest.mark.parametrize("head", SIGNATURES, ids=repr)
def test_signatures(head: bytes) -> None:
    kind = formats.sniff(head[: formats.HEAD_BYTES])
    assert (kind.name, kind.medium) == SIGNATURES[head]


@pytest.mark.parametrize(
    "kind",
    [kind for kind in formats.FORMATS if kind.writable or kind is formats.GIF],
    ids=lambda kind: kind.name,
)
def test_pillows_own_files_are_known(kind: formats.Format) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(stream, kind.name)
    assert formats.sniff(stream.getvalue()[: formats.HEAD_BYTES]) is kind


def test_identify_file(tmp_path: Path) -> None:
    path = tmp_path / "not.jpg"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert formats.sniff_file(path) is formats.PNG
    assert formats.from_suffix(path) is formats.JPEG
    with pytest.raises(InputError, match="no such file"):
        formats.sniff_file(tmp_path / "absent.png")


@pytest.mark.parametrize(
    "name", ["a.JPG", "b/c.jpeg", "d.x.PnG", "e.tiff", "f.webp", "g.avif", "h.gif", "i.bmp"]
)
def test_readable_suffixes(name: str) -> None:
    assert formats.is_image(name)


@pytest.mark.parametrize("name", ["a", "b.txt", ".jpg", "c.jpg/", "d.mp4", "e.svg", "f.jxl"])
def test_other_suffixes(name: str) -> None:
    assert formats.is_image(name) == (name == "c.jpg/")


def test_unknown_output_suffix_lists_the_known() -> None:
    with pytest.raises(OutputError, match=r"cannot write '.xyz' images; use one of .jpg, .png") as caught:
        formats.output_format("out/art.xyz")
    assert str(caught.value).startswith("out/art.xyz: ")
    with pytest.raises(OutputError, match="has no suffix"):
        formats.output_format("art")
    with pytest.raises(OutputError, match=r"cannot write '.gif'"):
        formats.output_format("art.gif")


def test_what_formats_can_hold() -> None:
    assert {kind.name for kind in formats.FORMATS if kind.deep} == {"PNG", "TIFF"}
    assert {kind.name for kind in formats.FORMATS if kind.writable and not kind.alpha} == {"JPEG", "BMP"}
    suffixes = [suffix for kind in formats.FORMATS for suffix in kind.suffixes]
    assert len(suffixes) == len(set(suffixes))


def test_pictures_in_a_folder(tmp_path: Path) -> None:
    names = [
        "b.jpg",
        "a/z.PNG",
        "a/c.webp",
        "a.tif",
        ".hidden.jpg",
        ".git/x.jpg",
        "notes.txt",
        "a/deep/er.bmp",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [path.relative_to(tmp_path).as_posix() for path in formats.find_images(tmp_path)]
    assert found == ["a.tif", "b.jpg", "a/c.webp", "a/z.PNG", "a/deep/er.bmp"]


def test_natural_order_and_what_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("f_10.png", "f_2.png", "F1.png", "f_1.heic", "clip.mov", "scan.jxl", "notes.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in formats.find_images(tmp_path)]
    assert names == ["F1.png", "f_1.heic", "f_2.png", "f_10.png"]
    assert "clip.mov, scan.jxl" in caplog.text
    assert "notes.txt" not in caplog.text


def test_a_format_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ppm = formats.Format("PPM", (".ppm",), rb"P6", plugin="PpmImagePlugin", save={}, metadata=False)
    monkeypatch.setattr(formats, "FORMATS", [*formats.FORMATS, ppm])
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    path = save_image(from_array(pixels), tmp_path / "a.ppm")
    assert formats.sniff_file(path) is ppm
    np.testing.assert_array_equal(to_array(load_image(path), pixels), pixels)
    assert list(formats.find_images(tmp_path)) == [path]


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
