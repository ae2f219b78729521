"""Which network figures are measured on."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restyle.errors import MissingExtraError, ModelError
from restyle.evaluate import encoder
from restyle.models.catalog import DEFAULT
from restyle.nn.encoders import ArrayEncoder


def test_the_embedded_graph_gives_what_the_torch_network_gives(eyes: encoder.Encoder) -> None:
    picture = np.random.default_rng(0).random((70, 96, 3), np.float32)
    ours, theirs = eyes.features(picture), ArrayEncoder("encoder-1").features(picture)
    assert ours.keys() == theirs.keys()
    for layer, feature in ours.items():
        assert feature.shape == theirs[layer].shape
        assert np.abs(feature - theirs[layer]).max() < 2e-2 * theirs[layer].max()


def test_identity_is_that_of_the_weights(eyes: encoder.Encoder) -> None:
    assert eyes.name == "encoder-1"
    assert len(eyes.identity) == 16
    assert encoder.load().identity == eyes.identity


def test_unknown_and_absent_encoders(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with pytest.raises(ModelError, match="unknown encoder 'alexnet'; use one of encoder-1, vgg19"):
        encoder.load("alexnet")
    with pytest.raises(ModelError, match=f"unknown encoder '{DEFAULT}'"):
        encoder.load(DEFAULT)
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="restyle models pull vgg19"):
        encoder.load("vgg19")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"the metric fid needs an extra: pip install 'restyle\[torch\]'"
    ):
        encoder.need_torch("the metric fid")


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
    made = encoder.load(str(teacher(tmp_path / "small.safetensors", 5)))
    assert made.name == "small"
    features = made.features(np.random.default_rng(0).random((64, 80, 3), np.float32))
    assert [feature.shape for feature in features.values()][-1] == (2, 4, 5)
    with pytest.raises(ModelError, match=r"has no conv5_1"):
        encoder.load(str(teacher(tmp_path / "shallow.safetensors", 3)))
    with pytest.raises(ModelError, match="no such file"):
        encoder.load(str(tmp_path / "absent.safetensors"))
