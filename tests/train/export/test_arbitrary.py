from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from restyle.errors import ModelError, OutputError
from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary, save_arbitrary
from restyle.nn.encoders import EncoderShape, PerceptualEncoder
from restyle.nn.transformer import TransformerShape
from restyle.train.export.arbitrary import export_arbitrary

SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 1, 1, 1, 1), heads=(4, 4, 4, 4, 4))


def network() -> ArbitraryNetwork:
    torch.manual_seed(0)
    shape = TransformerShape(half=8, quarter=8, eighth=8, full=8, blocks=2, code=6)
    return ArbitraryNetwork(PerceptualEncoder(SMALL), shape).eval()


@pytest.mark.slow
def test_graphs_run_at_sizes_and_batches_they_were_not_traced_at(tmp_path: Path) -> None:
    net = network()
    report = export_arbitrary(net, tmp_path, "tiny")
    assert max(report.differences.values()) < 1e-4
    style = torch.rand(1, 3, 37, 91)
    (code,) = ort.InferenceSession(str(tmp_path / "style_encoder.onnx")).run(None, {"style": style.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(code, net.style(style).numpy(), atol=1e-4)
    content = torch.rand(3, 3, 40, 24)
    codes = torch.from_numpy(code).repeat(3, 1)
    stats = torch.zeros(3, net.transformer.stats_size)
    feed = {"content": content, "code": codes, "stats_in": stats, "stats_weight": torch.zeros(3, 1)}
    session = ort.InferenceSession(str(tmp_path / "transformer.onnx"))
    picture, used = session.run(None, {k: v.numpy() for k, v in feed.items()})
    with torch.no_grad():
        expected, expected_stats = net.transformer(content, codes)
    np.testing.assert_allclose(picture, expected.clamp(0, 1).numpy(), atol=1e-4)
    np.testing.assert_allclose(used, expected_stats.numpy(), atol=1e-3)


@pytest.mark.slow
def test_weights_are_float16_on_disk_and_say_what_they_are(tmp_path: Path) -> None:
    export_arbitrary(network(), tmp_path, "tiny", style_size=300)
    for file in ("style_encoder.onnx", "transformer.onnx"):
        model = onnx.load(str(tmp_path / file))
        large = [t for t in model.graph.initializer if np.prod(t.dims) > 64]
        assert large
        kinds = (onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64)
        assert all(t.data_type in kinds for t in large)
        about = {p.key: p.value for p in model.metadata_props}
        assert about["restyle_model"] == "tiny"
        assert about["style_size"] == "300"
        assert about["stride"] == "8"


def test_beyond_the_tolerance_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tolerance"):
        export_arbitrary(network(), tmp_path, "tiny", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_is_in_the_folder_stays_unless_it_may_go(tmp_path: Path) -> None:
    (tmp_path / "transformer.onnx").write_bytes(b"precious")
    with pytest.raises(OutputError, match="it exists"):
        export_arbitrary(network(), tmp_path, "tiny")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"precious"]
    export_arbitrary(network(), tmp_path, "tiny", overwrite=True)
    assert (tmp_path / "transformer.onnx").stat().st_size > 1000


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot create the folder"):
        export_arbitrary(network(), tmp_path / "taken", "tiny")


def test_saved_network_comes_back(tmp_path: Path) -> None:
    net = network()
    save_arbitrary(net, tmp_path / "n.safetensors", "mine")
    again, name = load_arbitrary(tmp_path / "n.safetensors")
    assert name == "mine"
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(content, style), again(content, style), atol=2e-2, rtol=0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.safetensors").write_bytes(b"junk junk junk")
    with pytest.raises(ModelError, match="safetensors"):
        load_arbitrary(tmp_path / "junk.safetensors")
    with pytest.raises(ModelError, match="does not exist"):
        load_arbitrary(tmp_path / "none.safetensors")
