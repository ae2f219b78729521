import pytest
import torch

from restyle.methods.optimize.features import (
    CALM_STEP,
    SMALLEST,
    FeatureExtractor,
    calmness,
    generator_of,
    positions_in,
    shares_of,
    tiles_of,
)
from restyle.methods.table import ENCODER_LAYERS, GRAIN_LAYERS
from restyle.nn.encoders import perceptual_encoder


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor(perceptual_encoder())


def picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_layers_have_their_names_strides_and_sizes(extractor: FeatureExtractor) -> None:
    assert extractor.names == ENCODER_LAYERS + GRAIN_LAYERS
    found = extractor(picture(75, 50))
    assert [tuple(each.shape[-2:]) for each in found] == extractor.sizes(75, 50)
    assert tuple(each.shape[1] for each in found[:5]) == extractor.widths
    assert FeatureExtractor(extractor.encoder, grain=False).names == ENCODER_LAYERS
    assert len(FeatureExtractor(extractor.encoder, grain=False)(picture(32, 32))) == 5


def test_grain_filters_are_always_the_same(extractor: FeatureExtractor) -> None:
    torch.testing.assert_close(FeatureExtractor(extractor.encoder).filters, extractor.filters)


def test_transposed_features(extractor: FeatureExtractor) -> None:
    twice, x = FeatureExtractor(extractor.encoder, twice=True), picture(75, 50)
    once, again, both = extractor(x), extractor(x.transpose(2, 3)), twice(x)
    assert twice.widths == tuple(2 * width for width in extractor.widths)
    assert twice.floats_a_pixel > 1.5 * extractor.floats_a_pixel
    for a, b, found in zip(once[:5], again, both, strict=False):
        torch.testing.assert_close(found, torch.cat([a, b.transpose(2, 3)], 1))


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("size", [(300, 210), (256, 256), (199, 333)])
def test_tiles_partition_the_picture(extractor: FeatureExtractor, size: tuple[int, int], twice: bool) -> None:
    extractor = FeatureExtractor(extractor.encoder, twice=twice)
    x = picture(*size)
    tiles = tiles_of(size, 128)
    assert len(tiles) > 1
    with torch.no_grad():
        whole = extractor(x)
        joined = [torch.full_like(each, float("nan")) for each in whole]
        for tile in tiles:
            for layer, feature in enumerate(extractor.own(x, tile)):
                joined[layer][(..., *tile.own(extractor.strides[layer], *size))] = feature
    for a, b in zip(joined, whole, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_large_pictures_are_not_transposed(extractor: FeatureExtractor) -> None:
    twice = FeatureExtractor(extractor.encoder, grain=False, twice=True)
    assert twice.at(1024, 2048) is twice
    assert not twice.at(1025, 2048).twice
    assert twice.at(1025, 2048).names == twice.names
    assert extractor.at(9000, 9000) is extractor


def test_slivers_join_their_neighbor() -> None:
    tiles = tiles_of((128 + 8, 64), 64, halo=16)
    assert [(tile.top, tile.bottom) for tile in tiles] == [(0, 64), (64, 136)]
    assert tiles[1].seen_top == 48
    assert tiles_of((500, 400), None)[0].bottom == 500


def test_shares_of_layers_are_those_of_the_pixels(extractor: FeatureExtractor) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, :, :32] = 1
    for share, stride in zip(shares_of(mask, extractor.sizes(64, 64)), extractor.strides, strict=True):
        assert share.shape == (1, 64 // stride, 64 // stride)
        assert float(share.mean()) == pytest.approx(0.5)


def test_the_smallest_picture(extractor: FeatureExtractor) -> None:
    assert all(each.numel() for each in extractor(picture(SMALLEST, SMALLEST)))


def test_calmness_of_flat_and_detailed_pictures() -> None:
    generator = torch.Generator().manual_seed(1)
    assert float(calmness(torch.full((1, 3, 96, 128), 0.3)).min()) > 0.999
    busy = calmness(torch.rand(1, 3, 96, 128, generator=generator))
    assert float(busy.max()) < 0.2
    assert float(busy.min()) > 0  # positions can be sampled in a picture without calm areas


def test_calm_is_a_half_at_the_step() -> None:
    # A checkerboard: the blurred picture is its mean, and each pixel differs by CALM_STEP from it.
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
