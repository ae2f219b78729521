"""Candidates of the network benchmark, at a small size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.networks import OURS, Size, candidates, exported, peers, session


def test_size_is_read_and_printed() -> None:
    assert Size.parse("1280x720") == Size(1280, 720)
    assert str(Size(64, 48)) == "64x48"
    with pytest.raises(ValueError, match="multiples of 8"):
        Size.parse("100x64")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Johnson w32", "MicroAST"])
def test_exported_peer_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    networks, _ = peers(Size(48, 32))
    network, inputs = networks[name]
    names = [f"input_{i}" for i in range(len(inputs))]
    graph = session(exported(network, inputs, names, tmp_path / "peer.onnx"), 1)
    feed = {key: value.numpy() for key, value in zip(names, inputs, strict=True)}
    with torch.inference_mode():
        expected = network(*inputs).numpy()
    np.testing.assert_allclose(graph.run(None, feed)[0], expected, atol=2e-4)


@pytest.mark.slow
def test_all_candidates_run(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        calls = candidates(Size(48, 32), 1, tmp_path)
        for call in calls.values():
            call()
    finally:
        torch.set_num_threads(threads)
    assert next(iter(calls)) == OURS
    assert len(calls) == 5
