"""Encoders by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restyle.errors import ModelError
from restyle.nn.encoders import PerceptualEncoder
from restyle.nn.named import encoder_names, perceptual_encoder


def test_the_shipped_one_is_ready_and_frozen() -> None:
    encoder = perceptual_encoder()
    assert isinstance(encoder, PerceptualEncoder)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.no_grad():
        assert len(encoder(torch.rand(1, 3, 32, 32))) == 5


def test_others_are_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert {"encoder-1", "vgg19"} <= set(encoder_names())
    with pytest.raises(ModelError, match="`restyle models pull vgg19`"):
        perceptual_encoder("vgg19")
    with pytest.raises(ModelError, match=r"no encoder is called 'vgg16'; there are encoder-1, .*vgg19"):
        perceptual_encoder("vgg16")
