"""Measurements that are kept, so that an evaluation that was stopped or is repeated goes on where it was.

A measurement is filed under the pixels that were measured and the code that measures: whatever changes,
nothing stale is found. The folder may be deleted at any time.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np

from restyle.errors import OutputError
from restyle.evaluate.record import Measurement
from restyle.files import writing
from restyle.models.catalog import home
from restyle.types import FloatArray

# Modules whose change makes figures new.
_CODE = ("artifacts", "bench", "frechet", "losses", "lpips_fid", "perceptual", "ssim")


class Kept:
    """A folder of measurements.

    Parameters
    ----------
    folder : Path or None
        None: `measurements` in the folder of everything that restyle keeps for a user.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "measurements"

    def find(self, key: str) -> Measurement | None:
        """Return what is filed under a key, if it is there and whole."""
        try:
            entry = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            cloud, inception = _array(entry["cloud"]), _array(entry["inception"])
            return Measurement({str(k): float(v) for k, v in entry["figures"].items()}, cloud, inception)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def file(self, key: str, measurement: Measurement) -> None:
        """File a measurement; a folder that cannot be written is no reason to stop."""
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
    """Name what is measured, from texts and pixels. [64 hexadecimal digits]."""
    digest = hashlib.sha256(code_version().encode())
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        shape = "" if isinstance(part, str) else str(part.shape)
        digest.update(f"{len(content)} {shape} ".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of the code that measures."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _text(array: FloatArray | None) -> dict[str, object] | None:
    if array is None:
        return None
    return {
        "shape": list(array.shape),
        "float32": base64.b64encode(np.asarray(array, "<f4").tobytes()).decode(),
    }


def _array(entry: dict[str, object] | None) -> FloatArray:
    """Arrays as they were; a missing one is empty."""
    if entry is None:
        return np.zeros(0, np.float32)
    shape = [int(side) for side in entry["shape"]]  # type: ignore[attr-defined]
    return np.frombuffer(base64.b64decode(str(entry["float32"])), "<f4").reshape(shape).astype(np.float32)
