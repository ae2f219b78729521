"""The perceptual distance by construction, and against torchmetrics' own pieces of LPIPS."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import lpips as of_torchmetrics

from restyle.evaluate.perceptual import perceptual_distance, unit_length


def made(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"relu1": rng.random((5, 8, 6), np.float32), "relu2": rng.random((7, 4, 3), np.float32)}


ONE, TWO = made(0), made(1)


def test_zero_for_itself_and_symmetric() -> None:
    assert perceptual_distance(ONE, ONE) == 0
    assert perceptual_distance(ONE, TWO) == pytest.approx(perceptual_distance(TWO, ONE))


def test_brightness_of_features_does_not_count() -> None:
    dimmed = {layer: feature * np.float32(0.3) for layer, feature in TWO.items()}
    assert perceptual_distance(ONE, dimmed) == pytest.approx(perceptual_distance(ONE, TWO), rel=1e-5)


def test_two_a_layer_for_features_without_a_channel_in_common() -> None:
    left, right = np.zeros((4, 3, 3), np.float32), np.zeros((4, 3, 3), np.float32)
    left[0], right[1] = 5, 2
    assert perceptual_distance({"a": left, "b": left}, {"a": right, "b": right}) == pytest.approx(4)


def test_weights_pick_channels() -> None:
    only_second = {layer: np.eye(len(f), dtype=np.float32)[1] for layer, f in ONE.items()}
    expected = sum(((unit_length(ONE[layer])[1] - unit_length(TWO[layer])[1]) ** 2).mean() for layer in ONE)
    assert perceptual_distance(ONE, TWO, only_second) == pytest.approx(float(expected), rel=1e-5)


def test_as_torchmetrics() -> None:
    """Its normalisation and its mean over positions, with weights of channels."""
    rng = np.random.default_rng(3)
    weights = {layer: rng.random(len(f)).astype(np.float32) for layer, f in ONE.items()}
    expected = 0.0
    for layer, learnt in weights.items():
        a, b = (of_torchmetrics._normalize_tensor(torch.from_numpy(each[layer])[None]) for each in (ONE, TWO))
        weighted = ((a - b) ** 2 * torch.from_numpy(learnt)[None, :, None, None]).sum(1, keepdim=True)
        expected += float(of_torchmetrics._spatial_average(weighted))
    assert perceptual_distance(ONE, TWO, weights) == pytest.approx(expected, rel=1e-5)
