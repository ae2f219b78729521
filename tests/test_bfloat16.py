"""What training computes on a GPU, in bfloat16 where autocast allows, computed on the CPU.

`train.loop` turns autocast on for CUDA alone. Here the same tasks run under the autocast of CPUs, so a
dtype that does not fit, an overflow, or a loss in half precision shows without a GPU. It is no proof of CUDA.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restyle.nn.encoders import PerceptualEncoder, save_encoder
from restyle.options.train import ArbitraryOptions, EncoderOptions
from restyle.train.arbitrary import ArbitraryTask
from restyle.train.encoder import EncoderTask
from tests.train import test_style
from tests.train.test_arbitrary import NETWORK
from tests.train.test_encoder import SMALL, folder, teacher


def encoder_task(place: Path) -> Any:
    folders = [folder(place / "photos", 0), folder(place / "art", 1)]
    return EncoderTask(folders, [teacher(place / "t.safetensors")], EncoderOptions(crop=32, batch=4), SMALL)


def arbitrary_task(place: Path) -> Any:
    save_encoder(PerceptualEncoder(SMALL), place / "e.safetensors")
    return ArbitraryTask(
        content=folder(place / "photos", 0),
        style=folder(place / "art", 1),
        teacher=teacher(place / "t.safetensors"),
        encoder=place / "e.safetensors",
        options=ArbitraryOptions(crop=64, batch=2),
        shape=NETWORK,
    )


def style_task(place: Path) -> Any:
    return test_style.task(place)


def gradients(task: Any, half: bool) -> tuple[dict[str, float], torch.Tensor]:
    """Losses of one batch, and the gradients of all weights, one after the other."""
    batch = task.batch(0, np.random.default_rng(0))
    task.model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        losses = task.losses(task.model, batch, 0)
    assert losses["total"].dtype == torch.float32
    losses["total"].backward()
    flat = [p.grad.flatten() for p in task.model.parameters() if p.grad is not None]
    return {name: float(value.detach()) for name, value in losses.items()}, torch.cat(flat)


@pytest.mark.slow
@pytest.mark.parametrize("make", [encoder_task, arbitrary_task, style_task])
def test_losses_and_gradients_are_nearly_those_of_float32(make: Any, tmp_path: Path) -> None:
    task = make(tmp_path)
    losses, exact = gradients(task, half=False)
    half_losses, rounded = gradients(task, half=True)
    assert half_losses["total"] == pytest.approx(losses["total"], rel=0.05)
    assert torch.isfinite(rounded).all()
    assert rounded.dtype == torch.float32  # of the weights, which stay float32
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=0) > 0.95
