"""The key of a row: a hash of everything that determines its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from restyle import __version__
from restyle.batch.results import sha256
from restyle.batch.rows import Row
from restyle.models import catalog
from restyle.models.style_files import is_path, preset_files, slug, split_weight


def row_key(row: Row, content: str) -> str:
    """Hash everything that determines a result: the bytes of content and styles, options, model, version.

    Parameters
    ----------
    row : Row
    content : str
        SHA-256 of the content.
    """
    parts = {
        "content": content,
        "styles": [row.styles, row.regions, stamps(row)],
        "options": row.options,
        "model": _model_digests(row.model),
        "suffix": os.path.splitext(row.output)[1],
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@lru_cache(maxsize=16)
def _model_digests(model: str) -> tuple[str, ...]:
    return tuple(hashlib.sha256(file.read()).hexdigest() for file in catalog.find(model).files)


@lru_cache(maxsize=16)
def _presets(model: str) -> dict[str, Path]:
    return preset_files(catalog.find(model))


def stamps(row: Row) -> tuple[str, ...]:
    """Hashes of the files that styles, regions and the look name, and of presets."""
    presets = {} if row.medium == "sound" else _presets(row.model)
    found = []
    for name in names(row):
        path = Path(name) if os.path.isfile(name) else presets.get(slug(name))
        found.append("" if path is None else _file_digest(str(path), *_version(path)))
    return tuple(found)


def names(row: Row) -> Iterator[str]:
    """Names of styles, masks and the look, without weights."""
    from restyle.methods.regions import split_region

    for text in row.styles:
        yield split_weight(text)[0]
    for text in row.regions:
        mask, style = split_region(text)
        yield mask
        yield split_weight(style)[0]
    if (look := dict(row.options).get("look")) is not None:
        yield look


def files(row: Row) -> list[str]:
    """Names of the files that a row reads besides its content, which are never replaced."""
    return [name for name in names(row) if os.path.isfile(name) or is_path(name)]


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1024)
def _file_digest(path: str, size: int, changed: int) -> str:
    """SHA-256 of a style's file; read again if its size or time of change differs."""
    return sha256(Path(path))
