"""The `.restyle` file: a network with its own styles, for use and for further training, without PyTorch.

It is a safetensors file: the length of the header in eight bytes, the header as JSON, then the arrays.
Besides the weights it contains an array `graph`, the same network as ONNX. The layout is in docs/train.md.
NumPy reads it here, because the base install has no safetensors.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import ModelError, OutputError
from restyle.files import check_readable, name_part, parse_json, writing
from restyle.types import FloatArray, PathLike

FORMAT = "restyle-network/1"
SUFFIX = ".restyle"
GRAPH = "graph"
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}
_MOST_HEADER = 1 << 20


@dataclass(frozen=True)
class NetworkRecord:
    """Content of a network file.

    name : of the network, which its style files carry
    shape : `kernel_size`, `width`, `blocks`, `normalization`
    styles : names of its styles, one per row of `scale` and `shift`
    weights : dict of np.ndarray [float32]
    graph : the network as ONNX; float16 weights
    training : metadata of the training run
    """

    name: str
    shape: dict[str, Any]
    styles: tuple[str, ...]
    weights: dict[str, FloatArray]
    graph: bytes
    training: dict[str, Any] = field(default_factory=dict)


def is_network_file(path: PathLike) -> bool:
    """Recognize a network file by its suffix."""
    return Path(path).suffix.lower() == SUFFIX


def read(path: PathLike) -> NetworkRecord:
    """Read a network file.

    Raises ModelError if it is missing, damaged, or not a network file.
    """
    shown = os.fspath(path)
    if not os.path.exists(path):
        raise ModelError(f"there is no network file '{shown}'; `restyle train style` creates one")
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise ModelError(f"'{shown}' is empty")
    check_readable(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(
            f"'{shown}' cannot be read: {(error.strerror or 'unknown error').lower()}"
        ) from error
    try:
        arrays, about = _parse(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"'{shown}' is not a network file of restyle, or damaged") from None
    if about.get("format") != FORMAT:
        raise ModelError(
            f"'{shown}' has format '{str(about.get('format'))[:40]}'; this restyle reads '{FORMAT}'"
        )
    try:
        graph = arrays.pop(GRAPH).tobytes()
        shape, training = _shape(about["shape"]), _parsed(about["training"], dict)
        styles = tuple(_parsed(about["styles"], list))
        # Names become those of files and presets.
        if not all(name and name_part(name) == name for name in (about["name"], *styles)):
            raise ValueError("names")
        record = NetworkRecord(about["name"], shape, styles, arrays, graph, training)
        intact = hashlib.sha256(graph).hexdigest() == about["graph_sha256"]
        rows = {len(arrays["scale"]), len(arrays["shift"]), len(styles)}
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"'{shown}' is damaged: a required part is missing or of the wrong type") from None
    if not intact or len(rows) > 1:
        raise ModelError(f"'{shown}' is damaged: its graph does not match its hash; train it again")
    return record


def write(
    record: NetworkRecord, path: PathLike, *, overwrite: bool = False, inputs: Iterable[PathLike] = ()
) -> Path:
    """Write a network file atomically.

    Raises OutputError if the suffix is not `.restyle`, the file exists, or cannot be written.
    """
    check_suffix(path)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        name: np.ascontiguousarray(array, "<f4") for name, array in record.weights.items()
    }
    arrays[GRAPH] = np.frombuffer(record.graph, np.uint8)
    about = {
        "format": FORMAT,
        "name": record.name,
        "shape": json.dumps(record.shape),
        "styles": json.dumps(list(record.styles)),
        "graph_sha256": hashlib.sha256(record.graph).hexdigest(),
        "training": json.dumps(record.training),
    }
    with writing(path, overwrite=overwrite, inputs=inputs) as temporary:
        temporary.write_bytes(_join(arrays, about))
    return Path(path)


def check_suffix(path: PathLike) -> None:
    """Raise OutputError if a path does not end in `.restyle`."""
    if not is_network_file(path):
        raise OutputError(f"cannot write '{os.fspath(path)}': the suffix of a network file is {SUFFIX}")


def _shape(text: str) -> dict[str, Any]:
    """Read the shape of a network; files of version 0 have a British name in it."""
    shape = _parsed(text, dict)
    return {name.replace("normalisation", "normalization"): value for name, value in shape.items()}


def _parse(content: bytes) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """Parse a safetensors file to arrays and metadata."""
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(_MOST_HEADER, len(content) - 8):
        raise ValueError("header")
    header = parse_json(content[8 : 8 + length])
    about = header.pop("__metadata__", {})
    if not all(isinstance(text, str) for text in about.values()):
        raise ValueError("metadata")
    body = memoryview(content)[8 + length :]
    arrays = {}
    for name, entry in header.items():
        dtype, shape = _DTYPES[entry["dtype"]], entry["shape"]
        begin, end = entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError("numbers")
        if not begin <= end <= len(body):
            raise ValueError("offsets")
        arrays[name] = np.frombuffer(body[begin:end], dtype).reshape(shape)
        if dtype.kind == "f" and not np.isfinite(arrays[name]).all():
            raise ValueError("not finite")
    return arrays, about


def _parsed(text: str, kind: type) -> Any:
    """Parse JSON of one kind: dict or list."""
    found = parse_json(text)
    if not isinstance(found, kind):
        raise TypeError(text)
    return found


def _join(arrays: Mapping[str, np.ndarray[Any, Any]], about: Mapping[str, str]) -> bytes:
    """Serialize arrays and metadata as a safetensors file."""
    header: dict[str, Any] = {"__metadata__": dict(about)}
    position = 0
    names = {dtype: name for name, dtype in _DTYPES.items()}
    # Wide types first, for alignment.
    ordered = sorted(arrays.items(), key=lambda pair: (-pair[1].itemsize, pair[0]))
    for name, array in ordered:
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for _, array in ordered)])
