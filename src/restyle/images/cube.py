"""Read and write .cube files: color lookup tables for Lightroom, Resolve, OBS, ffmpeg and others.

The format is that of Adobe's "Cube LUT Specification" 1.0 (one table, 1D or 3D, with a domain) and of
DaVinci Resolve, which puts a 1D table (a shaper) in front of a 3D table. Values are sRGB-coded, like those of
a photo.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from restyle.errors import InputError
from restyle.files import check_output, writing
from restyle.images.color_lut import ColorLut
from restyle.types import FloatArray, PathLike

MAX_BYTES = 100_000_000
MAX_3D = 129  # points along an axis
MAX_1D = 65536
_SIZES = {"LUT_1D_SIZE": (2, MAX_1D), "LUT_3D_SIZE": (2, MAX_3D)}
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_DOMAINS = ("DOMAIN_MIN", "DOMAIN_MAX")
_CHUNK = 1 << 18  # pixels at a time
_LARGEST = 1e3  # of a value; tables for scene-linear light stay far below


@dataclass(frozen=True, eq=False)
class Cube:
    """A color map as tables: a curve of each channel, then a table over RGB, or one of both.

    Attributes
    ----------
    curves : np.ndarray [shape=(n, 3), float32] or None
    table : ColorLut or None
    curve_domain, table_domain : np.ndarray [shape=(2, 3), float32]
        The smallest and the largest input of each channel.
    title : str
    """

    curves: FloatArray | None
    table: ColorLut | None
    curve_domain: FloatArray
    table_domain: FloatArray
    title: str = ""

    def apply(self, pixels: FloatArray) -> FloatArray:
        """Map colors [shape=(..., 3), float32, range 0..1, RGB] to the same; results are clipped to 0..1."""
        flat = pixels.reshape(-1, 3)
        out = np.empty(flat.shape, np.float32)
        for start in range(0, len(flat), _CHUNK):
            part = flat[start : start + _CHUNK]
            if self.curves is not None:
                part = _apply_curves(self.curves, _unit(part, self.curve_domain))
            if self.table is not None:
                part = self.table.apply(np.ascontiguousarray(_unit(part, self.table_domain)))
            np.clip(part, 0, 1, out=out[start : start + _CHUNK])
        return out.reshape(pixels.shape)


def load_cube(path: PathLike) -> Cube:
    """Read a .cube file.

    Raises
    ------
    InputError
        The file is missing, too large, no .cube file, or damaged; the message names the line.
    """
    name = os.fspath(path)
    try:
        if os.path.isdir(path):
            raise InputError(f"{name}: is a folder, not a .cube file")
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputError(f"{name}: is not a regular file")
        if os.path.getsize(path) > MAX_BYTES:
            raise InputError(
                f"{name}: has more than {MAX_BYTES / 1e6:.0f} MB; a .cube file of 65 points has 8"
            )
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not data.strip():
        raise InputError(f"{name}: is empty")
    if b"\0" in data[:4096]:
        raise InputError(f"{name}: is not a .cube file (it contains no text)")
    return parse_cube(data.decode("utf-8-sig", "replace"), name)


def parse_cube(text: str, name: str) -> Cube:
    """Parse the text of a .cube file; `name` is for messages, see `load_cube`."""
    header: dict[str, list[float]] = {}
    title, rows, first_row = "", list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):
        title_line = line.lstrip().startswith("TITLE")  # whose text may contain a #
        words = line.split() if title_line else line.split("#", 1)[0].split()
        if not words:
            continue
        if re.match(r"[-+.\d]", words[0]) or words[0].lower() in ("nan", "inf"):
            if len(words) != 3:
                raise InputError(f"{name}: line {number} has {len(words)} values instead of 3: '{line[:40]}'")
            first_row = first_row or number
            rows.extend(words)
        elif words[0] == "TITLE":
            title = line.strip()[5:].strip().strip('"')[:200]
        else:
            _read_header(header, words, f"{name}: line {number}")
    return _build(header, rows, title, name)


def _read_header(header: dict[str, list[float]], words: list[str], where: str) -> None:
    key = words[0]
    if key not in (*_SIZES, *_RANGES, *_DOMAINS):
        if key.isupper() and key.replace("_", "").isalnum():
            return  # keywords of other programs
        raise InputError(f"{where} is no line of a .cube file: '{' '.join(words)[:40]}'")
    if key in header:
        raise InputError(f"{where} repeats {key}")
    count = 1 if key in _SIZES else 2 if key in _RANGES else 3
    try:
        values = [float(word) for word in words[1:]]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all() or max(map(abs, values)) > 1e6:
        raise InputError(
            f"{where}: {key} needs {count} number{'s' * (count > 1)}, not '{' '.join(words[1:])[:40]}'"
        )
    if key in _SIZES:
        low, high = _SIZES[key]
        if not low <= values[0] <= high or values[0] != int(values[0]):
            raise InputError(f"{where}: {key} {words[1]} is not a whole number in {low}..{high}")
    header[key] = values


def _build(header: dict[str, list[float]], rows: list[str], title: str, name: str) -> Cube:
    curve_size = int(header.get("LUT_1D_SIZE", [0])[0])
    side = int(header.get("LUT_3D_SIZE", [0])[0])
    if not curve_size and not side:
        raise InputError(f"{name}: is not a .cube file (it has neither LUT_3D_SIZE nor LUT_1D_SIZE)")
    wanted, found = curve_size + side**3, len(rows) // 3
    if wanted != found:
        raise InputError(f"{name}: has {found} colors instead of {wanted}; it may be cut off")
    try:
        exact = np.array(rows, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise InputError(f"{name}: contains a value that is no number ({str(error)[:60]})") from None
    if not (np.abs(exact) <= _LARGEST).all():
        raise InputError(f"{name}: contains NaN, infinite values, or values above {_LARGEST:g}")
    values = exact.astype(np.float32)
    domain = np.array([header.get("DOMAIN_MIN", [0.0] * 3), header.get("DOMAIN_MAX", [1.0] * 3)], np.float32)
    domains = []
    for key in _RANGES:
        span = np.repeat(np.array(header[key], np.float32)[:, None], 3, axis=1) if key in header else domain
        if (span[1] <= span[0]).any():
            raise InputError(
                f"{name}: its largest input {span[1].tolist()} is not above its smallest {span[0].tolist()}"
            )
        domains.append(span)
    curves = values[:curve_size] if curve_size else None
    table = None
    if side:
        # In the file red changes fastest; in memory it is the first axis.
        nodes = values[curve_size:].reshape(side, side, side, 3).transpose(2, 1, 0, 3)
        table = ColorLut(np.ascontiguousarray(nodes))
    # The domain of the file is that of what comes first.
    behind = (
        np.array([[0] * 3, [1] * 3], np.float32)
        if curves is not None and _RANGES[1] not in header
        else domains[1]
    )
    return Cube(curves, table, domains[0], behind, title)


def save_cube(
    table: ColorLut,
    path: PathLike,
    *,
    title: str = "",
    overwrite: bool = False,
    inputs: tuple[PathLike, ...] = (),
) -> Path:
    """Write a table over RGB as a .cube file, which also ffmpeg and OBS read.

    Parameters
    ----------
    table : ColorLut
    path : path
    title : str
    overwrite : bool
        Whether an existing file may be replaced.
    inputs : tuple of path
        Never replaced.

    Raises
    ------
    OutputError
        The file cannot be written, exists, or is an input.
    """
    check_output(path, overwrite=overwrite, inputs=inputs)
    side = table.nodes.shape[0]
    rows = table.nodes.transpose(2, 1, 0, 3).reshape(-1, 3)
    plain = re.sub(r'[^ -~]|"', "", title)
    lines = [f'TITLE "{plain}"', f"LUT_3D_SIZE {side}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1 1 1"]
    lines += [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows.tolist()]
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    return Path(path)


def _unit(pixels: FloatArray, domain: FloatArray) -> FloatArray:
    return np.asarray(np.clip((pixels - domain[0]) / (domain[1] - domain[0]), 0, 1), np.float32)


def _apply_curves(curves: FloatArray, pixels: FloatArray) -> FloatArray:
    axis = np.linspace(0, 1, len(curves), dtype=np.float32)
    channels = [np.interp(pixels[:, channel], axis, curves[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)
