"""The perceptual encoder computes in Keras what it computes in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops

from restyle.errors import InputError, ModelError
from restyle.keras.losses import PerceptualLoss, load_encoder
from restyle.models import catalog
from restyle.models.session import LAYERS
from restyle.nn import encoders, losses
from restyle.options.train import ENCODER, StyleOptions


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
    encoder = encoders.load_encoder(catalog.records()[ENCODER].file("encoder").path)
    with torch.no_grad():
        content, picture = (encoder.features(tensor(each)) for each in (CONTENT, PICTURE))
        aims = encoder.features(tensor(np.stack(STYLES)))
        expected = {
            "style": losses.texture_loss(picture, aims, RECIPE.moments),
            "content": losses.content_loss(picture, content, RECIPE.structure),
            "color": losses.color_loss(tensor(PICTURE), tensor(np.stack(STYLES))),
            "variation": losses.total_variation(tensor(PICTURE)),
            "range": losses.out_of_range(tensor(PICTURE)),
        }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(ops.convert_to_numpy(found[name]), value.numpy(), rtol=2e-3, atol=1e-5)


def test_total_is_the_weighted_sum(loss: PerceptualLoss) -> None:
    assert loss.total(
        {"style": 1.0, "content": 10.0, "color": 0.1, "variation": 100.0, "range": 1e3}
    ) == pytest.approx(
        RECIPE.style_weight
        + 10 * RECIPE.content_weight
        + 0.1 * RECIPE.color_weight
        + 100 * RECIPE.variation_weight
        + 1e3 * RECIPE.range_weight
    )


def test_it_is_a_keras_loss_that_separates_content_and_style() -> None:
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


def test_the_configuration_restores_it_without_the_pictures(small_encoder: Path) -> None:
    recipe = StyleOptions(style_size=64, style_layers="relu1_1,relu3_1", moments=0.5)
    loss = PerceptualLoss(STYLES, recipe, small_encoder)
    again = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
    assert isinstance(again, PerceptualLoss)
    assert (again.recipe, again.styles) == (recipe, 2)
    expected, found = (ops.convert_to_numpy(each.call(CONTENT, PICTURE)) for each in (loss, again))
    np.testing.assert_array_equal(found, expected)


def test_no_style_is_an_error() -> None:
    with pytest.raises(InputError, match="no style is given"):
        PerceptualLoss([])
