"""Adam on a pyramid: it goes down, and its pictures are valid."""

import numpy as np

from restyle.methods.paint.pyramid import RGB_FROM_YCC, YCC_FROM_RGB, Pyramid, convert


def test_conversion_has_an_inverse() -> None:
    picture = np.random.default_rng(0).random((3, 8, 8), np.float32)
    there = convert(picture, YCC_FROM_RGB)
    np.testing.assert_allclose(convert(there, RGB_FROM_YCC), picture, atol=1e-5)


def test_a_gray_picture_has_no_chroma() -> None:
    gray = np.full((3, 8, 8), 0.3, np.float32)
    np.testing.assert_allclose(convert(gray, YCC_FROM_RGB)[1:], 0, atol=1e-6)


def test_it_approaches_a_target() -> None:
    rng = np.random.default_rng(1)
    target = np.repeat(np.repeat(rng.random((3, 4, 6), np.float32), 8, 1), 8, 2)
    pyramid = Pyramid(np.full((3, 32, 48), 0.5, np.float32), 60)
    before = np.abs(pyramid.picture() - target).mean()
    for _ in range(60):
        pyramid.step(pyramid.picture() - target)
    after = pyramid.picture()
    assert np.abs(after - target).mean() < 0.3 * before
    assert 0 <= after.min() <= after.max() <= 1
