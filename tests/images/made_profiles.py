"""Color profiles made on the spot, so that none has to be shipped."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

# Primaries adapted to D50, a column each, and tone curves of two spaces wider than sRGB.
ADOBE_RGB = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
DISPLAY_P3 = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def table_curve(values: npt.NDArray[np.float64]) -> bytes:
    table = np.rint(values * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + table


def parametric_curve(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*values)


SRGB_CURVE = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _profile(space: bytes, tags: dict[bytes, bytes], *, pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x02\x10\0\0", kind, space, pcs
    head[36:40], head[68:80] = b"acsp", _fixed(0.9642, 1, 0.8249)
    name = b"made by a test"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1, 0.8249),
        **tags,
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data
    whole = bytes(head) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def rgb_profile(
    primaries: tuple[tuple[float, ...], ...] = ADOBE_RGB, curve: bytes = gamma_curve(2.19921875)
) -> bytes:
    columns = list(zip(*primaries, strict=True))
    tags = {name: b"XYZ \0\0\0\0" + _fixed(*xyz) for name, xyz in zip(_XYZ, columns, strict=True)}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


_XYZ = (b"rXYZ", b"gXYZ", b"bXYZ")


def gray_profile(curve: bytes = gamma_curve(1.8), pcs: bytes = b"XYZ ") -> bytes:
    return _profile(b"GRAY", {b"kTRC": curve}, pcs=pcs)


def _table8(inputs: int, corners: npt.NDArray[np.float64], outputs: int) -> bytes:
    """An ``mft1`` table of two nodes an axis: ``corners`` [shape=(2**inputs, outputs), range 0..1]."""
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([inputs, outputs, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return head + ramp * inputs + np.rint(corners * 255).astype(np.uint8).tobytes() + ramp * outputs


def table_profile(space: bytes, *, back: bool = True) -> bytes:
    """A profile made of tables: RGB or CMYK mixed linearly in Lab; ``back`` adds the way from Lab."""
    inputs = len(space.strip())
    grid = np.stack(np.meshgrid(*[[0.0, 1.0]] * inputs, indexing="ij"), axis=-1).reshape(-1, inputs)
    light = grid.mean(axis=1) if inputs == 3 else (1 - grid[:, :3].mean(axis=1)) * (1 - grid[:, 3])
    chroma = (grid[:, 0] - grid[:, 1]) * 0.3 * (1 if inputs == 3 else -1)
    lab = np.stack([light, 128 / 255 + chroma, np.full(len(grid), 128 / 255)], axis=1)
    tags = {b"A2B0": _table8(inputs, lab, 3)}
    if back:
        nodes = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        device = np.repeat(nodes[:, :1], 3, axis=1) if inputs == 3 else 1 - np.repeat(nodes[:, :1], 4, axis=1)
        tags[b"B2A0"] = _table8(3, device, inputs)
    return _profile(space, tags, pcs=b"Lab ", kind=b"prtr" if inputs == 4 else b"scnr")
