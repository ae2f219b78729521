"""The perceptual encoder of the figures: ours by ONNX Runtime, others by torch."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import MissingExtraError, ModelError
from restyle.evaluate.feature_metrics import Features
from restyle.models import catalog
from restyle.models.features import FeatureEncoder
from restyle.types import FloatArray

DEFAULT = "encoder-1"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Encoder:
    """A perceptual encoder.

    Parameters
    ----------
    name : str
        For reports.
    identity : str [16 hexadecimal digits]
        Hash of the weights: figures of different weights are not comparable.
    features : function of a picture [shape=(H, W, 3), float32, range 0..1, RGB]
        Returns layer -> [shape=(C, H, W), float32].
    """

    name: str
    identity: str
    features: Callable[[FloatArray], Features]


def load(name: str = DEFAULT, threads: int | None = None) -> Encoder:
    """Load an encoder: ours, `vgg19` after `restyle models pull`, or a file of weights.

    Parameters
    ----------
    name : str
        In the catalog, or a path that ends in `.safetensors`.
    threads : int or None
        CPU threads; None: all cores of the process.

    Raises
    ------
    ModelError
        The encoder is unknown, or its weights are missing or damaged.
    MissingExtraError
        It needs torch, which is not installed.
    """
    if name.endswith(SUFFIX):
        return _of_file(Path(name))
    known = {each.name: each for each in catalog.records().values() if each.method == "encoder"}
    if name not in known:
        raise ModelError(f"unknown encoder '{name}'; use one of {', '.join(known)}")
    record = known[name]
    role = "features" if record.has("features") else "encoder"
    identity = hashlib.sha256(record.file(role).read()).hexdigest()[:16]
    if role == "features":
        return Encoder(name, identity, FeatureEncoder(record.file(role), threads=threads).features)
    need_torch(f"restyle evaluate --encoder {name}")
    from restyle.nn.encoders import ArrayEncoder

    return Encoder(name, identity, ArrayEncoder(name).features)


def _of_file(path: Path) -> Encoder:
    """Load an encoder from a file."""
    need_torch(f"restyle evaluate --encoder {path}")
    try:
        identity = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ModelError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    from restyle.nn.encoders import ArrayEncoder

    return Encoder(path.stem, identity, ArrayEncoder(path).features)


def need_torch(what: str) -> None:
    """Raise MissingExtraError if torch or safetensors is not installed."""
    if any(importlib.util.find_spec(module) is None for module in ("torch", "safetensors")):
        raise MissingExtraError(what, "torch")
