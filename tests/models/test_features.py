import numpy as np
import pytest

from restyle.models.features import LAYERS, MOST_PIXELS, SHORT, SMALLEST, comparable, load


def test_every_layer_halves_the_size_of_the_one_before() -> None:
    picture = np.random.default_rng(1).random((64, 96, 3), np.float32)
    shapes = [load().features(picture)[layer].shape[1:] for layer in LAYERS]
    assert shapes == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]


def test_tiny_pictures_are_padded() -> None:
    found = load().features(np.full((3, 5, 3), 0.5, np.float32))
    assert all(np.isfinite(values).all() and values.size for values in found.values())


@pytest.mark.parametrize(
    ("size", "wanted"), [((448, 896), (224, 448)), ((100, 100), (224, 224)), ((224, 300), (224, 300))]
)
def test_pictures_are_compared_at_one_short_side(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert SHORT == 224
    assert comparable(np.zeros((*size, 3), np.float32)).shape[:2] == wanted


def test_long_scrolls_are_reduced() -> None:
    height, width = comparable(np.zeros((100, 20000, 3), np.float32)).shape[:2]
    assert height * width <= MOST_PIXELS * 1.05
    assert 150 < width / height < 250


@pytest.mark.parametrize("size", [(10, 60_000), (200_000, 3), (1, 1_000_000)])
def test_the_thinnest_pictures_are_small_after_padding(size: tuple[int, int]) -> None:
    height, width = comparable(np.zeros((*size, 3), np.float32)).shape[:2]
    assert max(height, SMALLEST) * max(width, SMALLEST) <= MOST_PIXELS * 1.01
