"""Textures are compared about their means."""

import pytest
import torch

from restyle.nn.losses import style_loss
from restyle.nn.texture_loss import spread, texture_loss


def test_spread_is_mean_and_covariance_over_positions() -> None:
    x = torch.rand(2, 4, 5, 7)
    found = spread(x)
    flat = x[1].flatten(1)
    assert torch.allclose(found.mean[1], flat.mean(1), atol=1e-6)
    assert torch.allclose(found.covariance[1], torch.cov(flat, correction=0), atol=1e-6)


def test_the_layout_in_memory_makes_no_difference() -> None:
    x, y = torch.rand(1, 4, 8, 8), torch.rand(1, 4, 6, 9)
    last = x.contiguous(memory_format=torch.channels_last)
    assert float(texture_loss([last], [y])) == pytest.approx(float(texture_loss([x], [y])), rel=1e-5)


def test_same_features_in_other_places_cost_nothing() -> None:
    x = torch.rand(2, 4, 8, 8)
    assert float(texture_loss([x], [x.flip(2).transpose(2, 3)]).max()) == pytest.approx(0, abs=1e-5)


def test_a_large_mean_does_not_hide_another_texture() -> None:
    smooth = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).repeat(1, 4, 1, 1)
    rough = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    hidden = float(style_loss([smooth + 10], [rough + 10], 0.0))
    assert hidden < 0.01
    assert float(texture_loss([smooth + 10], [rough + 10], 0.0)) > 0.2


def test_means_and_deviations_count_by_their_weight_and_have_gradients() -> None:
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
