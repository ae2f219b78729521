"""The perceptual encoder computes in Keras what it computes in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from keras import ops

from restyle.errors import ModelError
from restyle.keras.encoder import load_encoder
from restyle.models import catalog
from restyle.models.features import LAYERS
from restyle.nn import encoders
from restyle.options.train import ENCODER


@pytest.mark.parametrize("size", [(64, 48), (37, 51)])
def test_features_are_those_of_the_torch_encoder(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).random((2, *size, 3)).astype(np.float32)
    path = catalog.records()[ENCODER].file("encoder").path
    with torch.no_grad():
        expected = encoders.load_encoder(path).features(torch.from_numpy(x).permute(0, 3, 1, 2))
    found = load_encoder()(x)
    assert len(found) == len(expected) == len(LAYERS)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs.permute(0, 2, 3, 1).numpy(), atol=1e-4)


def test_it_is_not_trained() -> None:
    encoder = load_encoder()
    assert encoder.trainable_weights == []
    assert len(encoder.weights) == 22


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no encoder"), (b"hello", "is not a readable safetensors file")]
)
def test_missing_and_damaged_files_are_errors(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=said):
        load_encoder(path)


def test_other_safetensors_files_are_rejected(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="is not a restyle encoder file"):
        load_encoder(tmp_path / "other.safetensors")
