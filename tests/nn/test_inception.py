"""FID's Inception: its shape by its tensors, one block written out by hand, and the loader."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.models.catalog import file_sha256
from restyle.nn.inception import EPSILON, WIDTH, Inception, load_inception

# Name, channels in and out, height and width of the kernel: Szegedy et al. 2016, named as by pytorch-fid.
STEM = (
    ("Conv2d_1a_3x3", 3, 32, 3, 3),
    ("Conv2d_2a_3x3", 32, 32, 3, 3),
    ("Conv2d_2b_3x3", 32, 64, 3, 3),
    ("Conv2d_3b_1x1", 64, 80, 1, 1),
    ("Conv2d_4a_3x3", 80, 192, 3, 3),
)
Layer = tuple[str, int, int, int, int]


def block_a(name: str, width: int, pool: int) -> list[Layer]:
    return [
        (f"{name}.branch1x1", width, 64, 1, 1),
        (f"{name}.branch5x5_1", width, 48, 1, 1),
        (f"{name}.branch5x5_2", 48, 64, 5, 5),
        (f"{name}.branch3x3dbl_1", width, 64, 1, 1),
        (f"{name}.branch3x3dbl_2", 64, 96, 3, 3),
        (f"{name}.branch3x3dbl_3", 96, 96, 3, 3),
        (f"{name}.branch_pool", width, pool, 1, 1),
    ]


def block_c(name: str, narrow: int) -> list[Layer]:
    return [
        (f"{name}.branch1x1", 768, 192, 1, 1),
        (f"{name}.branch7x7_1", 768, narrow, 1, 1),
        (f"{name}.branch7x7_2", narrow, narrow, 1, 7),
        (f"{name}.branch7x7_3", narrow, 192, 7, 1),
        (f"{name}.branch7x7dbl_1", 768, narrow, 1, 1),
        (f"{name}.branch7x7dbl_2", narrow, narrow, 7, 1),
        (f"{name}.branch7x7dbl_3", narrow, narrow, 1, 7),
        (f"{name}.branch7x7dbl_4", narrow, narrow, 7, 1),
        (f"{name}.branch7x7dbl_5", narrow, 192, 1, 7),
        (f"{name}.branch_pool", 768, 192, 1, 1),
    ]


def block_e(name: str, width: int) -> list[Layer]:
    return [
        (f"{name}.branch1x1", width, 320, 1, 1),
        (f"{name}.branch3x3_1", width, 384, 1, 1),
        (f"{name}.branch3x3_2a", 384, 384, 1, 3),
        (f"{name}.branch3x3_2b", 384, 384, 3, 1),
        (f"{name}.branch3x3dbl_1", width, 448, 1, 1),
        (f"{name}.branch3x3dbl_2", 448, 384, 3, 3),
        (f"{name}.branch3x3dbl_3a", 384, 384, 1, 3),
        (f"{name}.branch3x3dbl_3b", 384, 384, 3, 1),
        (f"{name}.branch_pool", width, 192, 1, 1),
    ]


LAYERS: list[Layer] = [
    *STEM,
    *block_a("Mixed_5b", 192, 32),
    *block_a("Mixed_5c", 256, 64),
    *block_a("Mixed_5d", 288, 64),
    ("Mixed_6a.branch3x3", 288, 384, 3, 3),
    ("Mixed_6a.branch3x3dbl_1", 288, 64, 1, 1),
    ("Mixed_6a.branch3x3dbl_2", 64, 96, 3, 3),
    ("Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3),
    *block_c("Mixed_6b", 128),
    *block_c("Mixed_6c", 160),
    *block_c("Mixed_6d", 160),
    *block_c("Mixed_6e", 192),
    ("Mixed_7a.branch3x3_1", 768, 192, 1, 1),
    ("Mixed_7a.branch3x3_2", 192, 320, 3, 3),
    ("Mixed_7a.branch7x7x3_1", 768, 192, 1, 1),
    ("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7),
    ("Mixed_7a.branch7x7x3_3", 192, 192, 7, 1),
    ("Mixed_7a.branch7x7x3_4", 192, 192, 3, 3),
    *block_e("Mixed_7b", 1280),
    *block_e("Mixed_7c", 2048),
]


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, into, out, height, width in LAYERS:
        scale = (2 / (into * height * width)) ** 0.5
        made[f"{name}.conv.weight"] = scale * torch.randn(out, into, height, width, generator=generator)
        made[f"{name}.bn.weight"] = 1 + 0.1 * torch.randn(out, generator=generator)
        made[f"{name}.bn.bias"] = 0.1 * torch.randn(out, generator=generator)
        made[f"{name}.bn.running_mean"] = 0.1 * torch.randn(out, generator=generator)
        made[f"{name}.bn.running_var"] = 0.5 + torch.rand(out, generator=generator)
    return made


@pytest.fixture(scope="module")
def network(weights: dict[str, torch.Tensor]) -> Inception:
    return Inception(weights)


def unit(
    x: torch.Tensor, weights: dict[str, torch.Tensor], name: str, padding: tuple[int, int]
) -> torch.Tensor:
    """Convolution, batch normalisation and ReLU, with PyTorch's own batch normalisation."""
    h = F.conv2d(x, weights[f"{name}.conv.weight"], padding=padding)
    mean, variance, scale, shift = (
        weights[f"{name}.bn.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
    )
    return F.relu(F.batch_norm(h, mean, variance, scale, shift, training=False, eps=EPSILON))


def test_its_parameters_are_those_of_inception_v3() -> None:
    """21,785,568 of torchvision's Inception v3 without its classifiers, statistics of normalisation aside."""
    assert sum(into * out * h * w + 2 * out for _, into, out, h, w in LAYERS) == 21_785_568


def test_a_picture_of_any_size_gives_2048_features(network: Inception) -> None:
    rng = np.random.default_rng(0)
    for size in ((299, 299, 3), (120, 200, 3)):
        features = network(rng.random(size, np.float32))
        assert features.shape == (WIDTH,)
        assert np.isfinite(features).all()
        assert features.std() > 0


def test_the_last_block_as_written_out_by_hand(network: Inception, weights: dict[str, torch.Tensor]) -> None:
    """Parallel convolutions, maximum pooling, order of the parts."""
    from restyle.nn.inception import LAST

    x = torch.rand(1, 2048, 8, 8, generator=torch.Generator().manual_seed(1))
    name = "Mixed_7c"
    thin = unit(x, weights, f"{name}.branch3x3_1", (0, 0))
    double = unit(
        unit(x, weights, f"{name}.branch3x3dbl_1", (0, 0)), weights, f"{name}.branch3x3dbl_2", (1, 1)
    )
    expected = torch.cat(
        [
            unit(x, weights, f"{name}.branch1x1", (0, 0)),
            unit(thin, weights, f"{name}.branch3x3_2a", (0, 1)),
            unit(thin, weights, f"{name}.branch3x3_2b", (1, 0)),
            unit(double, weights, f"{name}.branch3x3dbl_3a", (0, 1)),
            unit(double, weights, f"{name}.branch3x3dbl_3b", (1, 0)),
            unit(F.max_pool2d(x, 3, 1, 1), weights, f"{name}.branch_pool", (0, 0)),
        ],
        1,
    )
    found = torch.cat([network._chain(x, chain, f"{name}.") for chain in LAST], 1)
    assert torch.allclose(found, expected, atol=1e-3)


def test_averages_do_not_count_the_padding(network: Inception) -> None:
    flat = torch.ones(1, 4, 5, 5)
    assert torch.equal(network._step(flat, "average", ""), flat)


def test_other_weights_are_refused(weights: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ModelError, match=r"Conv2d_1a_3x3\.conv\.weight is missing"):
        Inception({})
    with pytest.raises(ModelError, match="not the weights"):
        Inception({**weights, "Mixed_5b.branch1x1.conv.weight": torch.zeros(64, 5, 1, 1)})


def test_is_read_from_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: dict[str, torch.Tensor], network: Inception
) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="restyle models pull inception-fid"):
        load_inception()
    file = catalog.find("inception-fid").file("network")
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(save(weights))
    file.receipt.write_text(f"{file_sha256(file.path)}  {file.path.name}\n")
    picture = np.random.default_rng(2).random((64, 64, 3), np.float32)
    assert np.allclose(load_inception()(picture), network(picture))
