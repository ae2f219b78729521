from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from restyle.errors import ModelError, OutputError
from restyle.models import catalog
from restyle.models.arbitrary import Arbitrary
from restyle.models.network_files import NetworkRecord
from restyle.models.session import LAYERS, Session, feature_encoder
from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary, save_arbitrary
from restyle.nn.conditional import ConditionalShape, ConditionalTransformer
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, load_encoder
from restyle.nn.transformer import TransformerShape
from restyle.train.export import (
    check_agreement,
    export_arbitrary,
    export_encoder,
    export_folder,
    export_graph,
    halo,
    smallest,
)


def test_small_differences_pass() -> None:
    check_agreement({"a": 1e-6, "b": 0.002}, 0.002)


@pytest.mark.parametrize("difference", [0.0021, float("inf"), float("nan")])
def test_large_differences_and_none_that_are_numbers_are_named(difference: float) -> None:
    with pytest.raises(ModelError, match=r"differ by .* in b, more than the tolerance 0.002"):
        check_agreement({"a": 1e-6, "b": difference, "c": 0.0}, 0.002)


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


@pytest.mark.slow
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


def conditional(**changes: object) -> ConditionalTransformer:
    torch.manual_seed(1)
    shape = ConditionalShape(**{"width": 4, "blocks": 1, "styles": 2} | changes)  # type: ignore[arg-type]
    made = ConditionalTransformer(shape)
    with torch.no_grad():
        made.scale.mul_(torch.rand_like(made.scale) + 0.5)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["blocks", "all", "none"])
def test_graph_equals_pytorch(normalization: str) -> None:
    _, differences = export_graph(conditional(normalization=normalization), "n")
    assert max(differences.values()) < 1e-4


def test_too_different_is_an_error() -> None:
    with pytest.raises(ModelError, match="nothing was exported"):
        export_graph(conditional(), "n", tolerance=-1.0)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [3, 9])
def test_tiles_meet_without_a_seam_and_tiny_pictures_work(tmp_path: Path, kernel: int) -> None:
    net = conditional(kernel_size=kernel)
    graph, _ = export_graph(net, "n")
    record = NetworkRecord("n", {}, ("a", "b"), {}, graph)
    report = export_folder(record, tmp_path, {})
    assert set(report.files) == {"transformer.onnx", "styles/a.style", "styles/b.style"}
    with pytest.raises(OutputError, match="it exists"):
        export_folder(record, tmp_path, {})
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
    net = conditional(kernel_size=5, normalization="none").eval()
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


def test_graph_runs_at_sizes_that_it_was_not_traced_at(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = PerceptualEncoder(SMALL)
    differences = export_encoder(encoder, tmp_path / "e.onnx", "tiny")
    assert max(differences.values()) < 1e-4
    session = Session((tmp_path / "e.onnx").read_bytes(), name="tiny")
    picture = torch.rand(1, 3, 41, 90)
    with torch.no_grad():
        expected = encoder(picture)
    found = session.run(picture=picture.numpy())
    assert session.setting("restyle_model") == "tiny"
    for layer, theirs in zip(LAYERS, expected, strict=True):
        np.testing.assert_allclose(found[layer], theirs.numpy(), atol=1e-4)


def test_beyond_the_tolerance_no_encoder_is_left(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tolerance"):
        export_encoder(PerceptualEncoder(SMALL), tmp_path / "e.onnx", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_shipped_graph_gives_the_features_of_the_shipped_torch_encoder() -> None:
    picture = np.random.default_rng(0).random((48, 64, 3), np.float32)
    found = feature_encoder().features(picture)
    encoder = load_encoder(catalog.find("encoder-1").file("encoder").path)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(picture.transpose(2, 0, 1))[None])
    for layer, theirs in zip(LAYERS, expected, strict=True):
        assert found[layer].shape == theirs.shape[1:]
        np.testing.assert_allclose(found[layer], theirs[0].numpy(), atol=1e-4 * float(theirs.max()))
