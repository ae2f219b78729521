"""Style files and their names: a `.style` file is JSON that holds a style code and the style's images.

    {"format": "restyle-style/1", "model": "arbitrary-5", "name": "starry-night", "title": "The Starry Night",
     "artist": "Vincent van Gogh", "year": "1889", "code": "<base64 of little-endian float32>",
     "scales": {"0.5": "<code for strokes half as large>", "2": "..."},
     "practised": "<added to each code for stylization: the result of fine-tuning>",
     "pictures": [{"jpeg": "<base64 of a JPEG file>", "weight": 1, "scale": 1}]}

`title`, `artist`, `year`, `scales`, `practised` and `pictures` are optional. A mixture has one picture per
part. Presets are style files in the folder of a model; they are found by name, or by a part of artist and
title, and their images are files in a folder beside them.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError, StyleError
from restyle.files import parse_json, write_text, writing
from restyle.images import formats
from restyle.models.catalog import Record
from restyle.types import FloatArray, PathLike

FORMAT = "restyle-style/1"
SUFFIX = ".style"
MOST_LETTERS = 1000  # of a name or title
_MOST = 1e6  # of a weight or scale
_LARGEST = 1e4  # number in a code; those of networks stay below 100
MOST_BYTES = 32 << 20  # of a style file: about a hundred pictures


@dataclass(frozen=True, eq=False)
class StylePicture:
    """The image of a style, or of one part of a mixture.

    source : an image file, or its content
    weight : share in the mixture
    scale : stroke size
    """

    source: Path | bytes = field(repr=False)
    weight: float = 1.0
    scale: float = 1.0


@dataclass(frozen=True)
class StyleRecord:
    """Content of a style file.

    code : [K] float32
    title, artist, year : empty if unknown
    scales : codes for other stroke sizes
    refinement : [K] float32 or None; added to each code for stylization: the result of fine-tuning on this
        style. Stored as "practised"
    pictures : the images that the style was encoded from, as JPEG; empty if the file does not contain them
    """

    model: str
    name: str
    code: FloatArray
    title: str = ""
    artist: str = ""
    year: str = ""
    scales: Mapping[float, FloatArray] = field(default_factory=dict)
    refinement: FloatArray | None = None
    pictures: tuple[StylePicture, ...] = ()


def read(path: PathLike) -> StyleRecord:
    """Read a style file.

    Raises InputError if it is missing or cannot be read; StyleError if it is not one of this version.
    """
    name = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a named pipe would block
        raise InputError(f"{name}: is not a file")
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(content) > MOST_BYTES:
        raise StyleError(f"{name}: is not a style file: it is larger than {MOST_BYTES >> 20} MB")
    try:
        entry = parse_json(content)
    except ValueError:
        raise StyleError(f"{name}: is not a style file, or damaged: it is not JSON") from None
    if not isinstance(entry, dict) or "format" not in entry:
        raise StyleError(f"{name}: is not a style file: it lacks the format '{FORMAT}'")
    if entry["format"] != FORMAT:
        raise StyleError(f"{name}: has format '{str(entry['format'])[:40]}'; this restyle reads '{FORMAT}'")
    words = {key: entry.get(key, "") for key in ("model", "name", "title", "artist", "year")}
    wrong = [key for key, word in words.items() if not isinstance(word, str) or len(word) > MOST_LETTERS]
    if wrong or not words["model"] or not words["name"]:
        key = (wrong or ["model or name"])[0]
        raise StyleError(f"{name}: damaged style file: '{key}' is not a text of 1 to {MOST_LETTERS} letters")
    code = _decode(entry.get("code"), name)
    scales = entry.get("scales", {})
    if not isinstance(scales, dict):
        raise StyleError(f"{name}: damaged style file: 'scales' is not a table")
    refinement = _decode_like(entry["practised"], code, name) if "practised" in entry else None
    return StyleRecord(
        code=code,
        scales=_decode_scales(scales, code, name),
        refinement=refinement,
        pictures=_decode_pictures(entry.get("pictures", []), name),
        **words,
    )


def write(
    record: StyleRecord, path: PathLike, *, overwrite: bool = False, inputs: Iterable[PathLike] = ()
) -> Path:
    """Write a style file atomically; `inputs` are never replaced.

    Raises StyleError if its pictures are larger than a style file may be.
    """
    words = {key: getattr(record, key) for key in ("model", "name", "title", "artist", "year")}
    entry: dict[str, Any] = {"format": FORMAT, **{key: word for key, word in words.items() if word}}
    entry["code"] = _encode(record.code)
    if record.scales:
        entry["scales"] = {f"{scale:g}": _encode(record.scales[scale]) for scale in sorted(record.scales)}
    if record.refinement is not None:
        entry["practised"] = _encode(record.refinement)
    if record.pictures:
        entry["pictures"] = [_encode_picture(each) for each in record.pictures]
    text = json.dumps(entry, ensure_ascii=False, indent=1) + "\n"
    if len(text) > MOST_BYTES:
        raise StyleError(
            f"the {len(record.pictures)} pictures of style '{record.name}' take more than"
            f" {MOST_BYTES >> 20} MB; mix fewer styles, or save it without pictures"
        )
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        write_text(temporary, text)
    return Path(path)


def is_style_file(path: PathLike) -> bool:
    """Recognize a style file by its suffix, or else by its first byte."""
    if Path(path).suffix.lower() == SUFFIX:
        return True
    if not os.path.isfile(path):  # a FIFO would block
        return False
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def preset_files(record: Record) -> dict[str, Path]:
    """Return the style files of a model's presets, name -> path, sorted by name."""
    if record.styles is None:
        return {}
    return {path.stem: path for path in sorted(record.styles.glob(f"*{SUFFIX}"))}


def preset_artwork(style_file: Path) -> Path | None:
    """Return the artwork of a preset, `artworks/NAME.jpg` next to the folder of style files, if it exists."""
    path = style_file.parent.parent / "artworks" / f"{style_file.stem}.jpg"
    return path if path.is_file() else None


def split_weight(text: str) -> tuple[str, float | None]:
    """Split `name:0.4` into name and weight; a colon in an existing path is part of the path.

    Raises StyleError if the text after the colon is not a weight.
    """
    name, colon, tail = text.rpartition(":")
    if not colon or not name or os.path.lexists(text):
        return text, None
    try:
        weight = float(tail)
    except ValueError:
        if "/" in tail or "\\" in tail:  # C:\picture.jpg, http://...
            return text, None
        raise StyleError(f"style '{text}': '{tail}' is not a weight; write {name}:0.4") from None
    if not (weight >= 0 and math.isfinite(weight)):
        raise StyleError(f"style '{text}': weight {tail} is not a number from 0 up")
    return name, weight


def slug(text: str) -> str:
    """Convert a text to lower-case words joined by hyphens, for a file name.

    Examples
    --------
    >>> slug("The Great_Wave (1831)")
    'the-great-wave-1831'
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[\W_]+", "-", plain).strip("-")[:80]


def is_path(text: str) -> bool:
    """Tell whether a text is a path: it has a separator or a known suffix."""
    known = formats.from_suffix(text) is not formats.UNKNOWN or text.lower().endswith(SUFFIX)
    return known or "/" in text or os.sep in text


def find_presets(name: str, files: dict[str, Path]) -> list[str]:
    """Return the presets whose artist or title contains a name, such as "monet"."""
    wanted = slug(name)
    about = {each: read(path) for each, path in files.items()}
    found = [each for each, it in about.items() if f"-{wanted}-" in f"-{slug(f'{it.artist} {it.title}')}-"]
    return found if wanted else []


def near_names(
    name: str, known: list[str], listed: str = "`restyle styles` lists the presets", about: Sequence[str] = ()
) -> str:
    """Return the end of a message that suggests similar names, or else those in `about`, or a command."""
    wanted = slug(name)
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    near += [each for each in known if wanted and wanted in each and each not in near]
    near = near or list(about)
    if near:
        return f"; did you mean {' or '.join(repr(each) for each in near[:3])}?"
    return f"; {listed}" if known else ""


def _encode(code: FloatArray) -> str:
    return base64.b64encode(np.asarray(code, "<f4").tobytes()).decode("ascii")


def _decode(text: Any, name: str) -> FloatArray:
    try:
        code = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    except (TypeError, ValueError, binascii.Error):
        raise StyleError(f"{name}: damaged style file: its code is not base64 of float32 values") from None
    if code.size == 0 or not (np.abs(code) <= _LARGEST).all():
        raise StyleError(f"{name}: damaged style file: its code is empty or not finite")
    return code


def _encode_picture(picture: StylePicture) -> dict[str, Any]:
    content = picture.source if isinstance(picture.source, bytes) else picture.source.read_bytes()
    jpeg = base64.b64encode(content).decode("ascii")
    return {"jpeg": jpeg, "weight": picture.weight, "scale": picture.scale}


def _decode_pictures(entries: Any, name: str) -> tuple[StylePicture, ...]:
    pictures = []
    for entry in entries if isinstance(entries, list) else [None]:
        each: dict[str, Any] = entry if isinstance(entry, dict) else {}
        numbers: list[Any] = [each.get("weight"), each.get("scale")]
        try:
            content = base64.b64decode(each["jpeg"], validate=True)
        except (TypeError, KeyError, ValueError, binascii.Error):
            content = b""
        if formats.sniff(content) is not formats.JPEG:
            raise StyleError(f"{name}: damaged style file: its picture is not base64 of a JPEG file")
        if not all(isinstance(x, (int, float)) and 0 < x <= _MOST for x in numbers):
            raise StyleError(f"{name}: damaged style file: a picture has no weight or scale above 0")
        pictures.append(StylePicture(content, *map(float, numbers)))
    return tuple(pictures)


def _decode_scales(scales: dict[str, Any], code: FloatArray, name: str) -> dict[float, FloatArray]:
    decoded = {}
    for key, text in scales.items():
        try:
            scale = float(key)
        except ValueError:
            scale = 0.0
        if not 0 < scale < math.inf:
            raise StyleError(f"{name}: damaged style file: '{key}' is not a scale")
        decoded[scale] = _decode_like(text, code, name)
    return decoded


def _decode_like(text: Any, code: FloatArray, name: str) -> FloatArray:
    decoded = _decode(text, name)
    if decoded.shape != code.shape:
        raise StyleError(f"{name}: damaged style file: its codes differ in length")
    return decoded


def source_paths(*sources: Any) -> Iterator[PathLike]:
    """Yield the paths among contents and styles; no result may replace them."""
    for source in sources:
        if isinstance(source, str):
            yield split_weight(source)[0]
        elif isinstance(source, os.PathLike):
            yield source
        elif isinstance(source, (list, tuple)):
            yield from source_paths(*source)
