"""Names of styles: presets, weights after a colon, and suggestions for misspelled names."""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from restyle.errors import StyleError
from restyle.images import formats
from restyle.models import style_files
from restyle.models.catalog import Record
from restyle.models.style_files import SUFFIX


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

    Raises
    ------
    StyleError
        The text after the colon is not a weight.
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
    about = {each: style_files.read(path) for each, path in files.items()}
    found = [each for each, it in about.items() if f"-{wanted}-" in f"-{slug(f'{it.artist} {it.title}')}-"]
    return found if wanted else []


def near_names(
    name: str,
    known: list[str],
    listed: str = "`restyle styles` lists the presets",
    about: Sequence[str] = (),
) -> str:
    """Return the end of a message that suggests similar names, or else those in `about`, or a command."""
    wanted = slug(name)
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    near += [each for each in known if wanted and wanted in each and each not in near]
    near = near or list(about)
    if near:
        return f"; did you mean {' or '.join(repr(each) for each in near[:3])}?"
    return f"; {listed}" if known else ""
