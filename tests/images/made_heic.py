"""HEIC files made on the spot: one HEVC picture of FFmpeg in the boxes of HEIF."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def heic(
    pixels: npt.NDArray[np.uint8], *, cicp: tuple[int, int] = (1, 13), turns: int = 0, exif: bytes = b""
) -> bytes:
    """Encode pixels [shape=(H, W, 3)], to be turned to the left `turns` times."""
    units = _encode(pixels)
    sets = [unit for unit in units if (unit[0] >> 1) & 63 in (32, 33, 34)]
    slices = b"".join(struct.pack(">I", len(u)) + u for u in units if (u[0] >> 1) & 63 < 32)
    sequence = next(unit for unit in sets if (unit[0] >> 1) & 63 == 33).replace(b"\0\0\3", b"\0\0")
    arrays = b"".join(struct.pack(">BHH", 0x80 | (unit[0] >> 1) & 63, 1, len(unit)) + unit for unit in sets)
    # Profile, tier and level as in the sequence parameter set; 4:2:0 with 8 bits; lengths of four bytes.
    config = (
        b"\1" + sequence[3:15] + struct.pack(">HBBBBHBB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F, len(sets))
    )
    height, width = pixels.shape[:2]
    full = b"\0\0\0\0"
    properties = [
        box(b"hvcC", config, arrays),
        box(b"ispe", full, struct.pack(">II", width, height)),
        box(b"colr", b"nclx", struct.pack(">HHHB", *cicp, 6, 0x80)),  # BT.601, full range
        box(b"irot", bytes([turns])),
    ]
    items = [(1, b"hvc1", slices)] + ([(2, b"Exif", struct.pack(">I", 0) + exif)] if exif else [])

    def meta(start: int) -> bytes:
        places, at = b"", start
        for number, _, data in items:
            places += struct.pack(">HHHII", number, 0, 1, at, len(data))
            at += len(data)
        entries = [box(b"infe", b"\2\0\0\0", struct.pack(">HH", n, 0), kind, b"\0") for n, kind, _ in items]
        links = [box(b"iref", full, box(b"cdsc", struct.pack(">HHH", 2, 1, 1)))] if exif else []
        uses = struct.pack(">IHB", 1, 1, len(properties)) + bytes(range(1, 1 + len(properties)))
        return box(
            b"meta", full,
            box(b"hdlr", full, bytes(4), b"pict", bytes(13)),
            box(b"pitm", full, struct.pack(">H", 1)),
            box(b"iloc", full, b"\x44\0", struct.pack(">H", len(items)), places),
            box(b"iinf", full, struct.pack(">H", len(items)), *entries),
            *links,
            box(b"iprp", box(b"ipco", *properties), box(b"ipma", full, uses)),
        )  # fmt: skip

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *(data for _, _, data in items))


def _encode(pixels: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the units of one HEVC picture."""
    codec: Any = av.VideoCodecContext.create("libx265", "w")
    codec.height, codec.width = pixels.shape[:2]
    codec.pix_fmt, codec.time_base = "yuvj420p", Fraction(1, 25)
    codec.options = {
        "x265-params": "crf=1:keyint=1:log-level=none:pools=1:info=0",
        "preset": "ultrafast",
    }
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))
    units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return [unit.rstrip(b"\0") for unit in units]
