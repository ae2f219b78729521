"""One look for a set of photos."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.images.resize import resize
from restyle.methods.photo.segments import Pixels, describe
from restyle.methods.photo.sets import fit_set
from restyle.types import FloatArray


def photo(seed: int, factor: tuple[float, float, float]) -> FloatArray:
    """Patches of color under a light."""
    patches = np.random.default_rng(seed).uniform(0.15, 0.7, (6, 8, 3)).astype(np.float32)
    return np.clip(resize(patches, (60, 80), "bilinear") * np.array(factor, np.float32), 0, 1)


@pytest.fixture(scope="module")
def style() -> Pixels:
    return describe(photo(9, (1.2, 0.9, 0.7)), None)


def test_different_lights_are_evened(style: Pixels) -> None:
    """The same scene under three lights; one photo alone would keep or remove all differences."""
    lights = [(1.0, 1.0, 1.0), (0.8, 0.8, 0.85), (1.15, 1.1, 1.0)]
    photos = [photo(0, light) for light in lights]
    look = fit_set(photos, style, 1.0, False)
    results = [look.table_for(each).apply(each) for each in photos]

    def spread(pictures: list[FloatArray]) -> float:
        return float(np.mean([np.abs(each - pictures[0]).mean() for each in pictures[1:]]))

    assert spread(results) < 0.7 * spread([look.table.apply(each) for each in photos])


def test_equal_colors_stay_equal_in_photos_of_one_light(style: Pixels) -> None:
    whole = photo(1, (1, 1, 1))
    look = fit_set([whole, whole], style, 1.0, False)
    np.testing.assert_array_equal(look.table_for(whole).nodes, look.table_for(whole).nodes)
    np.testing.assert_allclose(look.table_for(whole).nodes, look.table.nodes, atol=2e-3)


def test_a_set_needs_photos(style: Pixels) -> None:
    with pytest.raises(InputError, match="none of the photos"):
        fit_set([], style, 1.0, False)


def test_black_and_white_photos_have_a_look(style: Pixels) -> None:
    for value in (0.0, 1.0):
        flat = np.full((20, 30, 3), value, np.float32)
        assert np.isfinite(fit_set([flat], style, 1.0, True).table_for(flat).nodes).all()
