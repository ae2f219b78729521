"""The `.style` file: a style code as JSON of a few kB, for presets and saved styles.

    {"format": "restyle-style/1", "model": "arbitrary-5", "name": "starry-night", "title": "The Starry Night",
     "artist": "Vincent van Gogh", "year": "1889", "code": "<base64 of little-endian float32>",
     "scales": {"0.5": "<code for strokes half as large>", "2": "..."},
     "practised": "<added to each code for stylization: the result of fine-tuning>"}

`title`, `artist`, `year`, `scales` and `practised` are optional.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError, StyleError
from restyle.files import writing
from restyle.types import FloatArray, PathLike

FORMAT = "restyle-style/1"
SUFFIX = ".style"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class StyleRecord:
    """Content of a style file.

    Parameters
    ----------
    model, name : str
    code : np.ndarray [shape=(K,), float32]
    title, artist, year : str
        Empty if unknown.
    scales : mapping of float to np.ndarray [shape=(K,), float32]
        Codes for other stroke sizes.
    refinement : np.ndarray [shape=(K,), float32] or None
        Added to each code for stylization: the result of fine-tuning on this style. Stored as "practised".
    """

    model: str
    name: str
    code: FloatArray
    title: str = ""
    artist: str = ""
    year: str = ""
    scales: Mapping[float, FloatArray] = field(default_factory=dict)
    refinement: FloatArray | None = None


def read(path: PathLike) -> StyleRecord:
    """Read a style file.

    Raises
    ------
    InputError
        It is missing or cannot be read.
    StyleError
        It is not a style file of this version.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(content) > _MOST_BYTES:
        raise StyleError(f"{name}: is not a style file: it is larger than {_MOST_BYTES >> 20} MB")
    try:
        entry = json.loads(content)
    except (ValueError, RecursionError):
        raise StyleError(f"{name}: is not a style file, or damaged: it is not JSON") from None
    if not isinstance(entry, dict) or "format" not in entry:
        raise StyleError(f"{name}: is not a style file: it lacks the format '{FORMAT}'")
    if entry["format"] != FORMAT:
        raise StyleError(f"{name}: has format '{entry['format']}'; this restyle reads '{FORMAT}'")
    words = {key: entry.get(key, "") for key in ("model", "name", "title", "artist", "year")}
    wrong = [key for key, word in words.items() if not isinstance(word, str)]
    if wrong or not words["model"] or not words["name"]:
        raise StyleError(f"{name}: damaged style file: '{(wrong or ['model or name'])[0]}' is not text")
    code = _decode(entry.get("code"), name)
    scales = entry.get("scales", {})
    if not isinstance(scales, dict):
        raise StyleError(f"{name}: damaged style file: 'scales' is not a table")
    refinement = _decode_like(entry["practised"], code, name) if "practised" in entry else None
    return StyleRecord(code=code, scales=_decode_scales(scales, code, name), refinement=refinement, **words)


def write(
    record: StyleRecord,
    path: PathLike,
    *,
    overwrite: bool = False,
    inputs: Iterable[PathLike] = (),
) -> Path:
    """Write a style file atomically; `inputs` are never replaced."""
    words = {key: getattr(record, key) for key in ("model", "name", "title", "artist", "year")}
    entry: dict[str, Any] = {"format": FORMAT, **{key: word for key, word in words.items() if word}}
    entry["code"] = _encode(record.code)
    if record.scales:
        entry["scales"] = {f"{scale:g}": _encode(record.scales[scale]) for scale in sorted(record.scales)}
    if record.refinement is not None:
        entry["practised"] = _encode(record.refinement)
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_text(json.dumps(entry, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def is_style_file(path: PathLike) -> bool:
    """Recognize a style file by its suffix, or else by its first byte."""
    if Path(path).suffix.lower() == SUFFIX:
        return True
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def _encode(code: FloatArray) -> str:
    return base64.b64encode(np.asarray(code, "<f4").tobytes()).decode("ascii")


def _decode(text: Any, name: str) -> FloatArray:
    try:
        code = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    except (TypeError, ValueError, binascii.Error):
        raise StyleError(f"{name}: damaged style file: its code is not base64 of float32 values") from None
    if code.size == 0 or not np.isfinite(code).all():
        raise StyleError(f"{name}: damaged style file: its code is empty or not finite")
    return code


def _decode_scales(scales: dict[str, Any], code: FloatArray, name: str) -> dict[float, FloatArray]:
    decoded = {}
    for key, text in scales.items():
        try:
            scale = float(key)
        except ValueError:
            scale = 0.0
        if not 0 < scale < float("inf"):
            raise StyleError(f"{name}: damaged style file: '{key}' is not a scale")
        decoded[scale] = _decode_like(text, code, name)
    return decoded


def _decode_like(text: Any, code: FloatArray, name: str) -> FloatArray:
    decoded = _decode(text, name)
    if decoded.shape != code.shape:
        raise StyleError(f"{name}: damaged style file: its codes differ in length")
    return decoded
