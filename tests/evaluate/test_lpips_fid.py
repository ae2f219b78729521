"""LPIPS and FID: what is pulled reaches the libraries; without it, or without them, the message helps.

torchvision and torch-fidelity are not installed where these tests run, so stand-ins load the weights the way
they do. The published weights themselves are not here either.
"""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torchmetrics
from torch import nn
from torchmetrics.functional.image import lpips as functional
from torchmetrics.image import lpip

from restyle.errors import MissingExtraError, ModelError, OptionError
from restyle.evaluate import lpips_fid
from restyle.evaluate.lpips_fid import Standard
from restyle.models import catalog
from restyle.models.catalog import file_sha256

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
    assert lpips_fid.load([]).names == ()


def test_unknown_and_absent_metrics() -> None:
    with pytest.raises(OptionError, match="metric 'ssim' is none of lpips-alex, fid"):
        lpips_fid.load(["ssim"])
    with pytest.raises(ModelError, match="restyle models pull lpips-alex"):
        lpips_fid.load(["lpips-alex"])
    with pytest.raises(ModelError, match="restyle models pull inception-fid"):
        lpips_fid.load(["fid"])


@pytest.mark.usefixtures("torchvision")
def test_lpips_uses_the_pulled_file_and_downloads_nothing() -> None:
    pulled("lpips-alex", alexnet().state_dict())
    before = torch.hub.get_dir()
    metrics = lpips_fid.load(["lpips-alex"])
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
        lpips_fid.load(["lpips-alex"])


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
    inception = lpips_fid.load(["fid"]).inception
    assert inception is not None
    assert inception(np.full((40, 30, 3), 0.5, np.float32)) == pytest.approx([2 * 128.0])


@pytest.mark.parametrize(("metric", "model"), [("lpips-alex", "lpips-alex"), ("fid", "inception-fid")])
def test_a_missing_library_is_an_extra(metric: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled(model, {"weight": torch.zeros(1)})
    for module in ("torchmetrics.image.lpip", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"the metric {metric} needs .*restyle\[metrics\]"):
        lpips_fid.load([metric])


def test_names_are_those_that_are_there() -> None:
    made = Standard(inception=lambda picture: np.zeros(2048, np.float32))
    assert made.names == ("fid",)
