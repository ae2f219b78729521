import pytest
import torch
from torch import Tensor

from restyle.methods.optimize.losses import (
    Moments,
    feature_loss,
    feature_sums,
    gaussian_loss,
    gram_loss,
    moment_sums,
    moments_of,
    patch_loss,
    range_sum,
    self_similarity_loss,
    sliced_loss,
    trace_of_root,
    unit_directions,
    variation_sum,
)


def moments(feature: Tensor, share: Tensor | None = None) -> Moments:
    """Moments of a layer [1, C, H, W], or of a region of it."""
    shares = torch.ones_like(feature[:, 0]) if share is None else share[None]
    return moments_of(moment_sums(feature, shares), shares.sum((1, 2)))


def features(seed: int, channels: int = 3, height: int = 5, width: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64)


def rows(feature: Tensor) -> Tensor:
    return feature[0].flatten(1).T


def test_moments_of_known_features() -> None:
    found = moments(torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]]))
    torch.testing.assert_close(found.mean, torch.tensor([[1.5, 1.0]]))
    torch.testing.assert_close(found.second, torch.tensor([[[2.5, 0.5], [0.5, 5.0]]]))
    torch.testing.assert_close(found.covariance, torch.tensor([[[0.25, -1.0], [-1.0, 4.0]]]))


def test_moments_of_a_region_are_those_of_its_positions_alone() -> None:
    feature, share = features(0), torch.zeros(5, 6, dtype=torch.float64)
    share[1:3, 2:6] = 1
    inside, alone = moments(feature, share), moments(feature[:, :, 1:3, 2:6])
    torch.testing.assert_close(inside.mean, alone.mean)
    torch.testing.assert_close(inside.second, alone.second)


def test_a_soft_mask_weighs_positions() -> None:
    feature = torch.tensor([[[[1.0, 5.0]]]])
    found = moments(feature, torch.tensor([[0.75, 0.25]]))
    assert float(found.mean) == pytest.approx(2.0)


def test_sums_of_parts_are_the_sums_of_the_whole() -> None:
    feature, ones = features(1), torch.ones(1, 5, 6, dtype=torch.float64)
    parts = moment_sums(feature[:, :, :2], ones[:, :2]) + moment_sums(feature[:, :, 2:], ones[:, 2:])
    torch.testing.assert_close(parts, moment_sums(feature, ones))


@pytest.mark.parametrize("loss", [gram_loss, gaussian_loss])
def test_moment_losses_ignore_position_and_magnitude(loss: object) -> None:
    assert callable(loss)
    a, b = features(2), features(3)
    shuffled = a.flatten(2)[:, :, torch.randperm(30)].reshape(a.shape)
    assert float(loss(moments(a), moments(shuffled))) == pytest.approx(0, abs=1e-7)
    assert 0 < float(loss(moments(a), moments(b))) < 1
    torch.testing.assert_close(
        loss(moments(a * 50), moments(b * 50)), loss(moments(a), moments(b)), rtol=1e-6, atol=1e-9
    )


def test_gram_loss_is_1_for_channels_that_have_nothing_in_common() -> None:
    a, b = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    a[:, 0], b[:, 1] = 1, 3
    assert float(gram_loss(moments(a), moments(b))) == pytest.approx(1)


def test_gaussian_loss_of_shifted_clouds_is_the_squared_shift() -> None:
    a = features(4)
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    here, there = moments(a), moments(a + shift[None, :, None, None])
    scale = here.second.diagonal(dim1=1, dim2=2).sum() + there.second.diagonal(dim1=1, dim2=2).sum()
    assert float(gaussian_loss(here, there)) == pytest.approx(float(shift.square().sum() / scale))


def test_gaussian_loss_of_scaled_axes_is_that_of_their_deviations() -> None:
    """Diagonal covariances commute: the distance is the sum of squared differences of deviations."""
    zero = torch.zeros(1, 2, dtype=torch.float64)
    a = Moments(zero, torch.diag_embed(torch.tensor([[4.0, 9.0]], dtype=torch.float64)))
    b = Moments(zero, torch.diag_embed(torch.tensor([[1.0, 16.0]], dtype=torch.float64)))
    assert float(gaussian_loss(a, b)) == pytest.approx(((2 - 1) ** 2 + (3 - 4) ** 2) / (13 + 17))


def test_trace_of_root() -> None:
    matrix = torch.tensor([[5.0, 4.0], [4.0, 5.0]], dtype=torch.float64)  # eigenvalues 9 and 1
    assert float(trace_of_root(matrix)) == pytest.approx(4)


def test_trace_of_root_has_a_gradient_where_eigenvalues_are_equal() -> None:
    matrix = (4 * torch.eye(3, dtype=torch.float64)).requires_grad_()
    (slope,) = torch.autograd.grad(trace_of_root(matrix), matrix)
    torch.testing.assert_close(slope, torch.eye(3, dtype=torch.float64) / 4)


def test_sliced_loss_is_0_for_the_same_cloud_in_another_order_and_1_against_0() -> None:
    cloud = rows(features(5))
    axes = unit_directions(3, 16, torch.Generator().manual_seed(0)).double()
    assert float(sliced_loss(cloud[torch.randperm(30)], cloud, axes)) == pytest.approx(0)
    assert float(sliced_loss(torch.zeros_like(cloud), cloud, axes)) == pytest.approx(1)


def test_sliced_loss_distinguishes_sets_of_equal_moments() -> None:
    """Two points against many, with equal mean and variance: Gram matrices do not distinguish them."""
    two = torch.tensor([[-1.0], [1.0]]).repeat(500, 1)
    many = torch.linspace(-(3**0.5), 3**0.5, 1000)[:, None]
    assert float(sliced_loss(two, many, torch.ones(1, 1))) > 0.05


def test_unit_directions_have_length_1() -> None:
    lengths = unit_directions(7, 5, torch.Generator().manual_seed(0)).norm(dim=0)
    torch.testing.assert_close(lengths, torch.ones(5))


def test_patch_loss_finds_the_nearest() -> None:
    style = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    turned = torch.tensor([[0.8, 0.6], [-0.8, 0.6], [-0.8, -0.6], [0.8, -0.6]])
    assert float(patch_loss(style, style)) == pytest.approx(0)
    assert float(patch_loss(turned, style)) == pytest.approx(0.2)
    assert float(patch_loss(turned, style, chunk=1)) == pytest.approx(0.2)


def test_gradients_of_style_losses() -> None:
    style = features(6)
    leaf = features(7).requires_grad_()
    bank, axes = rows(style), unit_directions(3, 4, torch.Generator().manual_seed(1)).double()
    halves = torch.rand(2, *leaf.shape[2:], dtype=torch.float64)
    for loss in (
        lambda x: moment_sums(x, halves),
        lambda x: moment_sums(x, torch.ones_like(halves[:1])),
        lambda x: gram_loss(moments(x), moments(style)),
        lambda x: gaussian_loss(moments(x), moments(style)),
        lambda x: sliced_loss(rows(x), bank, axes),
        lambda x: patch_loss(rows(x), bank),
    ):
        assert torch.autograd.gradcheck(loss, leaf)


def rand(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_feature_loss_is_relative() -> None:
    content = rand(1, 3, 4, 5)
    square = content.square().sum()
    assert float(feature_loss(feature_sums(content, content), square)) == 0
    assert float(feature_loss(feature_sums(content * 0, content), square)) == pytest.approx(1)
    # |c - 3c|^2 / (|c|^2 + |3c|^2) = 4 / 10, whatever c
    assert float(feature_loss(feature_sums(content * 3, content), square)) == pytest.approx(0.4)


def test_self_similarity_ignores_contrast_and_rotation_of_channels() -> None:
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


def test_gradients_of_content_losses() -> None:
    content = rand(1, 3, 4, 5)
    leaf = (rand(1, 3, 4, 5, seed=3) * 2 - 0.5).requires_grad_()
    for loss in (
        lambda x: feature_loss(feature_sums(x, content), content.square().sum()),
        lambda x: feature_sums(x, content),
        lambda x: self_similarity_loss(x[0].flatten(1).T, content[0].flatten(1).T),
        lambda x: variation_sum(x, slice(0, 4), slice(0, 5)),
        range_sum,
    ):
        assert torch.autograd.gradcheck(loss, leaf)
