"""Camera raw files as tests need them: TIFF files with the directories of the makers."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

ARTIST = b"An artist\0"
_BYTE, _SHORT, _LONG = 1, 3, 4
_LONGS = {273, 279, 330, 513, 514}


def made_sensor(width: int, height: int) -> dict[Any, Any]:
    """A directory with the data of a sensor."""
    size = {256: width, 257: height, 258: 16, 277: 1, 278: height}
    return {**size, 254: 0, 259: 1, 262: 32803, "strip": bytes(2 * width * height)}


def small_copy(dng: bool = False, below: Sequence[Mapping[Any, Any]] = ()) -> dict[Any, Any]:
    """The first directory of DNG and NEF: a thumbnail without compression, and what lies below it."""
    tags = {254: 1, 256: 40, 257: 30, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: 30}
    about = {271: b"A maker\0", 274: 6, 315: ARTIST, **({50706: b"\1\4\0\0"} if dng else {})}
    return {**tags, **about, "strip": bytes(3600), **({"below": below} if below else {})}


def made_raw(order: str, directories: Sequence[Mapping[Any, Any]]) -> bytes:
    """Write a file: `II`, `MM`, or `CR` for CR2.

    A directory maps tags to a number, numbers or bytes; `strip` is its only strip, `block` a JPEG at tags 513
    and 514, and `below` its subdirectories.
    """
    sign = ">" if order == "MM" else "<"
    mark = b"MM" if order == "MM" else b"II"
    out = bytearray(mark + struct.pack(f"{sign}HI", 42, 0) + (b"CR\2\0\0\0\0\0" if order == "CR" else b""))

    def put(data: bytes) -> int:
        out.extend(bytes(len(out) % 2))
        place = len(out)
        out.extend(data)
        return place

    def write(directory: Mapping[Any, Any]) -> int:
        tags = {tag: value for tag, value in directory.items() if isinstance(tag, int)}
        for key, (offset, count) in {"strip": (273, 279), "block": (513, 514)}.items():
            if key in directory:
                tags |= {offset: put(directory[key]), count: len(directory[key])}
        if "below" in directory:
            tags[330] = [write(each) for each in directory["below"]]
        entries = b""
        for tag in sorted(tags):
            value = tags[tag]
            if isinstance(value, bytes):
                kind, count, data = 2 if value.endswith(b"\0") and tag < 50000 else _BYTE, len(value), value
            else:
                values = value if isinstance(value, list) else [value]
                kind, count = (_LONG if tag in _LONGS else _SHORT), len(values)
                data = struct.pack(f"{sign}{count}{'I' if kind == _LONG else 'H'}", *values)
            entries += struct.pack(f"{sign}HHI", tag, kind, count)
            entries += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{sign}I", put(data))
        return put(struct.pack(f"{sign}H", len(entries) // 12) + entries + bytes(4))

    link = 4
    for directory in directories:
        place = write(directory)
        struct.pack_into(f"{sign}I", out, link, place)
        (count,) = struct.unpack_from(f"{sign}H", out, place)
        link = place + 2 + 12 * count
    return bytes(out)
