"""VGG-19 against exact layers, where the file is available, and with random weights of its shapes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.models.catalog import file_sha256, pull
from restyle.models.session import LAYERS
from restyle.nn.encoders import (
    DEVIATION,
    MEAN,
    VGG19,
    EncoderShape,
    PerceptualEncoder,
    VGGTeacher,
    encoder_names,
    load_encoder,
    load_vgg19,
    perceptual_encoder,
    save_encoder,
    vgg19_layers,
)

SHARED = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[2] / ".." / "shared"))
TEACHER = SHARED / "teachers" / "vgg19_relu3_1.safetensors"


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random weights of VGG-19's own shapes, under torchvision's names."""
    random, channels, made = torch.Generator().manual_seed(0), 3, {}
    for _, published, width in vgg19_layers():
        scale = (2 / (9 * channels)) ** 0.5
        made[f"{published}.weight"] = scale * torch.randn(width, channels, 3, 3, generator=random)
        made[f"{published}.bias"] = 0.1 * torch.randn(width, generator=random)
        channels = width
    made["classifier.6.bias"] = torch.zeros(1000)
    return made


def test_layers_have_the_places_of_torchvisions_file() -> None:
    layers = list(vgg19_layers())
    assert [width for _, _, width in layers] == [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    # torchvision's vgg19().features: a convolution, a ReLU, and a pooling after each block.
    published = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert [there for _, there, _ in layers] == [f"features.{place}" for place in published]
    assert layers[4][:2] == ("conv3_1", "features.10")


def test_features_have_vggs_shapes_and_are_computed_as_described(weights: dict[str, Tensor]) -> None:
    network = VGG19(weights)
    x = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    features = network(x)
    shapes = [(2, 64, 48, 64), (2, 128, 24, 32), (2, 256, 12, 16), (2, 512, 6, 8), (2, 512, 3, 4)]
    assert [tuple(feature.shape) for feature in features] == shapes
    assert [tuple(wide.shape) for wide in network.widened(features)] == shapes
    # The network again, without the class.
    h = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    expected = {}
    for name, published, _ in vgg19_layers():
        if name.endswith("_1") and name != "conv1_1":
            h = F.max_pool2d(h, 2)
        h = F.pad(h, (1, 1, 1, 1), mode="reflect")
        h = F.conv2d(h, weights[f"{published}.weight"], weights[f"{published}.bias"]).relu()
        expected[name.replace("conv", "relu")] = h
    for name, feature in zip(LAYERS, features, strict=True):
        torch.testing.assert_close(feature, expected[name], rtol=1e-3, atol=1e-4)


def test_gradients_reach_the_picture_and_not_the_weights(weights: dict[str, Tensor]) -> None:
    network = VGG19(weights)
    assert not list(network.parameters())
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    sum(feature.square().mean() for feature in network(x)).backward()
    assert x.grad is not None
    assert float(x.grad.abs().min()) >= 0
    assert float(x.grad.abs().max()) > 0


def test_it_is_exact_up_to_relu3_1() -> None:
    """The same convolutions under torchvision's names have the same features."""
    if not TEACHER.is_file():
        pytest.skip(f"{TEACHER} is not there")
    teacher = VGGTeacher.load(TEACHER)
    published = {
        f"{there}.{part}": getattr(teacher, f"{here}_{part}")
        for here, there, _ in vgg19_layers()
        if here in teacher.names
        for part in ("weight", "bias")
    }
    network = VGG19(published)
    assert "conv3_1" in network.names
    assert "conv3_2" not in network.names
    x = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(2))
    # The teacher's input is normalized differently (conv0); invert torchvision's normalization.
    normal = teacher._convolve("conv0", x)
    mine = normal * torch.tensor(DEVIATION).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    for ours, exact in zip(network(mine), teacher(x), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-3, atol=1e-3 * float(exact.abs().max()))


@pytest.mark.slow
def test_pull_convert_and_load(
    weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file like the published one: saved by torch, passed with --from, converted, loaded."""
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    with pytest.raises(ModelError, match=r"`restyle models pull vgg19`"):
        load_vgg19()
    path = tmp_path / "vgg19.pth"
    torch.save(weights, path)
    record = catalog.find("vgg19")
    file = record.files[0]
    assert file.download is not None
    mine = replace(file, download=replace(file.download, sha256=file_sha256(path)))
    monkeypatch.setattr(catalog, "records", lambda: {"vgg19": replace(record, files=(mine,))})
    pull("vgg19", source=path)
    network = load_vgg19()
    assert network.names == ["conv0", *(name for name, _, _ in vgg19_layers())]
    torch.testing.assert_close(network.conv5_4_weight, weights["features.34.weight"])


def test_other_weights_are_refused(weights: dict[str, Tensor]) -> None:
    with pytest.raises(ModelError, match=r"there is no features.0"):
        VGG19({"conv1_1.weight": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"features.2 has shape \(3, 64, 3, 3\)"):
        VGG19({**weights, "features.2.weight": torch.zeros(3, 64, 3, 3)})


def _teacher(heads: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    weights = {"conv0.weight": torch.eye(3)[:, :, None, None].clone(), "conv0.bias": torch.zeros(3)}
    channels = 3
    for name, width in (("conv1_1", 4), ("conv1_2", 4), ("conv2_1", 6)):
        weights[f"{name}.weight"] = torch.randn(width, channels, 3, 3)
        weights[f"{name}.bias"] = torch.zeros(width)
        channels = width
    if heads:
        weights["head2_1.weight"], weights["head2_1.bias"] = torch.randn(9, 6, 1, 1), torch.zeros(9)
    return weights


def test_teacher_stops_where_its_file_ends_and_where_asked() -> None:
    x = torch.rand(1, 3, 16, 16)
    teacher = VGGTeacher(_teacher(heads=True))
    assert [f.shape[1] for f in teacher(x)] == [4, 9]
    assert [f.shape[1] for f in teacher.features(x, heads=False)] == [4, 6]
    assert len(teacher.features(x, until=1)) == 1


def test_teacher_equals_its_convolutions_written_out() -> None:
    weights = _teacher(heads=False)
    x = torch.rand(1, 3, 8, 8)
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(padded, weights["conv1_1.weight"]).clamp(min=0)
    torch.testing.assert_close(VGGTeacher(weights)(x)[0], expected)


SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 2, 1, 1, 1), heads=(5, 7, 9, 9, 9))


def test_features_halve_from_block_to_block() -> None:
    features = PerceptualEncoder(SMALL)(torch.rand(2, 3, 48, 64))
    assert [tuple(f.shape) for f in features] == [
        (2, 4, 48, 64),
        (2, 6, 24, 32),
        (2, 8, 12, 16),
        (2, 8, 6, 8),
        (2, 8, 3, 4),
    ]


def test_heads_widen_to_the_teachers_channels() -> None:
    encoder = PerceptualEncoder(SMALL)
    widened = encoder.widened(encoder(torch.rand(1, 3, 32, 32)))
    assert [f.shape[1] for f in widened] == list(SMALL.heads)
    assert all(float(f.detach().min()) >= 0 for f in widened)


def test_a_side_convolution_stands_for_a_layer_and_leaves_the_others(tmp_path: Path) -> None:
    plain = PerceptualEncoder(SMALL)
    encoder, x = PerceptualEncoder(replace(SMALL, sides=(0, 0, 9, 0, 0))), torch.rand(1, 3, 32, 48)
    encoder.load_state_dict(plain.state_dict(), strict=False)
    found, others = encoder(x), plain(x)
    assert found[2].shape == (1, 9, 8, 12)
    assert all(torch.equal(found[index], others[index]) for index in (0, 1, 3, 4))
    # Its input is the pooled previous block, and it has no head.
    h = x * 2 - 1
    for block in encoder.blocks[:2]:
        for convolution in block:  # type: ignore[attr-defined]
            h = torch.relu(convolution(F.pad(h, (1, 1, 1, 1), mode="reflect")))
        h = F.max_pool2d(h, 2)
    seen = torch.relu(encoder.sides[2](F.pad(h, (1, 1, 1, 1), mode="reflect")))
    torch.testing.assert_close(found[2], seen)
    torch.testing.assert_close(encoder.widened(found)[2], seen)
    save_encoder(encoder, tmp_path / "e.safetensors")
    assert load_encoder(tmp_path / "e.safetensors").shape.sides == (0, 0, 9, 0, 0)


def test_a_flat_picture_has_flat_features() -> None:
    """Because of reflection padding, borders are neither darker nor brighter."""
    with torch.no_grad():
        features = PerceptualEncoder(SMALL)(torch.full((1, 3, 32, 40), 0.3))
    for feature in features:
        spread = feature.flatten(2).max(2).values - feature.flatten(2).min(2).values
        assert float(spread.max()) < 1e-5


def test_saved_encoder_comes_back(tmp_path: Path) -> None:
    encoder, x = PerceptualEncoder(SMALL), torch.rand(1, 3, 32, 32)
    save_encoder(encoder, tmp_path / "e.safetensors")
    again = load_encoder(tmp_path / "e.safetensors")
    assert again.shape == SMALL
    for ours, theirs in zip(encoder(x), again(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)  # float16 on disk


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_encoder(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not a restyle encoder"):
        load_encoder(tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="conv0"):
        VGGTeacher.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 a photo", b"\x10\0\0\0\0\0\0\0{}"])
def test_damaged_files_have_a_message(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "photo.safetensors"
    file.write_bytes(content)
    for load in (load_encoder, VGGTeacher.load):
        with pytest.raises(ModelError, match=r"photo.safetensors' is not a readable safetensors file: .+"):
            load(file)


def test_the_shipped_encoder_is_frozen() -> None:
    encoder = perceptual_encoder()
    assert isinstance(encoder, PerceptualEncoder)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.no_grad():
        assert len(encoder(torch.rand(1, 3, 32, 32))) == 5


def test_encoder_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert {"encoder-1", "vgg19"} <= set(encoder_names())
    with pytest.raises(ModelError, match="`restyle models pull vgg19`"):
        perceptual_encoder("vgg19")
    with pytest.raises(ModelError, match=r"no encoder is called 'vgg16'; there are encoder-1, .*vgg19"):
        perceptual_encoder("vgg16")
