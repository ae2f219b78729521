"""LPIPS on AlexNet: the layers against PyTorch's own, the authors' learnt weights, and the loader."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from safetensors.torch import load, save
from torch import nn
from torchmetrics.functional.image import lpips as of_torchmetrics

from restyle.errors import InputError, ModelError
from restyle.evaluate.perceptual import perceptual_distance
from restyle.models import catalog
from restyle.models.catalog import file_sha256
from restyle.nn.fetch import convert, pull
from restyle.nn.lpips import CONVOLUTIONS, LAYERS, SCALE, SHIFT, LpipsAlex, load_lpips

# torchmetrics brings the authors' 6 kB of learnt weights; AlexNet itself is 244 MB and is not here.
LINEAR = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / "alex.pth"


def alexnet() -> nn.Sequential:
    """The convolutions of torchvision's AlexNet, with random weights; its keys are `0.weight` ..."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return {f"features.{name}": value for name, value in alexnet().state_dict().items()}


@pytest.fixture(scope="module")
def linear() -> dict[str, torch.Tensor]:
    read: dict[str, torch.Tensor] = torch.load(LINEAR, weights_only=True, map_location="cpu")
    return read


def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((64, 80, 3), np.float32), rng.random((64, 80, 3), np.float32)


def test_the_catalog_records_these_learnt_weights() -> None:
    download = catalog.find("lpips-alex").file("linear").download
    assert download is not None
    assert file_sha256(LINEAR) == download.sha256
    assert LINEAR.stat().st_size == download.size


def test_distance_as_torchmetrics_with_the_same_network(
    weights: dict[str, torch.Tensor], linear: dict[str, torch.Tensor]
) -> None:
    """Its scaling, normalisation and mean over positions, around the very layers of torchvision's network."""
    ours = LpipsAlex(weights, linear)
    one, two = pictures()
    found = perceptual_distance(ours.features(one), ours.features(two), ours.weights)
    scaled = of_torchmetrics.ScalingLayer()
    batches = [scaled(2 * torch.from_numpy(each.transpose(2, 0, 1))[None] - 1) for each in (one, two)]
    expected, network = 0.0, alexnet()
    with torch.inference_mode():
        for index, (name, *_) in enumerate(CONVOLUTIONS):
            stage = network[: int(name.removeprefix("features.")) + 2]
            a, b = (of_torchmetrics._normalize_tensor(stage(batch)) for batch in batches)
            weighted = ((a - b) ** 2 * linear[f"lin{index}.model.1.weight"]).sum(1, keepdim=True)
            expected += float(of_torchmetrics._spatial_average(weighted))
    assert found == pytest.approx(expected, rel=1e-4)
    assert found > 0
    assert perceptual_distance(ours.features(one), ours.features(one), ours.weights) == 0


def test_scaling_is_the_authors(weights: dict[str, torch.Tensor], linear: dict[str, torch.Tensor]) -> None:
    theirs = of_torchmetrics.ScalingLayer()
    assert theirs.shift.flatten().tolist() == pytest.approx(SHIFT)
    assert theirs.scale.flatten().tolist() == pytest.approx(SCALE)


def test_learnt_weights_are_not_negative(
    weights: dict[str, torch.Tensor], linear: dict[str, torch.Tensor]
) -> None:
    for layer, learnt in LpipsAlex(weights, linear).weights.items():
        assert layer in LAYERS
        assert (learnt >= 0).all()


def test_other_weights_are_refused(weights: dict[str, torch.Tensor], linear: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ModelError, match=r"features\.0\.weight is missing"):
        LpipsAlex({}, linear)
    with pytest.raises(ModelError, match="of shape"):
        LpipsAlex({**weights, "features.3.bias": torch.zeros(3)}, linear)
    with pytest.raises(InputError, match="31 px"):
        LpipsAlex(weights, linear).features(np.zeros((30, 90, 3), np.float32))


def test_is_read_from_the_users_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights: dict[str, torch.Tensor],
    linear: dict[str, torch.Tensor],
) -> None:
    """Files as `restyle models pull` leaves them: safetensors, with a receipt beside each."""
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    record = catalog.find("lpips-alex")
    with pytest.raises(ModelError, match="restyle models pull lpips-alex"):
        load_lpips()
    for role, tensors in (("network", weights), ("linear", linear)):
        file = record.file(role)
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_bytes(save({k: v.contiguous() for k, v in tensors.items()}))
        file.receipt.write_text(f"{file_sha256(file.path)}  {file.path.name}\n")
    assert load_lpips().weights.keys() == set(LAYERS)
    record.file("linear").path.write_bytes(b"not what was pulled")
    with pytest.raises(ModelError, match="damaged"):
        load_lpips()


def test_the_published_file_is_rid_of_pickle(tmp_path: Path) -> None:
    """The authors' own file, through the loader of `restyle models pull`; its tensors were saved on a GPU."""
    download = catalog.find("lpips-alex").file("linear").download
    assert download is not None
    convert(LINEAR, tmp_path / "linear.safetensors", download.keep or ())
    tensors = load((tmp_path / "linear.safetensors").read_bytes())
    assert set(tensors) == {f"lin{index}.model.1.weight" for index in range(5)}


def test_a_local_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    (tmp_path / "alex.pth").write_bytes(LINEAR.read_bytes())
    with pytest.raises(ModelError, match="alexnet-owt-7be5be79"):
        pull("lpips-alex", source=tmp_path, offline=True)
