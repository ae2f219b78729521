from pathlib import Path

import numpy as np
import pytest
import torch

from restyle.errors import ModelError, OutputError
from restyle.models.arbitrary import Arbitrary
from restyle.models.network_files import NetworkRecord
from restyle.nn.conditional import ConditionalShape, ConditionalTransformer
from restyle.train.export.conditional import export_folder, export_graph, halo, smallest


def network(**changes: object) -> ConditionalTransformer:
    torch.manual_seed(1)
    shape = ConditionalShape(**{"width": 4, "blocks": 1, "styles": 2} | changes)  # type: ignore[arg-type]
    made = ConditionalTransformer(shape)
    with torch.no_grad():
        made.scale.mul_(torch.rand_like(made.scale) + 0.5)
    return made


@pytest.mark.parametrize("normalization", ["blocks", "all", "none"])
def test_graph_equals_pytorch(normalization: str) -> None:
    _, differences = export_graph(network(normalization=normalization), "n")
    assert max(differences.values()) < 1e-4


def test_too_different_is_an_error() -> None:
    with pytest.raises(ModelError, match="nothing was exported"):
        export_graph(network(), "n", tolerance=-1.0)


@pytest.mark.parametrize("kernel", [3, 9])
def test_tiles_meet_without_a_seam_and_tiny_pictures_work(tmp_path: Path, kernel: int) -> None:
    net = network(kernel_size=kernel)
    graph, _ = export_graph(net, "n")
    record = NetworkRecord("n", {}, ("a", "b"), {}, graph)
    report = export_folder(record, tmp_path)
    assert set(report.files) == {"transformer.onnx", "styles/a.style", "styles/b.style"}
    with pytest.raises(OutputError, match="it exists"):
        export_folder(record, tmp_path)
    method = Arbitrary(tmp_path, threads=1)
    assert not method.encodes
    assert method.halo == halo(kernel, 1)
    code = np.asarray([0.3, 0.7], np.float32)
    photo = np.random.default_rng(0).random((60, 1100, 3), np.float32)
    whole, stats = method.transfer(photo, code)
    tiled = method.transfer_tiles(photo, code, stats=stats)
    assert np.abs(whole - tiled).max() < 1e-4
    tiny = np.random.default_rng(1).random((3, 5, 3), np.float32)
    assert method.paint(tiny, code).shape == (3, 5, 3)


def test_halo_covers_the_receptive_field() -> None:
    """A pixel changed farther away than the halo changes nothing."""
    net = network(kernel_size=5, normalization="none").eval()
    far = halo(5, 1)
    side = 4 * ((2 * far + 8) // 4)
    content = torch.zeros(1, 3, side, side)
    changed = content.clone()
    changed[..., side // 2, side // 2] = 1
    code = torch.tensor([[1.0, 0.0]])
    moved = (net(content, code)[0] - net(changed, code)[0]).abs().amax((0, 1))
    rows = torch.nonzero(moved.amax(1) > 0)
    assert int((rows - side // 2).abs().max()) <= far
    assert smallest(3) == 16
    assert smallest(9) == 20
