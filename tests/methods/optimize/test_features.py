import pytest
import torch

from restyle.methods.optimize.features import (
    ENCODER_LAYERS,
    GRAIN_LAYERS,
    SMALLEST,
    Sight,
    shares_of,
    tiles_of,
)
from restyle.nn.named import perceptual_encoder


@pytest.fixture(scope="module")
def sight() -> Sight:
    return Sight(perceptual_encoder())


def picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_layers_have_their_names_strides_and_sizes(sight: Sight) -> None:
    assert sight.names == ENCODER_LAYERS + GRAIN_LAYERS
    found = sight(picture(75, 50))
    assert [tuple(each.shape[-2:]) for each in found] == sight.sizes(75, 50)
    assert tuple(each.shape[1] for each in found[:5]) == sight.widths
    assert Sight(sight.encoder, grain=False).names == ENCODER_LAYERS
    assert len(Sight(sight.encoder, grain=False)(picture(32, 32))) == 5


def test_grain_filters_are_always_the_same(sight: Sight) -> None:
    torch.testing.assert_close(Sight(sight.encoder).filters, sight.filters)


def test_a_second_look_sees_the_transposed_picture(sight: Sight) -> None:
    twice, x = Sight(sight.encoder, twice=True), picture(75, 50)
    once, again, both = sight(x), sight(x.transpose(2, 3)), twice(x)
    assert twice.widths == tuple(2 * width for width in sight.widths)
    assert twice.floats_a_pixel > 1.5 * sight.floats_a_pixel
    for a, b, found in zip(once[:5], again, both, strict=False):
        torch.testing.assert_close(found, torch.cat([a, b.transpose(2, 3)], 1))


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("size", [(300, 210), (256, 256), (199, 333)])
def test_what_the_tiles_own_is_the_whole_and_exactly_it(
    sight: Sight, size: tuple[int, int], twice: bool
) -> None:
    sight = Sight(sight.encoder, twice=twice)
    x = picture(*size)
    tiles = tiles_of(size, 128)
    assert len(tiles) > 1
    with torch.no_grad():
        whole = sight(x)
        joined = [torch.full_like(each, float("nan")) for each in whole]
        for tile in tiles:
            for layer, feature in enumerate(sight.own(x, tile)):
                joined[layer][(..., *tile.own(sight.strides[layer], *size))] = feature
    for a, b in zip(joined, whole, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_large_pictures_are_looked_at_once(sight: Sight) -> None:
    twice = Sight(sight.encoder, grain=False, twice=True)
    assert twice.at(1024, 2048) is twice
    assert not twice.at(1025, 2048).twice
    assert twice.at(1025, 2048).names == twice.names
    assert sight.at(9000, 9000) is sight


def test_a_sliver_joins_its_neighbour() -> None:
    tiles = tiles_of((128 + 8, 64), 64, halo=16)
    assert [(tile.top, tile.bottom) for tile in tiles] == [(0, 64), (64, 136)]
    assert tiles[1].seen_top == 48
    assert tiles_of((500, 400), None)[0].bottom == 500


def test_shares_of_layers_are_those_of_the_pixels(sight: Sight) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, :, :32] = 1
    for share, stride in zip(shares_of(mask, sight.sizes(64, 64)), sight.strides, strict=True):
        assert share.shape == (1, 64 // stride, 64 // stride)
        assert float(share.mean()) == pytest.approx(0.5)


def test_the_smallest_picture(sight: Sight) -> None:
    assert all(each.numel() for each in sight(picture(SMALLEST, SMALLEST)))
