"""Which networks figures are measured on, and what is said where one is missing.

torchvision and torch-fidelity are not installed where these tests run, so stand-ins load the weights of LPIPS
and FID the way they do. The published weights themselves are not here either.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torchmetrics
from safetensors.torch import save_file
from torch import nn
from torchmetrics.functional.image import lpips as functional
from torchmetrics.image import lpip

from restyle.errors import MissingExtraError, ModelError, OptionError
from restyle.evaluate import networks
from restyle.evaluate.networks import Standard
from restyle.models import catalog
from restyle.models.catalog import DEFAULT, file_sha256
from restyle.nn.encoders import ArrayEncoder


def test_the_embedded_graph_gives_what_the_torch_network_gives(eyes: networks.Encoder) -> None:
    picture = np.random.default_rng(0).random((70, 96, 3), np.float32)
    ours, theirs = eyes.features(picture), ArrayEncoder("encoder-1").features(picture)
    assert ours.keys() == theirs.keys()
    for layer, feature in ours.items():
        assert feature.shape == theirs[layer].shape
        assert np.abs(feature - theirs[layer]).max() < 2e-2 * theirs[layer].max()


def test_identity_is_that_of_the_weights(eyes: networks.Encoder) -> None:
    assert eyes.name == "encoder-1"
    assert len(eyes.identity) == 16
    assert networks.load_encoder().identity == eyes.identity


def test_unknown_and_absent_encoders(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with pytest.raises(ModelError, match="unknown encoder 'alexnet'; use one of encoder-1, vgg19"):
        networks.load_encoder("alexnet")
    with pytest.raises(ModelError, match=f"unknown encoder '{DEFAULT}'"):
        networks.load_encoder(DEFAULT)
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="restyle models pull vgg19"):
        networks.load_encoder("vgg19")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError,
        match=r"restyle evaluate --encoder a.safetensors needs an extra: pip install 'restyle\[torch\]'",
    ):
        networks.load_encoder("a.safetensors")


def teacher(path: Path, blocks: int) -> Path:
    """A VGG-shaped teacher of two channels a layer, as files of teachers are laid out."""
    generator = torch.Generator().manual_seed(0)
    tensors, channels = {"conv0.weight": torch.eye(3)[..., None, None], "conv0.bias": torch.zeros(3)}, 3
    for block in range(1, blocks + 1):
        tensors[f"conv{block}_1.weight"] = torch.randn(2, channels, 3, 3, generator=generator)
        tensors[f"conv{block}_1.bias"] = torch.zeros(2)
        channels = 2
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


def test_a_file_of_a_teacher_serves(tmp_path: Path) -> None:
    made = networks.load_encoder(str(teacher(tmp_path / "small.safetensors", 5)))
    assert made.name == "small"
    features = made.features(np.random.default_rng(0).random((64, 80, 3), np.float32))
    assert [feature.shape for feature in features.values()][-1] == (2, 4, 5)
    with pytest.raises(ModelError, match=r"has no conv5_1"):
        networks.load_encoder(str(teacher(tmp_path / "shallow.safetensors", 3)))
    with pytest.raises(ModelError, match="no such file"):
        networks.load_encoder(str(tmp_path / "absent.safetensors"))


ONE, TWO = np.random.default_rng(0).random((2, 64, 80, 3), np.float32)
# torchmetrics ships the learned weights of channels.
LINEAR = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "alex.pth"


def alexnet() -> nn.Sequential:
    """The convolutions of torchvision's AlexNet, with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def pulled(model: str, weights: dict[str, torch.Tensor]) -> Path:
    """Put weights where `restyle models pull` puts them."""
    file = catalog.find(model).file("network")
    file.path.parent.mkdir(parents=True)
    torch.save(weights, file.path)
    file.receipt.write_text(f"{file_sha256(file.path)}  {file.path.name}\n")
    return file.path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load AlexNet as torchvision does: by its URL, which torch.hub looks up in its folder first."""

    def features(net: str, pretrained: bool) -> nn.Sequential:
        download = catalog.find("lpips-alex").file("network").download
        assert (net, pretrained) == ("alexnet", True)
        assert download is not None
        network = alexnet()
        for value in network.parameters():
            nn.init.zeros_(value)
        network.load_state_dict(torch.hub.load_state_dict_from_url(download.url))
        return network

    monkeypatch.setattr(functional, "_get_tv_model_features", features)
    monkeypatch.setattr(lpip, "_TORCHVISION_AVAILABLE", True)


def lpips_by_hand(one: np.ndarray, two: np.ndarray) -> float:
    """Zhang et al. 2018, equation 1, with these weights."""
    linear = torch.load(LINEAR, weights_only=True, map_location="cpu")
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    batches = [(2 * torch.from_numpy(x.transpose(2, 0, 1))[None] - 1 - shift) / scale for x in (one, two)]
    total, network = 0.0, alexnet()
    with torch.inference_mode():
        for index, end in enumerate((2, 5, 8, 10, 12)):
            a, b = (nn.functional.normalize(network[:end](batch), dim=1) for batch in batches)
            total += float(((a - b) ** 2 * linear[f"lin{index}.model.1.weight"]).sum(1).mean())
    return total


def test_nothing_is_loaded_unless_asked_for() -> None:
    assert networks.load_standard([]).names == ()


def test_unknown_and_absent_metrics() -> None:
    with pytest.raises(OptionError, match="metric 'ssim' is none of lpips-alex, fid"):
        networks.load_standard(["ssim"])
    with pytest.raises(ModelError, match="restyle models pull lpips-alex"):
        networks.load_standard(["lpips-alex"])
    with pytest.raises(ModelError, match="restyle models pull inception-fid"):
        networks.load_standard(["fid"])


@pytest.mark.usefixtures("torchvision")
def test_lpips_uses_the_pulled_file_and_downloads_nothing() -> None:
    pulled("lpips-alex", alexnet().state_dict())
    before = torch.hub.get_dir()
    metrics = networks.load_standard(["lpips-alex"])
    assert metrics.names == ("lpips-alex",)
    assert torch.hub.get_dir() == before
    assert metrics.lpips is not None
    assert metrics.lpips(ONE, ONE) == 0
    assert metrics.lpips(ONE, TWO) == pytest.approx(lpips_by_hand(ONE, TWO), rel=1e-4)
    assert metrics.lpips(ONE, TWO) > 0


@pytest.mark.usefixtures("torchvision")
def test_a_damaged_file_is_refused() -> None:
    pulled("lpips-alex", alexnet().state_dict()).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="damaged"):
        networks.load_standard(["lpips-alex"])


def test_fid_features_use_the_pulled_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class FeatureExtractorInceptionV3(nn.Module):
        """Returns the mean of the pixels, and takes what torch-fidelity's network takes."""

        def __init__(self, name: str, features: list[str], weights: str) -> None:
            super().__init__()
            assert features == ["2048"]
            self.gain = float(torch.load(weights)["gain"])

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            assert x.dtype == torch.uint8
            return (self.gain * x.float().mean((1, 2, 3))[:, None],)

    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = FeatureExtractorInceptionV3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    pulled("inception-fid", {"gain": torch.tensor(2.0)})
    inception = networks.load_standard(["fid"]).inception
    assert inception is not None
    assert inception(np.full((40, 30, 3), 0.5, np.float32)) == pytest.approx([2 * 128.0])


@pytest.mark.parametrize(("metric", "model"), [("lpips-alex", "lpips-alex"), ("fid", "inception-fid")])
def test_a_missing_library_is_an_extra(metric: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled(model, {"weight": torch.zeros(1)})
    for module in ("torchmetrics.image.lpip", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"the metric {metric} needs .*restyle\[metrics\]"):
        networks.load_standard([metric])


def test_names_are_those_that_are_there() -> None:
    made = Standard(inception=lambda picture: np.zeros(2048, np.float32))
    assert made.names == ("fid",)
