import numpy as np
import pytest
import torch

from restyle.nn.transformer import (
    COLORS,
    FLOOR,
    STYLE_FLOOR,
    Transformer,
    TransformerShape,
    UpConv,
    chroma,
    chroma_deviation,
    color_moments,
    color_root,
    halved,
    high_frequencies,
    local_contrast,
    luminance,
    palette_map,
    recolor,
    reflect,
    upsample,
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


SMALL = TransformerShape(half=8, quarter=8, eighth=8, full=8, blocks=2, fine_blocks=1, rank=3, code=6)


def network() -> Transformer:
    torch.manual_seed(0)
    return Transformer(SMALL).eval()


def codes(count: int) -> torch.Tensor:
    """Random codes, each with the palette of a random picture."""
    return torch.cat([torch.rand(count, 6), color_root(color_moments(torch.rand(count, 3, 16, 16)))], 1)


@torch.no_grad()
def test_shapes() -> None:
    net = network()
    picture, stats = net(torch.rand(2, 3, 40, 56), codes(2))
    assert picture.shape == (2, 3, 40, 56)
    assert stats.shape == (2, net.stats_size)


@torch.no_grad()
def test_own_statistics_given_back_change_nothing() -> None:
    net, content, code = network(), torch.rand(1, 3, 32, 32), codes(1)
    picture, stats = net(content, code)
    again, used = net(content, code, stats, torch.ones(1, 1))
    torch.testing.assert_close(picture, again)
    torch.testing.assert_close(stats, used)


@torch.no_grad()
def test_given_statistics_make_a_crop_like_the_whole() -> None:
    """With the picture's statistics, a tile equals a crop of the result, so tiles have no seams."""
    net, content, code = network(), torch.rand(1, 3, 64, 192), codes(1)
    whole, stats = net(content, code)
    tile, _ = net(content[:, :, :, :160], code, stats, torch.ones(1, 1))
    torch.testing.assert_close(whole[:, :, :, :48], tile[:, :, :, :48], atol=1e-4, rtol=0)
    own, _ = net(content[:, :, :, :160], code)
    assert float((whole[:, :, :, :48] - own[:, :, :, :48]).abs().max()) > 1e-4


@torch.no_grad()
def test_statistics_blend_by_weight() -> None:
    net, content, code = network(), torch.rand(1, 3, 32, 32), codes(1)
    _, own = net(content, code)
    given = torch.cat([color_moments(torch.rand(1, 3, 16, 16)), torch.rand(1, net.stats_size - COLORS)], 1)
    _, used = net(content, code, given, torch.full((1, 1), 0.25))
    first = slice(0, COLORS)  # later statistics depend on the first mixture
    torch.testing.assert_close(used[:, first], 0.75 * own[:, first] + 0.25 * given[:, first])
    assert float((used - own).abs().min()) > 0


@torch.no_grad()
def test_the_palette_is_taken_before_the_network_sees_the_photo() -> None:
    """A photo and its recolored copy look the same to a network that moves both to one palette."""
    net, content, code = network(), torch.rand(1, 3, 32, 32), codes(1)
    warmer = content * torch.tensor([0.9, 0.5, 0.4])[:, None, None] + 0.05
    plain, moved = net(content, code)[0], net(warmer, code)[0]
    assert float((plain - moved).abs().mean()) < 0.2 * float((content - warmer).abs().mean())


@torch.no_grad()
def test_a_flat_picture_stays_flat() -> None:
    """A constant picture stays constant: the network adds no border and no grid."""
    picture, _ = network()(torch.full((1, 3, 64, 48), 0.5), codes(1))
    assert float((picture.amax((2, 3)) - picture.amin((2, 3))).max()) < 1e-4


@torch.no_grad()
def test_pictures_of_a_batch_do_not_mix() -> None:
    net, content, code = network(), torch.rand(2, 3, 32, 32), codes(2)
    both, _ = net(content, code)
    one, _ = net(content[1:], code[1:])
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_mixing_starts_as_the_identity_and_is_the_styles_own() -> None:
    """The predicted 1x1 convolutions add nothing at first, and depend on the style after training."""
    net, content, code = network(), torch.rand(1, 3, 32, 32), codes(1)
    before, _ = net(content, code)
    down = net.mixing.weight[: 8 * 3].clone()
    net.mixing.weight[: 8 * 3] += 1.0
    torch.testing.assert_close(net(content, code)[0], before)
    net.mixing.weight[: 8 * 3] = down
    net.mixing.weight[8 * 3 : 2 * 8 * 3] += 0.3
    assert float((net(content, code)[0] - before).abs().mean()) > 1e-3
    unmoved = code.clone()
    unmoved[:, :6] = 0  # no code, no mixing: the second factor has no bias
    changed = net(content, unmoved)[0]
    net.mixing.weight[8 * 3 : 2 * 8 * 3] -= 0.3
    torch.testing.assert_close(net(content, unmoved)[0], changed)


@torch.no_grad()
def test_gain_adds_the_photos_own_detail() -> None:
    net, content, code = network(), torch.rand(1, 3, 32, 32), codes(1)
    before, _ = net(content, code)
    net.mixing.bias[-1] = 0.5
    added = net(content, code)[0] - before
    torch.testing.assert_close(added[:, :1], added[:, 2:], atol=1e-5, rtol=0)  # light, no hue
    photo = high_frequencies(luminance(content))
    assert float(torch.corrcoef(torch.stack([added[:, 0].flatten(), photo.flatten()]))[0, 1]) > 0.5


@torch.no_grad()
def test_one_outlier_stays_in_the_palette() -> None:
    """A single green spot in a brown photo, far from its mean: a linear map alone makes it glow."""
    photo = 0.5 + 0.05 * torch.randn(1, 1, 64, 64) + torch.tensor([0.1, 0, -0.1])[:, None, None]
    photo[:, :, 30:34, 30:34] = torch.tensor([0.0, 1.0, 0.3])[:, None, None]
    net, style = network(), torch.rand(1, 3, 32, 32)
    for weight in net.out.parameters():
        weight.zero_()
    code = torch.cat([torch.rand(1, 6), color_root(color_moments(style))], 1)
    hues = net(photo, code)[0] - 0.5
    assert bool((hues.abs().amax((2, 3)) <= 2.6 * chroma(style).std((2, 3))).all())
    assert float(hues[:, :, 28:36, 28:36].abs().max()) > 2.4 * float(chroma(style).std((2, 3)).min())


@torch.no_grad()
def test_upsampling_convolution_is_bilinear_then_3x3_with_a_ring() -> None:
    module, x = UpConv(3, 2), torch.rand(1, 3, 6, 5)
    wide = module(x)
    assert wide.shape == (1, 2, 14, 12)
    plain = torch.nn.functional.conv2d(reflect(upsample(x)), module.weight, module.bias)
    torch.testing.assert_close(wide[:, :, 2:-2, 2:-2], plain[:, :, 1:-1, 1:-1])


def test_high_frequencies_of_a_plane_are_zero_inside() -> None:
    plane = torch.arange(8.0).repeat(8, 1)[None, None]
    assert float(high_frequencies(plane)[..., 1:-1].abs().max()) < 1e-5


def test_chroma_is_zero_for_gray_and_ignores_luminance() -> None:
    grey = torch.rand(1, 1, 4, 4).expand(-1, 3, -1, -1)
    assert float(chroma(grey).abs().max()) < 1e-6
    color = torch.rand(1, 3, 4, 4)
    torch.testing.assert_close(chroma(color + 0.1 * grey), chroma(color))


def test_local_contrast_makes_faint_shades_as_strong_as_plain_ones() -> None:
    torch.manual_seed(0)
    shade = torch.rand(1, 1, 24, 24) - 0.5
    strong, faint = local_contrast(0.5 + 0.5 * shade, 0.005), local_contrast(0.5 + 0.1 * shade, 0.005)
    assert float((strong - faint).abs().mean()) < 0.05 * float(strong.abs().mean())
    below = local_contrast(0.5 + 0.001 * shade, 0.005)
    assert float(below.abs().mean()) < 0.1 * float(strong.abs().mean())
    assert float(local_contrast(torch.full((1, 1, 2, 2), 0.7), 0.005).abs().max()) < 1e-3


def test_strokes_begin_in_faint_shades_as_in_plain_ones() -> None:
    """The contribution of local contrast hardly depends on the photo's contrast."""
    torch.manual_seed(1)
    net, bare, code = network(), network(), codes(1)
    bare.load_state_dict(net.state_dict())
    torch.nn.init.normal_(net.seed_quarter.weight)
    torch.nn.init.normal_(net.seed_eighth.weight)
    shade = torch.rand(1, 1, 64, 64).sub(0.5).expand(1, 3, -1, -1)

    def added(contrast: float) -> float:
        with torch.no_grad():
            photo = 0.5 + contrast * shade
            return float((net(photo, code)[0] - bare(photo, code)[0]).abs().mean())

    assert added(0.05) > 0.5 * added(0.5) > 0  # of a tenth of the contrast
    assert added(0.0) < 0.1 * added(0.5)


def test_seeds_of_a_new_network_learn() -> None:
    net = network()
    net(torch.rand(1, 3, 32, 32), codes(1))[0].square().mean().backward()
    for seed in (net.seed_quarter, net.seed_eighth):
        assert not seed.weight.any()
        assert seed.weight.grad is not None
        assert float(seed.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("side", [16, 24])
@torch.no_grad()
def test_smallest_pictures(side: int) -> None:
    assert network()(torch.rand(1, 3, side, 16), codes(1))[0].shape == (1, 3, side, 16)
