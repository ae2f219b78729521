"""The loss agrees with the one of the PyTorch recipe, term by term."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra keras")

import torch
from keras import ops

from restyle.errors import InputError
from restyle.keras.losses import PerceptualLoss
from restyle.models import catalog
from restyle.nn import encoders, losses
from restyle.training.style_options import StyleOptions

RECIPE = StyleOptions(style_size=64)
RNG = np.random.default_rng(0)
CONTENT, PICTURE = (RNG.random((2, 48, 64, 3)).astype(np.float32) * 1.2 - 0.1 for _ in range(2))
STYLES = [RNG.random((64, 80, 3)).astype(np.float32) for _ in range(2)]


def tensor(pictures: Any) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def loss() -> PerceptualLoss:
    return PerceptualLoss(STYLES, RECIPE)


def test_every_term_is_that_of_the_torch_recipe(loss: PerceptualLoss) -> None:
    code = np.array([[1, 0], [0, 1]], np.float32)
    found = loss.terms(CONTENT, PICTURE, code)
    encoder = encoders.load_encoder(catalog.records()["encoder-1"].file("encoder").path)
    with torch.no_grad():
        content, picture = (encoder.features(tensor(each)) for each in (CONTENT, PICTURE))
        aims = encoder.features(tensor(np.stack(STYLES)))
        expected = {
            "style": losses.style_loss(picture, aims, RECIPE.moments),
            "content": losses.content_loss(picture, content, RECIPE.structure),
            "variation": losses.total_variation(tensor(PICTURE)),
            "range": losses.out_of_range(tensor(PICTURE)),
        }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(ops.convert_to_numpy(found[name]), value.numpy(), rtol=2e-3, atol=1e-5)


def test_total_is_the_weighted_sum(loss: PerceptualLoss) -> None:
    assert loss.total({"style": 1.0, "content": 10.0, "variation": 100.0, "range": 1000.0}) == pytest.approx(
        RECIPE.style_weight
        + 10 * RECIPE.content_weight
        + 100 * RECIPE.variation_weight
        + 1000 * RECIPE.range_weight
    )


def test_it_is_a_keras_loss_and_its_parts_tell_content_from_style() -> None:
    photo = CONTENT.clip(0, 1)
    loss = PerceptualLoss(STYLES[0], RECIPE)
    same = {name: float(ops.mean(value)) for name, value in loss.terms(photo, photo).items()}
    assert same["content"] == pytest.approx(0, abs=1e-6)
    assert same["range"] == 0
    as_style = np.repeat(STYLES[0][None], 2, 0)
    painted = {name: float(ops.mean(value)) for name, value in loss.terms(as_style, as_style).items()}
    assert painted["style"] == pytest.approx(0, abs=1e-4)
    assert same["style"] > 1e-3
    assert float(loss(photo, photo)) == pytest.approx(float(ops.mean(loss.call(photo, photo))))


def test_no_style_is_an_error() -> None:
    with pytest.raises(InputError, match="no style is given"):
        PerceptualLoss([])
