import pytest
import torch

from restyle.methods.optimize.content_losses import (
    feature_loss,
    feature_sums,
    range_sum,
    self_similarity_loss,
    variation_sum,
)


def rand(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_feature_loss_is_relative() -> None:
    content, ones = rand(1, 3, 4, 5), torch.ones(4, 5, dtype=torch.float64)
    square = content.square().sum()
    assert float(feature_loss(feature_sums(content, content, ones), square)) == 0
    assert float(feature_loss(feature_sums(content * 0, content, ones), square)) == pytest.approx(1)
    # |c - 3c|^2 / (|c|^2 + |3c|^2) = 4 / 10, whatever c
    assert float(feature_loss(feature_sums(content * 3, content, ones), square)) == pytest.approx(0.4)


def test_feature_sums_count_where_the_share_says() -> None:
    a, b = rand(1, 3, 4, 5), rand(1, 3, 4, 5, seed=1)
    share = torch.zeros(4, 5, dtype=torch.float64)
    share[:2] = 1
    torch.testing.assert_close(feature_sums(a, b, share), feature_sums(a[:, :, :2], b[:, :, :2], share[:2]))


def test_self_similarity_is_blind_to_contrast_and_to_a_turn_of_the_channels() -> None:
    cloud = rand(12, 3)
    turn = torch.linalg.qr(rand(3, 3, seed=2))[0]
    assert float(self_similarity_loss(cloud * 7, cloud)) == pytest.approx(0, abs=1e-7)
    assert float(self_similarity_loss(cloud @ turn, cloud)) == pytest.approx(0, abs=1e-7)
    assert float(self_similarity_loss(cloud[torch.randperm(12)], cloud)) > 0.01


def test_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0).expand(1, 3, 4, 5)
    whole = variation_sum(ramp, slice(0, 4), slice(0, 5))
    assert float(whole) == 3 * 4 * 4  # three channels, four rows, four steps of 1
    parts = variation_sum(ramp[..., :4], slice(0, 4), slice(0, 3)) + variation_sum(
        ramp[..., 2:], slice(0, 4), slice(1, 3)
    )
    assert float(parts) == float(whole)


def test_range_counts_what_leaves_0_to_1() -> None:
    assert float(range_sum(torch.tensor([-0.5, 0.0, 0.5, 1.0, 3.0]))) == 0.25 + 4


def test_gradients() -> None:
    content, ones = rand(1, 3, 4, 5), torch.ones(4, 5, dtype=torch.float64)
    leaf = (rand(1, 3, 4, 5, seed=3) * 2 - 0.5).requires_grad_()
    for loss in (
        lambda x: feature_loss(feature_sums(x, content, ones), content.square().sum()),
        lambda x: feature_sums(x, content, rand(4, 5, seed=4)),
        lambda x: self_similarity_loss(x[0].flatten(1).T, content[0].flatten(1).T),
        lambda x: variation_sum(x, slice(0, 4), slice(0, 5)),
        range_sum,
    ):
        assert torch.autograd.gradcheck(loss, leaf)
