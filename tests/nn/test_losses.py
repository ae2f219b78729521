from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from restyle.nn.losses import (
    color_loss,
    content_loss,
    covariance,
    gap,
    gram,
    local_texture,
    moments,
    normalize,
    out_of_range,
    periodic_pattern,
    style_loss,
    style_target,
    texture_loss,
    total_variation,
)


def test_gap_is_0_for_equal_and_1_for_disjoint_and_ignores_magnitude() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert float(gap(a, a)) == 0
    assert float(gap(a, b)) == 1
    torch.testing.assert_close(gap(a * 1000, (a + b) * 1000), gap(a, a + b))


def test_gram_of_known_features() -> None:
    feature = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # 2 channels, 1 x 2 positions
    expected = torch.tensor([[[2.5, 0.5], [0.5, 5.0]]])
    torch.testing.assert_close(gram(feature), expected)


def test_gram_ignores_positions() -> None:
    feature = torch.rand(2, 3, 4, 5)
    shuffled = feature.flatten(2)[:, :, torch.randperm(20)].reshape(2, 3, 4, 5)
    torch.testing.assert_close(gram(feature), gram(shuffled))
    torch.testing.assert_close(gram(feature), gram(feature.contiguous(memory_format=torch.channels_last)))


def test_moments_are_mean_and_covariance_over_positions() -> None:
    x = torch.rand(2, 4, 5, 7)
    found = moments(x)
    flat = x[1].flatten(1)
    torch.testing.assert_close(found.mean[1], flat.mean(1))
    torch.testing.assert_close(found.covariance[1], torch.cov(flat, correction=0))


def test_losses_are_0_at_their_targets_and_positive_elsewhere() -> None:
    features = [torch.rand(2, 4, 8, 8) for _ in range(5)]
    others = [torch.rand(2, 4, 8, 8) for _ in range(5)]
    assert float(style_loss(features, features).abs().max()) < 1e-6
    assert float(content_loss(features, features).abs().max()) < 1e-6
    assert float(style_loss(features, others).min()) > 0
    assert float(content_loss(features, others).min()) > 0


def test_structure_share_of_content_ignores_contrast_and_brightness() -> None:
    features = [torch.rand(1, 4, 8, 8) for _ in range(5)]
    changed = [f * 3 + 2 for f in features]
    assert float(content_loss(changed, features, structure=1.0)) < 1e-4
    assert float(content_loss(changed, features, structure=0.0)) > 0.1


def test_normalized_has_mean_0_and_deviation_1() -> None:
    feature = normalize(torch.rand(2, 3, 16, 16) * 5 + 1)
    torch.testing.assert_close(feature.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(feature.square().mean((2, 3)), torch.ones(2, 3), atol=1e-3, rtol=0)


def test_total_variation_and_range_by_construction() -> None:
    ramp = torch.arange(4.0)[None, None, None].expand(1, 1, 3, 4)
    torch.testing.assert_close(total_variation(ramp), torch.ones(1))
    torch.testing.assert_close(out_of_range(ramp), torch.tensor([0.75]))  # (0 + 0 + 1 + 2) / 4


def test_gradients() -> None:
    x = torch.rand(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    losses: list[Callable[[Tensor], Tensor]] = [
        lambda f: gap(f, target),
        lambda f: gap(gram(f), gram(target)),
        lambda f: (normalize(f) * target).mean(),
    ]
    for loss in losses:
        (slope,) = torch.autograd.grad(loss(x).sum(), x)
        step = torch.randn_like(x)
        step = step / step.norm()
        with torch.no_grad():
            numeric = (loss(x + 1e-2 * step).sum() - loss(x - 1e-2 * step).sum()) / 2e-2
        assert abs(float(numeric) - float((slope * step).sum())) < 1e-3  # losses compute in float32


def test_local_texture_measures_extent_not_strength() -> None:
    torch.manual_seed(0)
    texture = torch.randn(1, 1, 64, 64)
    half = texture.clone()
    half[..., 32:] = 0
    deviation = torch.ones(1, 1)
    everywhere, there, nowhere = (
        float(local_texture(x, deviation, 4)) for x in (texture, half * 2**0.5, texture * 0)
    )
    assert abs(everywhere) < 0.1
    assert nowhere < -2
    assert abs(there - (everywhere + nowhere) / 2) < 0.2  # as much in total, in half of the windows


def test_local_texture_of_a_silent_channel_is_bounded() -> None:
    torch.manual_seed(0)
    feature = torch.randn(1, 2, 32, 32) * 5
    assert float(local_texture(feature, torch.tensor([[5.0, 0.0]]), 4).abs().max()) < 3


def test_covariance_ignores_the_means_and_has_its_weight() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 24, 24), torch.rand(2, 5, 24, 24)
    torch.testing.assert_close(
        covariance(style_target(a)), covariance(style_target(a + 3)), atol=1e-4, rtol=1e-4
    )
    plain, more = (style_loss([a], [b], 0.2, weight) for weight in (0.0, 0.5))
    apart = gap(covariance(style_target(a)), covariance(style_target(b)))
    torch.testing.assert_close(more - plain, 0.5 * apart)


def test_periodic_pattern_detects_only_the_period_of_eight() -> None:
    torch.manual_seed(0)
    noise = torch.rand(2, 3, 96, 96) * 0.2 + 0.4
    pattern = (torch.rand(1, 1, 8, 8) - 0.5).mul(0.2).repeat(1, 1, 12, 12)
    other = (torch.rand(1, 1, 9, 9) - 0.5).mul(0.2).repeat(1, 1, 11, 11)[..., :96, :96]
    assert float(periodic_pattern(noise).max()) < 0.2
    assert float(periodic_pattern(noise + pattern).min()) > 2
    assert float(periodic_pattern(noise + other).max()) < 0.3
    assert float(periodic_pattern(torch.full((1, 3, 48, 48), 0.5))) == 0
    x = (noise + pattern).requires_grad_()
    (slope,) = torch.autograd.grad(periodic_pattern(x).sum(), x)
    assert float((slope * pattern).sum()) > 0  # less of the pattern, less loss


def test_same_pixels_in_another_order_cost_nothing() -> None:
    x = torch.rand(1, 3, 8, 8)
    assert float(color_loss(x, x.flip(2).transpose(2, 3))) == pytest.approx(0, abs=1e-6)


def test_color_loss_of_another_hue_with_one_style_for_a_batch() -> None:
    blue, red = torch.rand(1, 3, 8, 8) * 0.1, torch.rand(1, 3, 8, 8) * 0.1
    blue[:, 2] += 0.8
    red[:, 0] += 0.8
    found = color_loss(torch.cat([blue, red]), blue)
    assert float(found[0]) < 1e-6 < 1 < float(found[1])


def test_texture_loss_ignores_the_memory_layout() -> None:
    x, y = torch.rand(1, 4, 8, 8), torch.rand(1, 4, 6, 9)
    last = x.contiguous(memory_format=torch.channels_last)
    assert float(texture_loss([last], [y])) == pytest.approx(float(texture_loss([x], [y])), rel=1e-5)


def test_texture_loss_ignores_positions() -> None:
    x = torch.rand(2, 4, 8, 8)
    assert float(texture_loss([x], [x.flip(2).transpose(2, 3)]).max()) == pytest.approx(0, abs=1e-5)


def test_a_large_mean_does_not_hide_another_texture() -> None:
    smooth = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).repeat(1, 4, 1, 1)
    rough = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    hidden = float(style_loss([smooth + 10], [rough + 10], 0.0))
    assert hidden < 0.01
    assert float(texture_loss([smooth + 10], [rough + 10], 0.0)) > 0.2


def test_means_and_deviations_have_their_weight_and_a_gradient() -> None:
    x = torch.rand(1, 4, 8, 8, requires_grad=True)
    style = torch.rand(1, 4, 8, 8) + 0.5
    with_means, without = (float(texture_loss([x], [style], weight).detach()) for weight in (1.0, 0.0))
    assert without + 0.3 < with_means < without + 2
    texture_loss([x, x[:, :, ::2]], [style, style], 0.2).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


def test_a_nearly_flat_style_costs_no_more_than_any_other() -> None:
    flat = torch.full((1, 4, 8, 8), 3.0) + 1e-3 * torch.rand(1, 4, 8, 8)
    assert float(texture_loss([torch.rand(1, 4, 8, 8)], [flat], 1.0)) <= 3


def test_silent_channels_stay_finite() -> None:
    silent = torch.zeros(1, 4, 8, 8, requires_grad=True)
    loss = texture_loss([silent], [torch.zeros(1, 4, 8, 8)])
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert silent.grad is not None
    assert bool(torch.isfinite(silent.grad).all())
