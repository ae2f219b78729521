import pytest
import torch

from restyle.nn.colour_loss import colour_loss, colour_moments


def test_moments_are_those_of_the_pixels() -> None:
    x = torch.rand(2, 3, 5, 7)
    mean, covariance = colour_moments(x)
    flat = x[1].flatten(1)
    assert torch.allclose(mean[1], flat.mean(1), atol=1e-6)
    assert torch.allclose(covariance[1], torch.cov(flat, correction=0), atol=1e-6)


def test_same_pixels_in_another_order_cost_nothing() -> None:
    x = torch.rand(1, 3, 8, 8)
    assert float(colour_loss(x, x.flip(2).transpose(2, 3))) == pytest.approx(0, abs=1e-6)


def test_another_hue_costs_and_one_style_serves_a_batch() -> None:
    blue, red = torch.rand(1, 3, 8, 8) * 0.1, torch.rand(1, 3, 8, 8) * 0.1
    blue[:, 2] += 0.8
    red[:, 0] += 0.8
    found = colour_loss(torch.cat([blue, red]), blue)
    assert float(found[0]) < 1e-6 < 1 < float(found[1])
