"""What a file is, by its content; what a suffix promises; the pictures in a folder.

The suffix of an input is only a hint: files are mislabelled all the time. The first bytes decide. The suffix
of an output is an order: it picks the format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import InputError, OutputError


@dataclass(frozen=True)
class Kind:
    """One file format.

    Attributes
    ----------
    name : str
        As people call it, and as Pillow does when it is a picture that restyle reads: ``"JPEG"``.
    medium : str
        ``"image"``, ``"video"``, ``"audio"``, or ``"other"``.
    suffixes : tuple of str
        Lower case, with the dot; the first is the usual one.
    readable, writable : bool
        Whether restyle's picture loader reads it and its saver writes it.
    alpha, deep, profiles : bool
        Whether a picture in it can hold transparency, 16 bits a channel, and a colour profile with EXIF.
    """

    name: str
    medium: str
    suffixes: tuple[str, ...]
    readable: bool = False
    writable: bool = False
    alpha: bool = False
    deep: bool = False
    profiles: bool = True


JPEG = Kind("JPEG", "image", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), readable=True, writable=True)
PNG = Kind("PNG", "image", (".png", ".apng"), readable=True, writable=True, alpha=True, deep=True)
WEBP = Kind("WEBP", "image", (".webp",), readable=True, writable=True, alpha=True)
TIFF = Kind("TIFF", "image", (".tif", ".tiff"), readable=True, writable=True, alpha=True, deep=True)
BMP = Kind("BMP", "image", (".bmp", ".dib"), readable=True, writable=True, profiles=False)
GIF = Kind("GIF", "image", (".gif",), readable=True)
AVIF = Kind("AVIF", "image", (".avif", ".avifs"), readable=True, writable=True, alpha=True)

PICTURES = (JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF)

_HEIF = Kind("HEIC", "image", (".heic", ".heif"))
_JXL = Kind("JPEG XL", "image", (".jxl",))
_JP2 = Kind("JPEG 2000", "image", (".jp2", ".j2k"))
_PSD = Kind("Photoshop", "image", (".psd", ".psb"))
_SVG = Kind("SVG", "image", (".svg",))
_ICO = Kind("ICO", "image", (".ico",))
_PDF = Kind("PDF", "other", (".pdf",))
_ZIP = Kind("ZIP archive", "other", (".zip",))
_MP4 = Kind("MP4", "video", (".mp4", ".m4v", ".mov"))
_MATROSKA = Kind("Matroska", "video", (".mkv", ".webm"))
_AVI = Kind("AVI", "video", (".avi",))
_WAV = Kind("WAV", "audio", (".wav",))
_FLAC = Kind("FLAC", "audio", (".flac",))
_OGG = Kind("Ogg", "audio", (".ogg", ".oga", ".opus"))
_MP3 = Kind("MP3", "audio", (".mp3",))
_M4A = Kind("M4A", "audio", (".m4a",))
TEXT = Kind("text", "other", (".txt",))
UNKNOWN = Kind("unknown", "other", ())

_ALL = (
    *PICTURES, _HEIF, _JXL, _JP2, _PSD, _SVG, _ICO, _PDF, _ZIP,
    _MP4, _MATROSKA, _AVI, _WAV, _FLAC, _OGG, _MP3, _M4A,
)  # fmt: skip

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),  # BigTIFF
    (b"MM\0+", TIFF),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"8BPS", _PSD),
    (b"\xff\x0a", _JXL),
    (b"\0\0\0\x0cJXL ", _JXL),
    (b"\0\0\0\x0cjP  ", _JP2),
    (b"\0\0\x01\0", _ICO),
    (b"%PDF-", _PDF),
    (b"PK\x03\x04", _ZIP),
    (b"\x1aE\xdf\xa3", _MATROSKA),
    (b"fLaC", _FLAC),
    (b"OggS", _OGG),
    (b"ID3", _MP3),
)
_RIFF = {b"WEBP": WEBP, b"AVI ": _AVI, b"WAVE": _WAV}
# ISO base media files name themselves in the brand that follows "ftyp".
_BRANDS = {
    b"avif": AVIF, b"avis": AVIF, b"heic": _HEIF, b"heix": _HEIF, b"hevc": _HEIF, b"mif1": _HEIF,
    b"msf1": _HEIF, b"M4A ": _M4A,
}  # fmt: skip

HEAD_BYTES = 64


def identify(head: bytes) -> Kind:
    """Tell a format from the first bytes of a file.

    Parameters
    ----------
    head : bytes
        The first ``HEAD_BYTES`` bytes, or all of a shorter file.

    Returns
    -------
    Kind
        ``TEXT`` or ``UNKNOWN`` when nothing matches.
    """
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"mif1", b"msf1") and b"avif" in head[12:]:
            return AVIF
        return _BRANDS.get(head[8:12], _MP4)
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # MPEG audio layer III frame
        return _MP3
    if b"<svg" in head:
        return _SVG
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return UNKNOWN
    return TEXT if text and all(letter.isprintable() or letter.isspace() for letter in text) else UNKNOWN


def identify_file(path: str | os.PathLike[str]) -> Kind:
    """Tell the format of a file from its content.

    Raises
    ------
    InputError
        There is no such file, or it cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            return identify(file.read(HEAD_BYTES))
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: {(error.strerror or 'cannot be read').lower()}") from error


def by_suffix(path: str | os.PathLike[str]) -> Kind:
    """Tell what the suffix of a path promises, ``UNKNOWN`` if nothing."""
    suffix = Path(path).suffix.lower()
    return next((kind for kind in _ALL if suffix in kind.suffixes), UNKNOWN)


def writable_kind(path: str | os.PathLike[str]) -> Kind:
    """Return the picture format that a path orders by its suffix.

    Raises
    ------
    OutputError
        The suffix is none that restyle writes; the message lists those.
    """
    kind = by_suffix(path)
    if not kind.writable:
        known = ", ".join(each.suffixes[0] for each in PICTURES if each.writable)
        suffix = Path(path).suffix
        reason = (
            f"cannot write '{suffix}' pictures" if suffix else "has no suffix that names a picture format"
        )
        raise OutputError(f"{os.fspath(path)}: {reason}; use one of {known}")
    return kind


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Tell whether the suffix of a path is that of a picture that restyle reads."""
    return by_suffix(path).readable


def pictures_in(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the pictures below a folder, by suffix; see `files_in`."""
    return files_in(folder, is_picture)


def files_in(folder: str | os.PathLike[str], wanted: Callable[[str], bool]) -> Iterator[Path]:
    """Yield the files below a folder whose names are wanted, in a stable order.

    Hidden files and folders are left out, links to folders are not followed. A folder below that cannot be
    listed is yielded itself, last, so that it is not passed over in silence: loading it says why.

    Raises
    ------
    InputError
        The folder itself cannot be listed.
    """
    refused: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and wanted(name):
                yield Path(here, name)
    for error in refused:
        if Path(error.filename) == Path(folder):
            raise InputError(f"{os.fspath(folder)}: {(error.strerror or 'cannot be read').lower()}")
        yield Path(error.filename)
