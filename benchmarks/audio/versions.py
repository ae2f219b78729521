"""Which state of a method a row was made by: a digest of its code, without comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

import restyle

_MOSAIC = tuple(
    f"sounds/{name}.py" for name in ("mosaic", "grains", "targets", "stft", "effects", "loudness")
)
SOURCES = {"mosaic": _MOSAIC, "texture": (*_MOSAIC, "sounds/texture.py")}


@cache
def version(method: str) -> str | None:
    """Digest of a method of the package; None for what is not ours."""
    if method not in SOURCES:
        return None
    digest = hashlib.sha256()
    for name in SOURCES[method]:
        digest.update(bare((Path(restyle.__file__).parent / name).read_text()).encode())
    return digest.hexdigest()[:12]


def bare(code: str) -> str:
    """Code without comments and docstrings.

    Examples
    --------
    >>> bare("x = 1  # one") == bare("x=1")
    True
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
