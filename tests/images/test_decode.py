"""Image files of all kinds, decoded to plain arrays; and damaged files, with their messages."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
import tifffile
from PIL import Image

from restyle.errors import InputError
from restyle.images import encode, icc, tiff
from restyle.images.decode import read_file, read_image
from restyle.images.decoders import check_pixels
from restyle.images.picture import load_image
from tests.images.made_heic import heic
from tests.images.made_profiles import DISPLAY_P3, SRGB_CURVE, gray_profile, rgb_profile, table_profile
from tests.images.made_raw import ARTIST, made_raw, made_sensor, small_copy
from tests.images.test_exif import camera_block

Levels = npt.NDArray[np.uint8]
LIMIT = 1_000_000


def saved(folder: Path, image: Image.Image, name: str, kind: str | None = None, **options: Any) -> Path:
    path = folder / name
    image.save(path, kind, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_lossless_formats(tmp_path: Path, scene: Levels, name: str) -> None:
    frame = read_file(saved(tmp_path, Image.fromarray(scene), name), LIMIT)
    np.testing.assert_array_equal(frame.colors, scene)
    assert frame.alpha is None
    assert frame.orientation == 1


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {"quality": 95}), ("a.webp", {}), ("a.avif", {})])
def test_lossy_formats(tmp_path: Path, scene: Levels, name: str, options: dict[str, Any]) -> None:
    frame = read_file(saved(tmp_path, Image.fromarray(scene), name, **options), LIMIT)
    assert np.abs(frame.colors.astype(int) - scene).mean() < 4
    assert frame.colors.shape == scene.shape


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp", "pages.tif"])
def test_the_first_frame(tmp_path: Path, name: str) -> None:
    red, blue = Image.new("RGB", (8, 6), (250, 0, 0)), Image.new("RGB", (8, 6), (0, 0, 250))
    path = saved(tmp_path, red, name, save_all=True, append_images=[blue])
    color = read_file(path, LIMIT).colors
    assert color.shape == (6, 8, 3)
    assert np.abs(color.astype(int) - [250, 0, 0]).max() < 8


@pytest.mark.parametrize(
    ("mode", "channels", "alpha"),
    [
        ("1", 1, False),
        ("L", 1, False),
        ("LA", 1, True),
        ("P", 3, False),
        ("RGB", 3, False),
        ("RGBA", 3, True),
    ],
)
def test_png_modes(tmp_path: Path, scene: Levels, mode: str, channels: int, alpha: bool) -> None:
    image = Image.fromarray(scene)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(scene[..., 0]))
    image = image.convert(mode)
    frame = read_file(saved(tmp_path, image, "a.png"), LIMIT)
    assert frame.colors.shape == (40, 56, channels)
    np.testing.assert_array_equal(
        frame.colors, np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(40, 56, channels)
    )
    assert (frame.alpha is not None) == alpha
    if frame.alpha is not None:
        np.testing.assert_array_equal(frame.alpha, scene[..., 0])


@pytest.mark.parametrize(
    "mode", ["La", "RGBa", "PA", "RGBX", "YCbCr", "HSV", "CMYK", "LAB", "I", "F", "I;16", "I;16B", "I;16L"]
)
def test_rarer_modes_of_pillow(scene: Levels, mode: str) -> None:
    if mode.startswith("I") or mode == "F":
        values = scene[..., 0].astype(np.float32) / 255 if mode == "F" else scene[..., 0].astype(np.uint16)
        image = Image.fromarray(values.astype(np.int32) if mode == "I" else values)
        if mode in ("I;16B", "I;16L"):
            image = Image.frombytes(
                mode, image.size, values.astype(">u2" if mode[-1] == "B" else "<u2").tobytes()
            )
        frame = read_image(image, LIMIT)
        np.testing.assert_array_equal(frame.colors[..., 0], values)
        return
    base = Image.fromarray(scene)
    if mode == "PA":
        image = base.convert("P").convert("PA")
    elif mode in ("La", "RGBa"):
        image = base.convert("LA" if mode == "La" else "RGBA").convert(mode)
    elif mode == "LAB":
        image = Image.new("LAB", base.size, (128, 128, 128))
    else:
        image = base.convert(mode)
    frame = read_image(image, LIMIT)
    gray = mode == "La"
    assert frame.colors.shape == (40, 56, 1 if gray else 3)
    if mode == "LAB":  # L* = 50.2
        assert np.abs(frame.colors.astype(int) - 119).max() <= 1
    else:
        expected = np.asarray(base.convert("L"))[..., None] if gray else scene
        tolerance = {"PA": 60, "HSV": 8, "YCbCr": 3}.get(mode, 0)
        assert np.abs(frame.colors.astype(int) - expected).max() <= tolerance


def test_32_bit_integers_beyond_16_bits() -> None:
    with pytest.raises(InputError, match=r"integers from 0 to 100000"):
        read_image(Image.fromarray(np.array([[0, 100000]], np.int32)), LIMIT)


@pytest.mark.parametrize("values", [0, bytes([0, 128, 255])])
def test_transparent_palette(tmp_path: Path, values: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 2]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    frame = read_file(saved(tmp_path, image, "p.png", transparency=values), LIMIT)
    np.testing.assert_array_equal(frame.colors[0, :3], [[10, 20, 30], [40, 50, 60], [70, 80, 90]])
    assert frame.alpha is not None
    np.testing.assert_array_equal(frame.alpha[0], [0, 255, 255, 255] if values == 0 else [0, 128, 255, 255])


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("1", 255), ("I;16", 700), ("RGB", (7, 8, 9))])
def test_transparent_color(tmp_path: Path, mode: str, key: int | tuple[int, ...]) -> None:
    image = Image.new(mode, (2, 1))
    image.putpixel((1, 0), key)
    frame = read_file(saved(tmp_path, image, "key.png", transparency=key), LIMIT)
    assert frame.alpha is not None
    top = 65535 if mode == "I;16" else 255
    np.testing.assert_array_equal(frame.alpha, [[top, 0]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_orientation_is_reported_for_the_caller_to_apply(
    tmp_path: Path, scene: Levels, name: str, orientation: int
) -> None:
    path = saved(tmp_path, Image.fromarray(scene), name, exif=camera_block(orientation))
    frame = read_file(path, LIMIT)
    assert frame.orientation == orientation
    assert frame.exif is not None


def test_deep_tiff_reports_orientation_exif_and_profile(
    tmp_path: Path, deep_scene: npt.NDArray[np.uint16]
) -> None:
    path = tmp_path / "deep.tif"
    icc = rgb_profile()
    tags = [(274, "H", 1, 6, True), (271, "s", 0, "Maker of cameras", True)]
    tifffile.imwrite(path, deep_scene[..., :3], photometric="rgb", iccprofile=icc, extratags=tags)
    frame = read_file(path, LIMIT)
    assert frame.orientation == 6
    assert frame.icc == icc
    assert frame.exif is not None
    assert b"Maker of cameras" in frame.exif


def test_cmyk_of_adobe(tmp_path: Path) -> None:
    """Pillow writes CMYK as Adobe does, inverted and marked so."""
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = saved(tmp_path, image, "ink.jpg", quality=98)
    assert b"Adobe" in path.read_bytes()
    frame = read_file(path, LIMIT)
    assert np.abs(frame.colors.astype(int) - [255, 0, 0]).max() < 6
    assert not frame.converted


def test_ycck(tmp_path: Path) -> None:
    """Ink stored as luma, chroma and black: what Photoshop saves by default."""
    red = np.full((16, 16, 3), (230, 30, 40), np.uint8)
    ycc = np.asarray(Image.fromarray(255 - red).convert("YCbCr"))
    stored = np.concatenate([ycc, np.full((16, 16, 1), 255, np.uint8)], axis=-1)
    path = saved(tmp_path, Image.fromarray(255 - stored, "CMYK"), "ycck.jpg", quality=98, subsampling=0)
    data = bytearray(path.read_bytes())
    marker = data.index(b"Adobe")
    assert data[marker + 11] == 0
    data[marker + 11] = 2  # the transform: YCCK
    path.write_bytes(data)
    frame = read_file(path, LIMIT)
    assert np.abs(frame.colors.astype(int) - red).max() < 6


def test_cmyk_profile_is_applied(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    frame = read_file(saved(tmp_path, image, "ink.tif", icc_profile=table_profile(b"CMYK")), LIMIT)
    assert frame.converted
    assert frame.icc is None
    assert frame.colors.max() < 6


def test_wrong_profile_on_cmyk_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = saved(tmp_path, image, "ink.tif", icc_profile=gray_profile())
    assert np.abs(read_file(path, LIMIT).colors.astype(int) - [255, 0, 0]).max() < 6
    assert "profile, which cannot be used" in caplog.text


def test_content_decides_over_the_suffix(
    tmp_path: Path, scene: Levels, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "restyle.images")
    path = saved(tmp_path, Image.fromarray(scene), "mislabelled.jpg", "PNG")
    np.testing.assert_array_equal(read_file(path, LIMIT).colors, scene)
    assert "mislabelled.jpg: is a PNG image" in caplog.text


def one_line(path: Path | str, limit: int = LIMIT) -> str:
    with pytest.raises(InputError) as caught:
        read_file(path, limit)
    message = str(caught.value)
    assert "\n" not in message
    assert os.fspath(path) in message
    return message


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty.jpg": (b"", "is empty"),
    "one byte.png": (b"\x89", "not a PNG image"),
    "text.png": (b"hello, I am no picture\n" * 9, "is not an image (it contains text data)"),
    "noise.jpg": (bytes(range(128, 256)) * 9, "not a JPEG image"),
    "header only.png": (b"\x89PNG\r\n\x1a\n", "damaged or unsupported PNG"),
    "header only.jpg": (b"\xff\xd8\xff\xe0", "damaged or unsupported JPEG"),
    "header only.tif": (b"II*\0", "damaged or unsupported TIFF"),
    "header only.webp": (b"RIFF\x00\x00\x00\x00WEBP", "damaged or unsupported WEBP"),
    "header only.avif": (b"\x00\x00\x00\x1cftypavif\0\0\0\0mif1", "damaged or unsupported AVIF"),
    "header only.bmp": (b"BM", "damaged or unsupported BMP"),
    "header only.gif": (b"GIF89a", "damaged or unsupported GIF"),
    "clip.mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", "is video (MP4), not an image"),
    "song.wav": (b"RIFF\0\0\0\0WAVE", "is audio (WAV), not an image"),
    "header only.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged or unsupported HEIC"),
    "photo.jxl": (b"\xff\x0a", "is a JPEG XL image; convert it first"),
    "camera.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\0", "is a camera raw image; develop it first"),
    "paper.pdf": (b"%PDF-1.4", "is not an image (it contains PDF"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert message in one_line(path)


def test_paths_that_are_not_image_files(tmp_path: Path) -> None:
    assert one_line(tmp_path / "absent.jpg").endswith("there is no such file")
    (tmp_path / "holiday.jpeg").touch()
    assert one_line(tmp_path / "holiday.jpg").endswith("no such file; did you mean 'holiday.jpeg'?")
    assert one_line(tmp_path / "absent" / "a.jpg").endswith("there is no such file")
    assert "is a folder" in one_line(tmp_path)
    assert "is a web address" in one_line("https://example.org/photo.jpg")
    assert "is a web address" in one_line(Path("https://example.org/photo.jpg"))
    assert "cannot be read" in one_line(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "not a regular file" in one_line(tmp_path / "pipe.jpg")
    assert "not a regular file" in one_line("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "s.jpg"))
        assert "not a regular file" in one_line(tmp_path / "s.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing.jpg")
    assert "is a link to a file that does not exist" in one_line(tmp_path / "dangling.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert "cannot be read" in one_line(tmp_path / "loop.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read_file("nul\0character.jpg", LIMIT)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.bmp", "a.gif", "a.avif"])
def test_truncated_files(tmp_path: Path, scene: Levels, name: str) -> None:
    path = saved(tmp_path, Image.fromarray(scene), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert path.name in one_line(path)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_complete(
    tmp_path: Path, scene: Levels, caplog: pytest.LogCaptureFixture, progressive: bool
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(scene).save(path, quality=90, progressive=progressive)
    data, whole = path.read_bytes(), read_file(path, LIMIT).colors
    for missing in (1, 2):
        path.write_bytes(data[:-missing])
        np.testing.assert_array_equal(read_file(path, LIMIT).colors, whole)
    assert caplog.messages == 2 * [f"{path}: lacks the end of its file; the picture is complete"]
    for missing in (4, 60):
        path.write_bytes(data[:-missing])
        assert "premature end" in one_line(path)


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_whose_second_directory_is_damaged_gives_its_first_page(
    tmp_path: Path, scene: Levels, caplog: pytest.LogCaptureFixture, big: bool
) -> None:
    path = tmp_path / "a.tif"
    pages = [Image.fromarray(scene), Image.fromarray(255 - scene)]
    pages[0].save(path, save_all=True, append_images=pages[1:], big_tiff=big)
    data = path.read_bytes()
    second = tiff.read_tags(data).next
    damaged = {
        "cut": data[: second + 3],
        "garbage": data[:second] + bytes([255]) * (len(data) - second),
        "beyond the end": data.replace(second.to_bytes(4, "little"), (10**8).to_bytes(4, "little")),
    }
    for content in damaged.values():
        path.write_bytes(content)
        np.testing.assert_array_equal(read_file(path, LIMIT).colors, scene)
    assert caplog.messages == 3 * [f"{path}: has several frames or pages; only the first is read"]


def giant_png() -> bytes:
    """40,000 x 40,000 white pixels of 1 bit: 200 MB when decoded to bits, here only its header."""
    stream = io.BytesIO()
    Image.new("1", (8, 8)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_giant_pictures_are_refused_by_their_header(tmp_path: Path) -> None:
    path = tmp_path / "giant.png"
    path.write_bytes(giant_png())
    message = one_line(path, 200_000_000)
    assert "40000 x 40000 = 1,600,000,000 pixels, over the limit of 200,000,000" in message
    assert "--max-pixels 1600000000" in message


def test_pillows_own_limit_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, Image.new("1", (300, 300)), "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read_file(path, LIMIT).colors.shape == (300, 300, 1)


def test_limit_is_exact() -> None:
    check_pixels((10, 10), 100, "a")
    with pytest.raises(InputError, match="a: has 10 x 10 = 100 pixels, over the limit of 99"):
        check_pixels((10, 10), 99, "a")
    with pytest.raises(InputError, match="0 x 5 pixels"):
        check_pixels((0, 5), 99, "a")


def test_missing_plugin(tmp_path: Path, scene: Levels, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, Image.fromarray(scene), "a.webp")
    Image.init()
    monkeypatch.delitem(Image.OPEN, "WEBP")
    assert "which the installed Pillow cannot read" in one_line(path)


def test_warnings_of_pillow_stay_inside(tmp_path: Path, scene: Levels) -> None:
    """Odd metadata makes Pillow warn; from many threads at once, nothing comes out and all filters return."""
    path = saved(tmp_path, Image.fromarray(scene), "odd.tif", tiffinfo={271: "Maker of cameras"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"Maker of cameras") + 5])
    with pytest.raises(UserWarning):  # warnings are errors in these tests
        Image.open(path)
    before = list(warnings.filters)
    results: list[BaseException | None] = []

    def work() -> None:
        try:
            read_file(path, LIMIT)
        except InputError:
            pass
        except BaseException as error:  # noqa: BLE001
            results.append(error)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not results
    assert not seen
    assert list(warnings.filters) == before


def corrupt(data: bytes, generator: np.random.Generator) -> bytes:
    """Cut a file, flip bits, or overwrite bytes in its header or anywhere."""
    broken = bytearray(data)
    way = generator.integers(4)
    if way == 0:
        return bytes(broken[: generator.integers(1, len(broken))])
    if way == 1:
        for at in generator.integers(len(broken), size=3):
            broken[at] ^= 1 << int(generator.integers(8))
    elif way == 2:
        for at in generator.integers(min(len(broken), 200), size=4):
            broken[at] = generator.integers(256)
    else:
        start = int(generator.integers(len(broken)))
        broken[start : start + 30] = generator.bytes(30)
    return bytes(broken)


def _tiff(**options: Any) -> Callable[[Image.Image, io.BytesIO], None]:
    return lambda image, stream: image.save(stream, "TIFF", **options)


FUZZED: dict[str, Callable[[Image.Image, io.BytesIO], Any]] = {
    "jpeg": lambda image, stream: image.save(stream, "JPEG", exif=camera_block(), icc_profile=rgb_profile()),
    "progressive": lambda image, stream: image.save(stream, "JPEG", progressive=True),
    "cmyk": lambda image, stream: image.convert("CMYK").save(
        stream, "JPEG", icc_profile=table_profile(b"CMYK")
    ),
    "png": lambda image, stream: image.save(stream, "PNG", exif=camera_block(), icc_profile=rgb_profile()),
    "palette": lambda image, stream: image.quantize(16).save(stream, "PNG", transparency=0),
    "deep png": lambda image, stream: stream.write(
        encode.in_memory(
            encode.write_png,
            np.asarray(image).astype(np.uint16) * 257,
            icc=rgb_profile(),
            exif=camera_block(),
        )
    ),
    "webp": lambda image, stream: image.save(stream, "WEBP", exif=camera_block()),
    "gif": lambda image, stream: image.save(stream, "GIF"),
    "bmp": lambda image, stream: image.save(stream, "BMP"),
    "avif": lambda image, stream: image.save(stream, "AVIF", exif=camera_block()),
    "tiff": _tiff(tiffinfo={274: 6, 271: "Maker"}, icc_profile=rgb_profile()),
    "tiff lzw": _tiff(compression="tiff_lzw"),
    "tiff jpeg": _tiff(compression="jpeg"),
    "deep tiff": lambda image, stream: stream.write(
        encode.in_memory(tiff.write, np.asarray(image).astype(np.uint16) * 257, exif=camera_block())
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files_raise_only_input_errors(tmp_path: Path, scene: Levels, name: str) -> None:
    stream = io.BytesIO()
    FUZZED[name](Image.fromarray(scene), stream)
    data = stream.getvalue()
    generator = np.random.default_rng(list(name.encode()))
    path = tmp_path / "damaged"
    path.write_bytes(data)
    read_file(path, 100_000)
    messages = []
    for _ in range(60):
        path.write_bytes(corrupt(data, generator))
        try:
            frame = read_file(path, 100_000)
            assert frame.colors.shape[0] * frame.colors.shape[1] <= 100_000
        except InputError as error:
            messages.append(str(error))
    assert messages
    assert all(message.startswith(f"{path}: ") and "\n" not in message for message in messages)


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_heic_is_upright_and_keeps_exif(tmp_path: Path, scene: Levels, turns: int) -> None:
    path = tmp_path / "phone.heic"
    path.write_bytes(heic(scene, turns=turns, exif=camera_block(6)))
    frame = read_file(path, LIMIT)
    assert np.abs(frame.colors.astype(int) - np.rot90(scene, turns)).mean() < 3
    assert frame.orientation == 1
    assert frame.cicp == (1, 13)
    assert frame.exif is not None
    assert b"Maker of cameras" in frame.exif


def test_heic_of_display_p3_is_converted(scene: Levels) -> None:
    muted = (scene // 4 + 96).astype(np.uint8)
    colored = load_image(heic(muted, cicp=(12, 13))).pixels
    expected = icc.to_srgb(muted.astype(np.float32) / np.float32(255), rgb_profile(DISPLAY_P3, SRGB_CURVE))
    assert np.abs(colored - expected).mean() * 255 < 2
    assert np.abs(colored * 255 - muted).mean() > 2


def test_truncated_heic_and_its_limit(tmp_path: Path, scene: Levels) -> None:
    path = tmp_path / "phone.heic"
    data = heic(scene)
    path.write_bytes(data)
    assert "over the limit of 99" in one_line(path, 99)
    path.write_bytes(data[: len(data) // 2])
    assert "damaged or unsupported HEIC" in one_line(path)


def pq(light: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """BT.2100: encode light, 1 is 203 cd/m2."""
    power = (light * 203 / 10_000) ** (2610 / 16384)
    return np.asarray(((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def linear(levels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    unit = levels / 255
    return np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)


BT709_TO_BT2020 = np.array(  # ITU-R BT.2087
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)


def test_png_in_pq_is_converted(tmp_path: Path, scene: Levels) -> None:
    wide = pq(linear(scene) @ BT709_TO_BT2020.T)
    data = encode.in_memory(encode.write_png, np.rint(wide * 65535).astype(np.uint16))
    cicp = encode._chunk(b"cICP", bytes([9, 16, 0, 1]))
    path = tmp_path / "hdr.png"
    path.write_bytes(data[:33] + cicp + data[33:])
    assert np.abs(load_image(path).pixels * 255 - scene).max() < 1


def test_avif_of_10_bits_in_pq_is_converted(tmp_path: Path, scene: Levels) -> None:
    wide = np.rint(pq(linear(scene) @ BT709_TO_BT2020.T) * 65535).astype(np.uint16)
    path = tmp_path / "hdr.avif"
    image = pyvips.Image.new_from_array(wide, interpretation="rgb16")
    data = image.heifsave_buffer(compression="av1", bitdepth=10, lossless=True, subsample_mode="off")
    at = data.index(b"nclx") + 4
    path.write_bytes(data[:at] + bytes([0, 9, 0, 16]) + data[at + 4 :])
    picture = load_image(path)
    assert picture.depth == 16
    assert np.abs(picture.pixels * 255 - scene).mean() < 2


def avif(levels: Levels, primaries: int, transfer: int) -> bytes:
    """An AVIF of 8 bits without a profile, with other code points than those of its writer."""
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "AVIF", quality=100, subsampling="4:4:4")
    data = stream.getvalue()
    at = data.index(b"nclx") + 4
    return data[:at] + primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big") + data[at + 4 :]


def test_avif_of_8_bits_in_pq_is_converted(scene: Levels) -> None:
    wide = np.rint(pq(linear(scene) @ BT709_TO_BT2020.T) * 255).astype(np.uint8)
    assert np.abs(load_image(avif(wide, 9, 16)).pixels * 255 - scene).mean() < 4
    assert np.abs(load_image(avif(wide, 1, 13)).pixels * 255 - scene).mean() > 20


def test_avif_of_8_bits_in_display_p3_is_converted(scene: Levels) -> None:
    muted = (scene // 4 + 96).astype(np.uint8)
    expected = icc.to_srgb(muted.astype(np.float32) / np.float32(255), rgb_profile(DISPLAY_P3, SRGB_CURVE))
    colored = load_image(avif(muted, 12, 13)).pixels
    assert np.abs(colored - expected).mean() * 255 < 2
    assert np.abs(colored * 255 - muted).mean() > 2


@pytest.mark.parametrize("place", ["behind", "text"])
def test_exif_of_png_in_odd_places(tmp_path: Path, scene: Levels, place: str) -> None:
    path = saved(tmp_path, Image.fromarray(scene), "a.png")
    data = path.read_bytes()
    block = camera_block(6)
    if place == "behind":
        at, extra = data.index(b"IEND") - 4, encode._chunk(b"eXIf", block[6:])
    else:
        text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
        at, extra = 33, encode._chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))
    path.write_bytes(data[:at] + extra + data[at:])
    frame = read_file(path, LIMIT)
    assert frame.orientation == 6
    assert frame.exif is not None


def test_png_with_megabytes_of_text(tmp_path: Path, scene: Levels) -> None:
    path = saved(tmp_path, Image.fromarray(scene), "a.png")
    data = path.read_bytes()
    text = encode._chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"node " * 1_000_000))
    path.write_bytes(data[:33] + text + data[33:])
    np.testing.assert_array_equal(read_file(path, LIMIT).colors, scene)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_exif_of_deep_tiff(
    tmp_path: Path, deep_scene: npt.NDArray[np.uint16], byteorder: Any, bigtiff: bool
) -> None:
    path = tmp_path / "a.tif"
    tags = [(274, "H", 1, 6, True), (315, "s", 0, "An artist", True)]
    tifffile.imwrite(
        path, deep_scene[..., :3], photometric="rgb", bigtiff=bigtiff, byteorder=byteorder, extratags=tags
    )
    frame = read_file(path, LIMIT)
    assert frame.orientation == 6
    if not (bigtiff and byteorder == ">"):
        assert frame.exif is not None
        assert b"An artist" in frame.exif


def test_camera_raw_is_named(tmp_path: Path, scene: Levels) -> None:
    path = tmp_path / "camera.dng"
    with tifffile.TiffWriter(path) as file:
        file.write(scene[:6, :8], subifds=1, subfiletype=1, photometric="rgb")
        file.write(scene[..., 0], subfiletype=0, photometric=32803, extratags=[(33421, "H", 2, (2, 2), True)])
    assert "is a camera raw file" in one_line(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.bmp", "a.gif", "a.avif"])
def test_a_forked_process_reads_pictures(tmp_path: Path, scene: Levels, name: str) -> None:
    path = saved(tmp_path, Image.fromarray(scene), name)
    code = (
        "import os, signal, sys\nfrom restyle.images.decode import read_file\n"
        "expected = read_file(sys.argv[1], 10**6).colors\npid = os.fork()\n"
        "if pid == 0:\n    signal.alarm(20)\n"
        "    os._exit(0 if (read_file(sys.argv[1], 10**6).colors == expected).all() else 1)\n"
        "sys.exit(os.waitpid(pid, 0)[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


SIZE = (480, 320)


def picture(width: int, height: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(
        np.uint8
    )


def jpeg(size: tuple[int, int] = SIZE) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(*size)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


LOSSLESS = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB", 14, 14, 330, 248, 2) + bytes(900)
# Where each maker keeps the JPEG: name, byte order, directories (see `made_raw`).
SENSOR = made_sensor(SIZE[0] + 16, SIZE[1] + 12)
LAYOUTS: dict[str, tuple[str, list[dict[Any, Any]]]] = {
    "a.dng": ("II", [small_copy(dng=True, below=[SENSOR, {"strip": jpeg(), 259: 7, 262: 6}])]),
    "a.nef": ("MM", [small_copy(below=[{"block": jpeg(), 259: 6}, {**SENSOR, 259: 34713}])]),
    "a.arw": (
        "II",
        [
            {"block": jpeg((240, 160)), 259: 6, 274: 6, 315: ARTIST, "below": [{**SENSOR, 259: 32767}]},
            {"block": jpeg((160, 120))},
            {"block": jpeg()},
        ],
    ),
    # Canon states the size of the sensor only in its lossless JPEG, in two channels of half the width.
    "a.cr2": (
        "CR",
        [
            {"strip": jpeg(), 259: 6, 274: 6, 315: ARTIST},
            {"block": jpeg((160, 106))},
            {"strip": bytes(60 * 40 * 6), 256: 60, 257: 40, 259: 1, 262: 2},
            {"strip": LOSSLESS, 259: 6},
        ],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_full_preview_is_read_and_reported(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_bytes(made_raw(*LAYOUTS[name]))
    image = read_file(path, 10**6)
    assert image.colors.shape == (320, 480, 3)
    assert np.abs(image.colors.astype(int) - picture(*SIZE)).mean() < 3
    assert image.orientation == 6
    assert image.exif is not None
    assert ARTIST in image.exif
    assert caplog.messages == [
        f"{path}: is a camera raw file; the camera's own JPEG in it, 480 x 320 pixels, is used"
    ]


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ([SENSOR], "without a preview; develop it first"),
        ([SENSOR, {"strip": jpeg((160, 106)), 259: 7}], "largest preview has only 160 x 106 pixels; develop"),
        # The size in the tags is a claim, that in the JPEG counts.
        ([SENSOR, {"strip": jpeg((160, 106)), 259: 7, 256: 480, 257: 320}], "only 160 x 106 pixels"),
        ([{"strip": jpeg((160, 106)), 259: 7}], "only 160 x 106 pixels"),
        ([{**SENSOR, 262: 34892}, {"strip": b"\xff\xd8\xff", 259: 7}], "without a preview"),
    ],
)
def test_a_small_preview_is_not_the_picture(below: list[dict[Any, Any]], said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw("II", [small_copy(dng=True, below=below)]))
    with pytest.raises(InputError, match=said) as caught:
        read_file(path, 10**6)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("offsets", [[8, 8], [7, 2**32 - 1, 999_999], list(range(8, 900))])
def test_directories_in_circles_end(offsets: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw("II", [small_copy(dng=True) | {330: offsets}]))
    with pytest.raises(InputError, match="camera raw file without a preview"):
        read_file(path, 10**6)


def test_tags_of_dng_do_not_pass_to_results(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw(*LAYOUTS["a.dng"]))
    block = read_file(path, 10**6).exif
    assert block is not None
    found = Image.Exif()
    found.load(block)
    assert set(found) == {271, 315}
