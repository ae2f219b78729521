"""The table of image formats, and detection of the format of a file, and of what it holds besides a picture.

The suffix of an input is only a hint, since files are often mislabeled: the first bytes decide. The suffix of
an output picks its format.

References: CIPA DC-007 (Multi-Picture Format), ISO 21496-1 and Ultra HDR 1.1 (gain maps); W3C, Portable
Network Graphics (PNG) Specification (Third Edition).
"""

from __future__ import annotations

import io
import logging
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restyle.errors import InputError, OutputError
from restyle.files import STANDARD_STREAM, check_is_path, first_few
from restyle.files import result_name as joined_name
from restyle.types import PathLike

log = logging.getLogger("restyle.images")


@dataclass(frozen=True)
class Format:
    """One file format."""

    name: str  # as people call it; for an image also Pillow's name of it
    suffixes: tuple[str, ...]  # lower case, with the dot; the first is the usual one
    magic: bytes = b""  # regular expression that the beginning of a file matches
    medium: str = "image"  # or "video", "audio", "other"
    loader: str = ""  # operation of libvips that reads it; empty if another library does
    plugin: str = ""  # Pillow's module that reads (without `loader`) and writes it, or `pi_heif`
    save: Mapping[str, Any] | None = None  # options for Pillow's writer; None if restyle does not write it
    quality: int | None = None  # default, 1..100; None for a lossless format
    alpha: bool = False
    deep: bool = False  # holds 16 bits a channel
    metadata: bool = True  # holds an ICC profile and EXIF
    cure: str = ""  # how to get a file that restyle reads, if it does not read this one
    rows: bool = False  # is written row by row, from a file that does not fit into memory

    @property
    def readable(self) -> bool:
        """Whether restyle reads images of this format."""
        return bool(self.plugin)

    @property
    def writable(self) -> bool:
        """Whether restyle writes images of this format."""
        return self.save is not None


# Default qualities give a PSNR of 40 dB on photos; JPEG and AVIF reach it with grain of 2 levels as well.
# Brush strokes have colored edges, so chroma keeps its full resolution; WebP always halves it.
JPEG = Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), rb"\xff\xd8\xff",
              loader="jpegload", plugin="JpegImagePlugin",
              save={"subsampling": "4:4:4"}, quality=95, rows=True)  # fmt: skip
PNG = Format("PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n",
             loader="pngload", plugin="PngImagePlugin",
             save={"compress_level": 4}, alpha=True, deep=True, rows=True)  # fmt: skip
WEBP = Format("WEBP", (".webp",), rb"RIFF....WEBP", plugin="WebPImagePlugin",
              save={"method": 2, "exact": True},  # exact: keep colors under transparency
              quality=98, alpha=True)  # fmt: skip
TIFF = Format("TIFF", (".tif", ".tiff"), rb"II[*+]\0|MM\0[*+]",
              loader="tiffload", plugin="TiffImagePlugin", save={}, alpha=True, deep=True,
              rows=True)  # fmt: skip
BMP = Format("BMP", (".bmp", ".dib"), rb"BM", plugin="BmpImagePlugin", save={}, metadata=False)
GIF = Format("GIF", (".gif",), rb"GIF8[79]a", plugin="GifImagePlugin")
AVIF = Format("AVIF", (".avif", ".avifs"), rb"....ftyp(avif|avis|(mif1|msf1).*avif)",
              loader="heifload", plugin="AvifImagePlugin", save={"subsampling": "4:4:4", "speed": 8},
              quality=92, alpha=True)  # fmt: skip
HEIC = Format("HEIC", (".heic", ".heif", ".hif"), rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)",
              plugin="pi_heif", alpha=True)  # fmt: skip

DEVELOP = "develop it first, for example to a TIFF of 16 bits"
# Those that are TIFF files. Most start like any TIFF, and their tags tell.
CAMERA_RAW = Format("camera raw", (".dng", ".nef", ".nrw", ".cr2", ".arw", ".sr2", ".pef", ".srw"),
                    rb"II\*\0\x10\0\0\0CR", plugin="TiffImagePlugin")  # fmt: skip
# Tiles of many sizes, for viewers that show a part of a huge picture: NAME.dzi and a folder NAME_files.
DEEP_ZOOM = Format("Deep Zoom", (".dzi",), rb".*<Image[^>]*deepzoom", save={}, quality=90, alpha=True,
                   metadata=False, rows=True)  # fmt: skip

# The first format that matches wins.
FORMATS = [JPEG, PNG, WEBP, CAMERA_RAW, TIFF, BMP, GIF, AVIF, HEIC]

# Files that are recognized so that messages can name them.
# fmt: off
OTHERS = [
    DEEP_ZOOM,
    Format("camera raw", (".cr3", ".orf", ".rw2", ".raf"), rb"IIR[OS]|IIU\0|FUJIFILMCCD-RAW|....ftypcrx ",
           cure=DEVELOP),
    Format("JPEG XL", (".jxl",), rb"\xff\x0a|\0\0\0\x0cJXL ",
           cure="convert it first: djxl of libjxl writes PNG and JPEG"),
    Format("JPEG 2000", (".jp2", ".j2k"), rb"\0\0\0\x0cjP  "),
    Format("Photoshop", (".psd", ".psb"), rb"8BPS"),
    Format("SVG", (".svg",), rb".*<svg"),
    Format("ICO", (".ico",), rb"\0\0\x01\0"),
    Format("PDF", (".pdf",), rb"%PDF-", "other"),
    Format("ZIP archive", (".zip",), rb"PK\x03\x04", "other"),
    Format("M4A", (".m4a",), rb"....ftypM4A ", "audio"),
    Format("MP4", (".mp4", ".m4v", ".mov"), rb"....ftyp", "video"),
    Format("Matroska", (".mkv", ".webm"), rb"\x1aE\xdf\xa3", "video"),
    Format("AVI", (".avi",), rb"RIFF....AVI ", "video"),
    Format("WAV", (".wav",), rb"RIFF....WAVE", "audio"),
    Format("FLAC", (".flac",), rb"fLaC", "audio"),
    Format("Ogg", (".ogg", ".oga", ".opus"), rb"OggS", "audio"),
    Format("MP3", (".mp3",), rb"ID3|\xff[\xe2\xe3\xea\xeb\xf2\xf3\xfa\xfb]", "audio"),
]
# fmt: on
TEXT = Format("text", (".txt",), medium="other")
UNKNOWN = Format("unknown", (), medium="other")

HEAD_BYTES = 64
JPEG_SIDE = 65_535  # px, the longest side that it can hold

_GAIN_MAPS = (b"hdr-gain-map", b"hdrgm:", b"urn:iso:std:iso:ts:21496", b"HDRGainMap", b"hdrgainmap")
_ITEMS = 1 << 20  # bytes of a HEIC or AVIF file in which its items are listed
_MARKER = re.compile(rb"\xff+([\xc0-\xfe])", re.DOTALL)  # of a segment of a JPEG
_FILL = 64  # most bytes of a marker: any number of 0xFF may precede it
_MPF = b"MPF\0"
_ENTRIES, _ENTRY_BYTES = 0xB002, 16  # tag of MPF: 16 bytes for each image
_PREVIEWS = (0x010001, 0x010002)  # its types of smaller copies of the first image
_MOST_IMAGES = 100
_MOST_BYTES = 1 << 24  # of the profile or EXIF block of a PNG
_TEXT_EXIF = b"Raw profile type exif\0"  # as ImageMagick writes it in a PNG: hexadecimal, in a text chunk


class FileBytes(io.FileIO):
    """A file that is read by slices, as its bytes would be, without holding it in memory."""

    def __len__(self) -> int:
        return os.fstat(self.fileno()).st_size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(len(self))
        self.seek(start)
        return self.read(max(0, stop - start))


def sniff(head: bytes) -> Format:
    """Tell a format from the first `HEAD_BYTES` bytes of a file; `TEXT` or `UNKNOWN` if none matches."""
    for each in (*FORMATS, *OTHERS):
        if re.match(each.magic, head, re.DOTALL):
            return each
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return UNKNOWN
    return TEXT if text and all(letter.isprintable() or letter.isspace() for letter in text) else UNKNOWN


def sniff_file(path: PathLike) -> Format:
    """Tell the format of a file from its content; InputError if it cannot be opened."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would block
            raise InputError(f"{os.fspath(path)}: is not a regular file")
        with open(path, "rb") as file:
            return sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: {(error.strerror or 'cannot be read').lower()}") from error


def from_suffix(path: PathLike) -> Format:
    """Return the format that the suffix of a path names, or `UNKNOWN`."""
    suffix = Path(path).suffix.lower()
    return next((each for each in (*FORMATS, *OTHERS) if suffix in each.suffixes), UNKNOWN)


def output_format(path: PathLike) -> Format:
    """Return the format to write to a path; OutputError lists the suffixes if this one is not among them."""
    check_is_path(path, "output", OutputError)
    found = PNG if os.fspath(path) == STANDARD_STREAM else from_suffix(path)
    if found.writable:
        return found
    known = ", ".join(each.suffixes[0] for each in (*FORMATS, DEEP_ZOOM) if each.writable)
    suffix = Path(path).suffix
    reason = f"cannot write '{suffix}' images" if suffix else "has no suffix that names an image format"
    raise OutputError(f"{os.fspath(path)}: {reason}; use one of {known}")


def is_image(path: PathLike) -> bool:
    """Tell whether the suffix of a path is that of an image format that restyle reads."""
    return from_suffix(path).readable


def find_images(folder: PathLike) -> Iterator[Path]:
    """Yield the images below a folder, by suffix; see `find_files`.

    One warning names the images and videos that are left out because they are not read.
    """
    left_out: list[str] = []

    def wanted(name: str) -> bool:
        form = from_suffix(name)
        if not form.readable and form.medium in ("image", "video"):
            left_out.append(name)
        return form.readable

    yield from find_files(folder, wanted)
    if left_out:
        log.warning("%s: left out what is not read as an image: %s", folder, first_few(left_out))


def natural_order(name: str) -> list[tuple[str, int]]:
    """Sort key of a name: numbers by value, so that `frame_2` comes before `frame_10`."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def find_files(folder: PathLike, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """Yield the files below a folder whose names are `wanted`, in natural order.

    Skips hidden files and folders, and does not follow links to folders. A subfolder that cannot be listed is
    yielded last, as a path, so that loading it reports the error; InputError if the folder itself cannot.
    """
    errors: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_order)
        for name in sorted(files, key=natural_order):
            if not name.startswith(".") and wanted(name):
                yield Path(parent, name)
    for error in errors:
        if Path(error.filename) == Path(folder):
            raise InputError(f"{os.fspath(folder)}: {(error.strerror or 'cannot be read').lower()}")
        yield Path(error.filename)


def result_name(source: PathLike, style_name: str) -> str:
    """Name a result after its content and style: `photo.jpg` and `scream` give `photo-scream.jpg`.

    The suffix is that of the content if restyle writes this format, otherwise `.png`.
    """
    suffix = Path(source).suffix if from_suffix(source).writable else ".png"
    return joined_name(source, style_name, suffix)


def note_left_out(data: bytes | FileBytes, form: Format, name: str, *, several: bool = False) -> None:
    """Warn in one line of further frames, and of gain maps for HDR screens, which are not read.

    With `several`, the decoder has found further frames.
    """
    gain_map = False
    if form is JPEG:
        several, gain_map = _in_jpeg(data)
    elif form is PNG:
        several = any(each == b"acTL" for each, _ in _chunks(data))
    elif form in (AVIF, HEIC):
        # Either as an item of its own kind, which the file names at its start, or as one that others skip.
        gain_map = b"tmap" in data[:64] or any(each in data[:_ITEMS] for each in _GAIN_MAPS)
    if gain_map:
        log.warning(
            "%s: its gain map for HDR screens is left out; the picture for other screens is read", name
        )
    elif several:
        log.warning("%s: has several frames or pages; only the first is read", name)


def _in_jpeg(data: bytes | FileBytes) -> tuple[bool, bool]:
    """Tell whether a JPEG is followed by further pictures, and whether one of them is a gain map."""
    starts: list[int] = []
    gain_map = False
    for _, place, segment in jpeg_segments(data):
        gain_map = gain_map or any(each in segment for each in _GAIN_MAPS)
        if segment.startswith(_MPF):
            starts += [place + len(_MPF) + offset for offset in _offsets(segment[len(_MPF) :])]
    for start in starts:
        for _, _, segment in jpeg_segments(data, start):
            gain_map = gain_map or any(each in segment for each in _GAIN_MAPS)
    return bool(starts), gain_map


def jpeg_segments(data: bytes | FileBytes, start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, place and content of each segment before the pixels of the JPEG that starts there."""
    at = start + 2
    while (marker := _MARKER.match(data[at : at + _FILL])) and marker[1] != b"\xda":
        at += marker.end()
        if len(size := data[at : at + 2]) < 2:
            return
        length = int.from_bytes(size)
        yield marker[1][0], at + 2, data[at + 2 : at + length]
        at += max(length, 2)


def _offsets(index: bytes) -> list[int]:
    """Return the offsets of the further images of an MPF index, without smaller copies of the first one."""
    order = "<" if index[:2] == b"II" else ">"
    try:
        (place,) = struct.unpack_from(f"{order}I", index, 4)
        (count,) = struct.unpack_from(f"{order}H", index, place)
        tags = [struct.unpack_from(f"{order}HHII", index, place + 2 + 12 * n) for n in range(count)]
        length, start = next(((tag[2], tag[3]) for tag in tags if tag[0] == _ENTRIES), (0, 0))
        number = min(length // _ENTRY_BYTES, _MOST_IMAGES)
        entries = [struct.unpack_from(f"{order}III", index, start + _ENTRY_BYTES * n) for n in range(number)]
    except struct.error:
        return []
    return [offset for kind, _, offset in entries[1:] if kind & 0xFFFFFF not in _PREVIEWS]


def png_metadata(data: bytes | FileBytes) -> tuple[bytes | None, bytes | None, tuple[int, int] | None]:
    """Return profile, EXIF block, and color primaries and transfer characteristics (ITU-T H.273) of a PNG."""
    icc = block = cicp = None
    for name, body in _chunks(data):
        if name == b"iCCP":
            icc = zlib.decompressobj().decompress(body[body.index(0) + 2 :], _MOST_BYTES)
        elif name == b"eXIf":
            block = body
        elif name == b"cICP" and len(body) == 4:
            cicp = (body[0], body[1])
        elif name in (b"zTXt", b"tEXt") and body.startswith(_TEXT_EXIF) and block is None:
            text = body[len(_TEXT_EXIF) :]
            if name == b"zTXt":
                text = zlib.decompressobj().decompress(text[1:], _MOST_BYTES)
            block = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))  # after a name and a length
    return icc, block, cicp


def _chunks(data: bytes | FileBytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk, as far as they are complete."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name != b"IDAT":
            yield name, data[at + 8 : at + 8 + length]
        at += 12 + length
