"""What an image file holds besides the picture that is read: further frames, and gain maps for HDR screens.

References: CIPA DC-007 (Multi-Picture Format), ISO 21496-1 and Ultra HDR 1.1 (gain maps).
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator

from restyle.files import FileBytes
from restyle.images import formats, png

log = logging.getLogger("restyle.images")

_GAIN_MAPS = (b"hdr-gain-map", b"hdrgm:", b"urn:iso:std:iso:ts:21496", b"HDRGainMap", b"hdrgainmap")
_ITEMS = 1 << 20  # bytes of a HEIC or AVIF file in which its items are listed
_SCAN = 0xDA  # marker of JPEG before the pixels
_MPF = b"MPF\0"
_ENTRIES, _ENTRY_BYTES = 0xB002, 16  # tag of MPF: 16 bytes for each image
_PREVIEWS = (0x010001, 0x010002)  # its types of smaller copies of the first image
_MOST_IMAGES = 100


def note(data: bytes | FileBytes, form: formats.Format, name: str, *, several: bool = False) -> None:
    """Warn in one line of what a file holds besides its first frame; `several`: its decoder found frames."""
    gain_map = False
    if form is formats.JPEG:
        several, gain_map = _in_jpeg(data)
    elif form is formats.PNG:
        several = png.is_animated(data)
    elif form in (formats.AVIF, formats.HEIC):
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
    for place, segment in _segments(data, 0):
        gain_map = gain_map or any(each in segment for each in _GAIN_MAPS)
        if segment.startswith(_MPF):
            starts += [place + len(_MPF) + offset for offset in _offsets(segment[len(_MPF) :])]
    for start in starts:
        for _, segment in _segments(data, start):
            gain_map = gain_map or any(each in segment for each in _GAIN_MAPS)
    return bool(starts), gain_map


def _segments(data: bytes | FileBytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield place and content of each application segment of a JPEG."""
    at = start + 2
    while len(head := data[at : at + 4]) == 4 and head[0] == 0xFF and head[1] != _SCAN:
        length = int.from_bytes(head[2:], "big")
        if 0xE0 <= head[1] <= 0xEF:
            yield at + 4, data[at + 4 : at + 2 + length]
        at += 2 + max(2, length)


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
