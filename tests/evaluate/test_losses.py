"""Losses against their formulae written out with loops, and against the torch losses of training."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import lpips as of_torchmetrics

from restyle.evaluate import losses
from restyle.evaluate.losses import LAYERS, StyleStatistics, perceptual_distance
from restyle.images.statistics import match_mean_std, mean_std
from restyle.nn import losses as of_training

WIDTHS = (4, 6, 8, 8, 8)


def made(seed: int, side: int = 16) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        layer: rng.random((width, max(2, side >> index), max(2, side >> index)), np.float32)
        for index, (layer, width) in enumerate(zip(LAYERS, WIDTHS, strict=True))
    }


ONE, TWO, WIDE = made(0), made(1), made(2, 24)


def test_nothing_differs_from_itself() -> None:
    own = StyleStatistics.of(ONE)
    assert losses.style_gap(own, own) == 0
    assert losses.content_gap(ONE, ONE) == 0
    assert losses.gatys_style(own, own) == 0
    assert losses.gatys_content(ONE, ONE) == 0
    assert losses.adain_style(own, own) == 0
    assert losses.adain_content(ONE, ONE, own) == pytest.approx(0, abs=1e-5)


def test_distances_are_symmetric() -> None:
    one, two = StyleStatistics.of(ONE), StyleStatistics.of(TWO)
    for distance in (losses.style_gap, losses.gatys_style, losses.adain_style):
        assert distance(one, two) == pytest.approx(distance(two, one), rel=1e-6)
        assert distance(one, two) > 0
    assert losses.content_gap(ONE, TWO) == pytest.approx(losses.content_gap(TWO, ONE), rel=1e-6)


def test_gaps_do_not_see_magnitude() -> None:
    def ten(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {layer: 10 * each for layer, each in features.items()}

    plain = losses.style_gap(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    large = losses.style_gap(StyleStatistics.of(ten(ONE)), StyleStatistics.of(ten(TWO)))
    assert large == pytest.approx(plain, rel=1e-5)
    assert losses.content_gap(ten(ONE), ten(TWO)) == pytest.approx(losses.content_gap(ONE, TWO), rel=1e-5)


def test_style_gap_is_the_gram_term_of_training() -> None:
    ours = losses.style_gap(StyleStatistics.of(ONE), StyleStatistics.of(WIDE))
    tensors = [[torch.from_numpy(f[layer])[None] for layer in LAYERS] for f in (ONE, WIDE)]
    theirs = of_training.style_loss(tensors[0], tensors[1], moments_weight=0.0)
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_content_gap_is_that_of_training() -> None:
    relu4_1 = [torch.from_numpy(f["relu4_1"])[None] for f in (ONE, TWO)]
    assert losses.content_gap(ONE, TWO) == pytest.approx(float(of_training.gap(*relu4_1)), rel=1e-5)


def test_gatys_style_is_eq_4_where_sizes_agree() -> None:
    """The paper's Gram matrix is a plain sum, and its divisor has the positions squared."""
    energies = []
    for layer in LAYERS:
        f, a = (each[layer].reshape(len(each[layer]), -1).astype(np.float64) for each in (ONE, TWO))
        n, m = f.shape
        energies.append(((f @ f.T - a @ a.T) ** 2).sum() / (4 * n**2 * m**2))
    expected = sum(energies) / 5
    found = losses.gatys_style(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    assert found == pytest.approx(expected, rel=1e-4)


def test_gatys_content_is_eq_1_over_positions() -> None:
    f, p = ONE["relu4_1"], TWO["relu4_1"]
    assert losses.gatys_content(ONE, TWO) == pytest.approx(((f - p) ** 2).sum() / 2 / f[0].size, rel=1e-5)


def test_adain_style_is_eq_13() -> None:
    expected = 0.0
    for layer in LAYERS[:4]:
        f, s = ONE[layer], TWO[layer]
        for moment in (np.mean, np.std):
            gap = moment(f, axis=(1, 2)) - moment(s, axis=(1, 2))
            expected += float(np.linalg.norm(gap))
    found = losses.adain_style(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    assert found == pytest.approx(expected, rel=1e-3)


def test_adain_content_is_zero_for_its_target() -> None:
    style = StyleStatistics.of(TWO)
    target = match_mean_std(ONE["relu4_1"], *mean_std(TWO["relu4_1"]))
    result = {**ONE, "relu4_1": target}
    assert losses.adain_content(result, ONE, style) == pytest.approx(0, abs=1e-6)
    assert losses.adain_content(ONE, ONE, style) > 0.01


def layers(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"relu1": rng.random((5, 8, 6), np.float32), "relu2": rng.random((7, 4, 3), np.float32)}


LEFT, RIGHT = layers(0), layers(1)


def test_zero_for_itself_and_symmetric() -> None:
    assert perceptual_distance(LEFT, LEFT) == 0
    assert perceptual_distance(LEFT, RIGHT) == pytest.approx(perceptual_distance(RIGHT, LEFT))


def test_brightness_of_features_does_not_count() -> None:
    dimmed = {layer: feature * np.float32(0.3) for layer, feature in RIGHT.items()}
    assert perceptual_distance(LEFT, dimmed) == pytest.approx(perceptual_distance(LEFT, RIGHT), rel=1e-5)


def test_two_a_layer_for_features_without_a_channel_in_common() -> None:
    left, right = np.zeros((4, 3, 3), np.float32), np.zeros((4, 3, 3), np.float32)
    left[0], right[1] = 5, 2
    assert perceptual_distance({"a": left, "b": left}, {"a": right, "b": right}) == pytest.approx(4)


def test_perceptual_distance_is_that_of_torchmetrics_without_weights() -> None:
    expected = 0.0
    for layer in LEFT:
        a, b = (
            of_torchmetrics._normalize_tensor(torch.from_numpy(each[layer])[None]) for each in (LEFT, RIGHT)
        )
        expected += float(of_torchmetrics._spatial_average(((a - b) ** 2).sum(1, keepdim=True)))
    assert perceptual_distance(LEFT, RIGHT) == pytest.approx(expected, rel=1e-5)
