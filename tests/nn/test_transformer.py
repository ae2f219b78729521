import torch

from restyle.nn.transformer import Transformer, TransformerShape, high_frequencies

SMALL = TransformerShape(half=8, quarter=8, eighth=8, full=8, blocks=2, code=6)


def network() -> Transformer:
    torch.manual_seed(0)
    return Transformer(SMALL).eval()


@torch.no_grad()
def test_shapes() -> None:
    net = network()
    picture, stats = net(torch.rand(2, 3, 40, 56), torch.rand(2, 6))
    assert picture.shape == (2, 3, 40, 56)
    assert stats.shape == (2, net.stats_size)


@torch.no_grad()
def test_own_statistics_given_back_change_nothing() -> None:
    net, content, code = network(), torch.rand(1, 3, 32, 32), torch.rand(1, 6)
    picture, stats = net(content, code)
    again, used = net(content, code, stats, torch.ones(1, 1))
    torch.testing.assert_close(picture, again)
    torch.testing.assert_close(stats, used)


@torch.no_grad()
def test_given_statistics_make_a_crop_like_the_whole() -> None:
    """What makes tiles seamless: with the picture's statistics, a tile is a crop of the result."""
    net, content, code = network(), torch.rand(1, 3, 64, 192), torch.rand(1, 6)
    whole, stats = net(content, code)
    tile, _ = net(content[:, :, :, :160], code, stats, torch.ones(1, 1))
    torch.testing.assert_close(whole[:, :, :, :48], tile[:, :, :, :48], atol=1e-4, rtol=0)
    own, _ = net(content[:, :, :, :160], code)
    assert float((whole[:, :, :, :48] - own[:, :, :, :48]).abs().max()) > 1e-4


@torch.no_grad()
def test_statistics_blend_by_weight() -> None:
    net, content, code = network(), torch.rand(1, 3, 32, 32), torch.rand(1, 6)
    _, own = net(content, code)
    given = torch.rand(1, net.stats_size)
    first = slice(0, 2 * SMALL.eighth)  # later blocks see what the first one made of it
    _, used = net(content, code, given, torch.full((1, 1), 0.25))
    torch.testing.assert_close(used[:, first], 0.75 * own[:, first] + 0.25 * given[:, first])


@torch.no_grad()
def test_a_flat_picture_stays_flat() -> None:
    """No border and no grid of its own: what comes out of a constant is a constant."""
    picture, _ = network()(torch.full((1, 3, 64, 48), 0.5), torch.rand(1, 6))
    assert float((picture.amax((2, 3)) - picture.amin((2, 3))).max()) < 1e-4


@torch.no_grad()
def test_pictures_of_a_batch_do_not_mix() -> None:
    net, content, code = network(), torch.rand(2, 3, 32, 32), torch.rand(2, 6)
    both, _ = net(content, code)
    one, _ = net(content[1:], code[1:])
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-4)


def test_high_frequencies_of_a_plane_are_zero_inside() -> None:
    plane = torch.arange(8.0).repeat(8, 1)[None, None]
    assert float(high_frequencies(plane)[..., 1:-1].abs().max()) < 1e-5
