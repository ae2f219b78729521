import numpy as np
import torch

from restyle.nn.recoloring import (
    FLOOR,
    STYLE_FLOOR,
    chroma,
    chroma_deviation,
    color_moments,
    color_root,
    halved,
    palette_map,
    recolor,
)


def picture(seed: int) -> torch.Tensor:
    """Pixels with correlated channels of different contrast, [1, 3, 24, 32]."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(3, 3, generator=generator) * 0.3
    return torch.einsum("ab,nbhw->nahw", mix, torch.rand(1, 3, 24, 32, generator=generator))


def moved_to(content: torch.Tensor, root: torch.Tensor) -> torch.Tensor:
    """The content with the colors of a style's `color_root`."""
    return recolor(content, *palette_map(color_moments(content), root))


def test_moments_are_those_of_the_pixels() -> None:
    pixels = picture(0)
    flat = pixels[0].flatten(1).numpy()
    covariance = np.cov(flat, bias=True) + FLOOR * np.eye(3)
    expected = [*flat.mean(1), *covariance[np.triu_indices(3)]]
    np.testing.assert_allclose(color_moments(pixels)[0].numpy(), expected, atol=1e-6)


def test_root_squared_is_the_covariance() -> None:
    moments = color_moments(torch.cat([picture(0), picture(1)]))
    for moment, root in zip(moments, color_root(moments), strict=True):
        full = [torch.zeros(3, 3), torch.zeros(3, 3)]
        for matrix, values in zip(full, (moment, root), strict=True):
            upper = torch.triu_indices(3, 3)
            matrix[upper[0], upper[1]] = values[3:]
            matrix[upper[1], upper[0]] = values[3:]
        expected = full[0] - (FLOOR - STYLE_FLOOR) * torch.eye(3)
        torch.testing.assert_close(full[1] @ full[1], expected, atol=2e-5, rtol=1e-3)


def test_result_has_the_colors_of_the_style() -> None:
    content, style = picture(0), picture(1)
    moved = moved_to(content, color_root(color_moments(style)))
    torch.testing.assert_close(color_moments(moved)[:, :3], color_moments(style)[:, :3], atol=1e-5, rtol=0)
    torch.testing.assert_close(color_moments(moved), color_moments(style), atol=2e-3, rtol=0)  # the floor


def test_own_colors_change_next_to_nothing() -> None:
    content = picture(0)
    moments = color_moments(content)
    torch.testing.assert_close(moved_to(content, color_root(moments)), content, atol=0.01, rtol=0)


def test_gray_style_removes_hues() -> None:
    content, grey = picture(0), picture(1)[:, :1].expand(-1, 3, -1, -1)
    moved = moved_to(content, color_root(color_moments(grey)))
    hues = moved - moved.mean(1, keepdim=True)
    assert float(hues.std()) < 0.01 < 0.05 < float((content - content.mean(1, keepdim=True)).std())


def test_gray_photo_is_not_amplified() -> None:
    """If a photo has no colors, the floor limits the amplification of noise."""
    grey = picture(0)[:, :1].expand(-1, 3, -1, -1) + 0.002 * torch.randn(1, 3, 24, 32)
    style = picture(1)
    moved = moved_to(grey, color_root(color_moments(style)))
    assert bool(torch.isfinite(moved).all())
    assert float(moved.std()) < 1.5 * float(style.std())


def test_recoloring_and_halving_commute() -> None:
    content, map_ = picture(0), palette_map(color_moments(picture(1)), color_root(color_moments(picture(2))))
    torch.testing.assert_close(halved(recolor(content, *map_)), recolor(halved(content), *map_))


def test_deviation_of_chroma_is_that_of_the_pixels() -> None:
    pixels = picture(4)
    found = chroma_deviation(color_root(color_moments(pixels)))
    expected = chroma(pixels).std((2, 3), correction=0)
    torch.testing.assert_close(found, expected, atol=0.006, rtol=0.02)  # the style's floor


def test_map_moves_colors_least() -> None:
    """Monge-Kantorovich: no rotation that keeps the moments moves the pixels less."""
    content, style = picture(2), picture(3)
    root = color_root(color_moments(style))
    moved = moved_to(content, root)
    target = torch.zeros(3, 3)
    upper = torch.triu_indices(3, 3)
    target[upper[0], upper[1]] = root[0, 3:]
    target[upper[1], upper[0]] = root[0, 3:]
    mean = root[0, :3, None, None]
    cost = (moved - content).square().mean()
    for turn in (0.3, -0.3):  # larger than what the floor shifts the best by
        spin = torch.linalg.matrix_exp(turn * torch.tensor([[0, 1.0, 0], [-1, 0, 1], [0, -1, 0]]))
        change = target @ spin @ torch.linalg.inv(target)
        other = torch.einsum("ab,bhw->ahw", change, moved[0] - mean) + mean
        assert float((other - content[0]).square().mean()) > float(cost)


def test_black_and_white_upon_black_and_white_stays_finite() -> None:
    """Extremely uneven colors, at a size where float32 sums are inexact."""
    generator = torch.Generator().manual_seed(0)
    for size in (64, 1024):
        ink = (torch.rand(1, 1, size, size, generator=generator) < 0.5).float().expand(-1, 3, -1, -1)
        root = color_root(color_moments(ink))
        assert bool(torch.isfinite(root).all())
        for content in (ink.flip(3), picture(0), torch.full((1, 3, 16, 16), 0.5)):
            moved = moved_to(content, root)
            assert bool(torch.isfinite(moved).all())
            assert float((moved - moved.mean(1, keepdim=True)).std()) < 0.02
