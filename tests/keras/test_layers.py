"""Layers against NumPy, and against what Keras has of the kind."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from restyle.images.geometry import pad
from restyle.keras.layers import EPSILON, CutBack, PadToStride, Range, ReflectionPadding, StyleScale, Twice

X = np.random.default_rng(0).random((2, 6, 9, 3)).astype(np.float32)


@pytest.mark.parametrize("pixels", [1, 4])
def test_padding_reflects(pixels: int) -> None:
    by = (pixels, pixels)
    layer = ReflectionPadding(pixels)
    expected = np.pad(X, ((0, 0), by, by, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), expected)
    assert layer.compute_output_shape((None, 6, None, 3)) == (None, 6 + 2 * pixels, None, 3)


@pytest.mark.parametrize(("minimum", "size"), [(1, (8, 12)), (1, (6, 9)), (24, (5, 30)), (24, (1, 2))])
def test_any_size_is_padded_to_the_stride_and_cut_back(minimum: int, size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).random((2, *size, 3)).astype(np.float32)
    there, back = PadToStride(4, minimum), CutBack(4, minimum)
    padded = there(x)
    expected = np.stack([pad(each, 4, minimum=minimum)[0] for each in x])
    np.testing.assert_array_equal(ops.convert_to_numpy(padded), expected)
    np.testing.assert_array_equal(ops.convert_to_numpy(back(padded, x)), x)
    assert there.compute_output_shape(x.shape) == expected.shape
    assert there.compute_output_shape((None, None, size[1], 3))[:2] == (None, None)
    assert back.compute_output_shape(expected.shape, x.shape) == x.shape


def test_twice_is_bilinear_upsampling() -> None:
    expected = keras.layers.UpSampling2D(2, "channels_last", "bilinear")(X)
    np.testing.assert_allclose(Twice()(X), ops.convert_to_numpy(expected), atol=1e-6)
    assert Twice().compute_output_shape((2, 6, 9, 3)) == (2, 12, 18, 3)


@pytest.mark.parametrize("normalized", [True, False])
def test_style_scale_is_conditional_instance_normalization(normalized: bool) -> None:
    rng = np.random.default_rng(1)
    layer = StyleScale(2, normalized)
    code = np.array([[1, 0], [0.25, 0.75]], np.float32)
    layer(X, code)
    scale, shift = (rng.random((2, 3)).astype(np.float32) for _ in range(2))
    layer.set_weights([scale, shift])
    expected = X
    if normalized:
        mean, variance = (kind(X, (1, 2), keepdims=True) for kind in (np.mean, np.var))
        expected = (X - mean) / np.sqrt(variance + EPSILON)
    rows = [(code @ part)[:, None, None] for part in (scale, shift)]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X, code)), expected * rows[0] + rows[1], atol=2e-5)


def test_one_style_needs_no_code() -> None:
    layer = StyleScale(normalized=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), X)


def test_range_does_not_clip_in_training() -> None:
    x = np.array([[-1.0, 0.5, 2.0]], np.float32)
    assert ops.convert_to_numpy(Range()(x)).tolist() == [[0, 0.5, 1]]
    assert ops.convert_to_numpy(Range()(x, training=True)).tolist() == [[-1, 0.5, 2]]


@pytest.mark.parametrize(
    "layer", [ReflectionPadding(3), PadToStride(4, 24), CutBack(4, 8), StyleScale(4, False), Twice(), Range()]
)
def test_the_configuration_restores_a_layer(layer: Any) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
