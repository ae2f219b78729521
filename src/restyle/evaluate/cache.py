"""One measurement, and a cache of them, so that a stopped or repeated evaluation does not measure twice.

The key is a hash of the measured pixels and of the code: of every module of restyle that the measuring
modules import, directly or through others. The folder may be deleted at any time.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from restyle.errors import OutputError
from restyle.files import parse_json, writing
from restyle.models.catalog import home
from restyle.types import FloatArray

PACKAGE = Path(__file__).parent.parent
MEASURING = ("restyle.evaluate.bench", "restyle.evaluate.videos")  # they import all that figures depend on


@dataclass(frozen=True)
class Measurement:
    """Figures of one result.

    Parameters
    ----------
    figures : dict of str to float
        By the names of `figures.FIGURES`, those of scope "pair".
    cloud : np.ndarray [shape=(parts, C), float32]
        Features of its parts, for the Frechet distance.
    inception : np.ndarray [shape=(2048,), float32], empty if FID was not asked for
    """

    figures: dict[str, float]
    cloud: FloatArray
    inception: FloatArray

    @classmethod
    def mean_of(cls, several: list[Measurement]) -> Measurement:
        """One measurement for the frames of a video: mean figures, all features."""
        first = several[0]
        return cls(
            {name: float(np.mean([each.figures[name] for each in several])) for name in first.figures},
            np.concatenate([each.cloud for each in several]),
            np.asarray(np.mean([each.inception for each in several], axis=0), np.float32),
        )


class Cache:
    """A folder of measurements; None: `measurements` in restyle's folder for the user."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "measurements"

    def load(self, key: str) -> Measurement | None:
        """Return the measurement of a key; None if it is missing or damaged."""
        try:
            entry = parse_json((self.folder / f"{key}.json").read_bytes())
            cloud, inception = _array(entry["cloud"]), _array(entry["inception"])
            return Measurement({str(k): float(v) for k, v in entry["figures"].items()}, cloud, inception)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None

    def save(self, key: str, measurement: Measurement) -> None:
        """Save a measurement; a folder that cannot be written is ignored."""
        entry = {
            "figures": measurement.figures,
            "cloud": _text(measurement.cloud),
            "inception": _text(measurement.inception),
        }
        with contextlib.suppress(OSError, OutputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with writing(self.folder / f"{key}.json", overwrite=True) as temporary:
                temporary.write_text(json.dumps(entry), encoding="utf-8")


def key_of(*parts: str | FloatArray) -> str:
    """Hash texts, pixels and the code that measures. [64 hexadecimal digits]."""
    digest = hashlib.sha256(code_version().encode())
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        shape = "" if isinstance(part, str) else str(part.shape)
        digest.update(f"{len(content)} {shape} ".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of all modules that figures depend on."""
    digest = hashlib.sha256()
    for path in dependencies():
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def dependencies() -> tuple[Path, ...]:
    """Modules that `MEASURING` import from restyle, directly or through others, without running them."""
    found: set[Path] = set()
    waiting = list(MEASURING)
    while waiting:
        path = _path_of(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += _imports(path)
    return tuple(sorted(found))


def _imports(path: Path) -> Iterator[str]:
    """Names of restyle that a file imports anywhere; a name may be a module or something in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path_of(module: str) -> Path | None:
    """File of a module of the package; None for other names."""
    first, *rest = module.split(".")
    place = PACKAGE.joinpath(*rest)
    candidates = (place.with_suffix(".py"), place / "__init__.py") if first == "restyle" and rest else ()
    return next((path for path in candidates if path.is_file()), None)


def _text(array: FloatArray) -> dict[str, object]:
    encoded = base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()
    return {"shape": list(array.shape), "float32": encoded}


def _array(entry: dict[str, object]) -> FloatArray:
    shape = [int(side) for side in entry["shape"]]  # type: ignore[attr-defined]
    return np.frombuffer(base64.b64decode(str(entry["float32"])), "<f4").reshape(shape).astype(np.float32)
