import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import ModelError, OutputError
from restyle.models.network_files import NetworkRecord, read, write

WEIGHTS = {
    "scale": np.arange(6, dtype=np.float32).reshape(2, 3),
    "shift": np.zeros((2, 3), np.float32),
    "stem.weight": np.ones((2, 3, 3, 3), np.float32),
}
RECORD = NetworkRecord("two", {"width": 4}, ("a", "b"), WEIGHTS, b"a graph of odd size", {"steps": 3})


def test_round_trip(tmp_path: Path) -> None:
    found = read(write(RECORD, tmp_path / "two.restyle"))
    assert (found.name, found.shape, found.styles, found.graph, found.training) == (
        RECORD.name,
        RECORD.shape,
        RECORD.styles,
        RECORD.graph,
        RECORD.training,
    )
    assert found.weights.keys() == WEIGHTS.keys()
    for name, weight in WEIGHTS.items():
        assert np.array_equal(found.weights[name], weight)


def test_a_file_with_the_former_name_of_a_field(tmp_path: Path) -> None:
    former = NetworkRecord("two", {"normalisation": "all"}, ("a", "b"), WEIGHTS, b"a graph of odd size")
    assert read(write(former, tmp_path / "two.restyle")).shape == {"normalization": "all"}


def test_is_a_safetensors_file(tmp_path: Path) -> None:
    """The safetensors library reads our file, and we read its file."""
    numpy = pytest.importorskip("safetensors.numpy")
    path = write(RECORD, tmp_path / "two.restyle")
    tensors = numpy.load_file(path)
    assert np.array_equal(tensors["scale"], WEIGHTS["scale"])
    assert tensors["graph"].tobytes() == RECORD.graph
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    assert json.loads(about["styles"]) == ["a", "b"]
    numpy.save_file(tensors, tmp_path / "theirs.restyle", metadata=about)
    assert read(tmp_path / "theirs.restyle").styles == ("a", "b")


def test_damaged_files_have_a_message(tmp_path: Path) -> None:
    whole = write(RECORD, tmp_path / "two.restyle").read_bytes()
    bad = tmp_path / "bad.restyle"
    wrong_graph = bytearray(whole)
    wrong_graph[-1] ^= 1
    for content in (
        b"",
        b"PK\x03\x04",
        whole[:7],
        whole[:60],
        whole[:-1],
        b"\xff" * 8 + whole[8:],
        bytes(wrong_graph),
        whole.replace(b"restyle-network/1", b"restyle-network/9"),
        whole.replace(b'"F32"', b'"F99"'),
        whole.replace(b'"graph_sha256"', b'"graph_sha25x"'),
    ):
        bad.write_bytes(content)
        with pytest.raises(ModelError, match=r"bad\.restyle") as caught:
            read(bad)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="train style"):
        read(tmp_path / "none.restyle")


def test_not_finite_values_are_damage(tmp_path: Path) -> None:
    broken = dict(WEIGHTS) | {"scale": np.full((2, 3), np.nan, np.float32)}
    path = write(NetworkRecord("n", {}, ("a", "b"), broken, b"g"), tmp_path / "n.restyle")
    with pytest.raises(ModelError, match="damaged"):
        read(path)


def _with_header(whole: bytes, **changes: Any) -> bytes:
    """A network file whose header has other values; `about` changes its metadata."""
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    if "about" in changes:
        about = changes.pop("about")
        header["__metadata__"] = header["__metadata__"] | about if isinstance(about, dict) else about
    text = json.dumps(header | changes).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


@pytest.mark.parametrize(
    "changes",
    [
        {"about": None},
        {"about": ["restyle-network/1"]},
        {"about": {"styles": None}},
        {"about": {"styles": '["../../../escaped", "b"]'}},
        {"about": {"styles": '["a\\u001b[31m", "b"]'}},
        {"about": {"styles": '["", "b"]'}},
        {"about": {"styles": "[1, 2]"}},
        {"about": {"styles": '{"a": 1, "b": 2}'}},
        {"about": {"styles": "[" * 90_000}},
        {"about": {"name": "../up"}},
        {"about": {"name": 7}},
        {"about": {"shape": "[]"}},
        {"about": {"training": "null"}},
        {"scale": None},
        {"scale": {"dtype": "F32", "shape": [-1, 3], "data_offsets": [0, 24]}},
        {"scale": {"dtype": "F32", "shape": [2.0, 3], "data_offsets": [0, 24]}},
        {"scale": {"dtype": "F32", "shape": ["2", 3], "data_offsets": [0, 24]}},
        {"scale": {"dtype": "F32", "shape": [2, 3], "data_offsets": [-24, 24]}},
        {"scale": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 10**30]}},
        {"scale": {"dtype": ["F32"], "shape": [2, 3], "data_offsets": [0, 24]}},
    ],
)
def test_headers_are_checked(changes: dict[str, Any], tmp_path: Path) -> None:
    path = write(RECORD, tmp_path / "two.restyle")
    path.write_bytes(_with_header(path.read_bytes(), **changes))
    with pytest.raises(ModelError, match=r"two\.restyle.*damaged") as caught:
        read(path)
    assert "\x1b" not in str(caught.value)


def test_write_checks_the_path(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"suffix of a network file is .restyle"):
        write(RECORD, tmp_path / "two.safetensors")
    write(RECORD, tmp_path / "two.restyle")
    with pytest.raises(OutputError, match="exists"):
        write(RECORD, tmp_path / "two.restyle")
    write(RECORD, tmp_path / "two.restyle", overwrite=True)
