"""Where vectors are drawn."""

import torch

from restyle.methods.optimize.sampling import CALM_STEP, calmness, generator_of, positions_in


def test_an_even_picture_is_calm_and_a_busy_one_is_not() -> None:
    generator = torch.Generator().manual_seed(1)
    assert float(calmness(torch.full((1, 3, 96, 128), 0.3)).min()) > 0.999
    busy = calmness(torch.rand(1, 3, 96, 128, generator=generator))
    assert float(busy.max()) < 0.2
    assert float(busy.min()) > 0  # a picture that is nowhere calm still has places to draw


def test_calm_is_a_half_at_the_step() -> None:
    # one pixel in two: what is blurred is the middle, each pixel is CALM_STEP off it
    board = (torch.arange(96)[:, None] + torch.arange(128)) % 2
    content = (0.5 + CALM_STEP * (2.0 * board - 1)).expand(1, 3, 96, 128)
    inside = calmness(content)[16:-16, 16:-16]
    assert 0.45 < float(inside.min()) <= float(inside.max()) < 0.56


def test_a_slow_gradient_is_calm() -> None:
    content = torch.linspace(0.2, 0.8, 128).expand(1, 3, 96, 128)
    assert float(calmness(content)[8:-8, 8:-8].min()) > 0.9


def test_positions_follow_their_shares() -> None:
    share = torch.zeros(8, 8)
    share[2, 3], share[5, 1] = 3.0, 1.0
    drawn = positions_in(share, 400, generator_of(0, 0, 0))
    assert set(drawn.tolist()) == {2 * 8 + 3, 5 * 8 + 1}
    assert int((drawn == 2 * 8 + 3).sum()) == 300
