"""Layers that Keras does not have. Features are [N, H, W, C], channels last, on every backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

EPSILON = 1e-4  # as in `nn.transformer`, so that both networks compute the same


class _Layer(keras.layers.Layer):  # type: ignore[misc]
    """A layer whose configuration is some of its attributes; its output has the shape of its input."""

    settings: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.settings}}

    def compute_output_shape(self, input_shape: Any, *others: Any) -> Any:
        """Return the shape of the output."""
        return input_shape


@keras.saving.register_keras_serializable(package="restyle")
class ReflectionPadding(_Layer):
    """Mirror the border outwards, 2 1 | 0 1 2 | 1 0.

    pixels : on every side; fewer than the picture has
    """

    settings = ("pixels",)

    def __init__(self, pixels: int = 1, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.pixels = pixels

    def call(self, x: Any) -> Any:
        """[N, H, W, C] -> [N, H + 2 pixels, W + 2 pixels, C]."""
        by = (self.pixels, self.pixels)
        return ops.pad(x, ((0, 0), by, by, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Any, *others: Any) -> Any:
        count, height, width, channels = input_shape
        more = 2 * self.pixels
        return count, height and height + more, width and width + more, channels


class _Strided(_Layer):
    """Common part of padding to a stride and cropping back."""

    settings = ("stride", "minimum")

    def __init__(self, stride: int, minimum: int = 1, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.stride, self.minimum = stride, minimum

    def sides(self, side: Any) -> tuple[Any, Any]:
        """Return the padding before and after a side of that length."""
        extra = _larger(side, self.minimum) - side
        extra = extra + -(side + extra) % self.stride
        return extra // 2, extra - extra // 2


@keras.saving.register_keras_serializable(package="restyle")
class PadToStride(_Strided):
    """Mirror the border outwards until both sides are multiples of the stride, like `images.geometry.pad`.

    minimum : least height and width of the result; a much smaller picture is mirrored repeatedly
    """

    def call(self, x: Any) -> Any:
        """[N, H, W, C] -> [N, H', W', C]."""
        for axis, side in enumerate(ops.shape(x)[1:3], 1):
            before, after = self.sides(side)
            if isinstance(side, int) and before + after == 0:
                continue
            # 2 1 | 0 1 2 | 1 0 has a period of 4; a single row has a period of 1.
            period = _larger(2 * (side - 1), 1)
            place = ops.mod(ops.arange(0, before + side + after, dtype="int32") - before, period)
            x = ops.take(x, ops.minimum(place, period - place), axis=axis)
        return x

    def compute_output_shape(self, input_shape: Any, *others: Any) -> Any:
        count, *sides, channels = input_shape
        height, width = (side and side + sum(self.sides(side)) for side in sides)
        return count, height, width, channels


@keras.saving.register_keras_serializable(package="restyle")
class CutBack(_Strided):
    """Remove the padding of `PadToStride` with the same stride and minimum."""

    def call(self, x: Any, like: Any) -> Any:
        """Padded [N, H', W', C] and the unpadded picture [N, H, W, C] -> [N, H, W, C]."""
        height, width = ops.shape(like)[1:3]
        top, left = self.sides(height)[0], self.sides(width)[0]
        return x[:, top : top + height, left : left + width]

    def compute_output_shape(self, x_shape: Any, like_shape: Any) -> Any:
        return *like_shape[:3], x_shape[3]


def _larger(side: Any, least: int) -> Any:
    """Return the larger of two sides, which may be tensors."""
    return max(side, least) if isinstance(side, int) else ops.maximum(side, least)


@keras.saving.register_keras_serializable(package="restyle")
class StyleScale(_Layer):
    """Multiply every channel by the scale of the style and add its shift.

    With `normalized`, this is conditional instance normalization (Dumoulin et al. 2017): every channel is
    normalized to mean 0 and deviation 1 over the picture first.

    styles : N, rows of scale and shift
    """

    settings = ("styles", "normalized")

    def __init__(self, styles: int = 1, normalized: bool = True, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.styles, self.normalized = styles, normalized

    def build(self, features_shape: Any, code_shape: Any = None) -> None:
        """Create `scale` and `shift`, each [styles, C]."""
        shape = (self.styles, features_shape[-1])
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale")
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")

    def call(self, features: Any, code: Any = None) -> Any:
        """Features [N, H, W, C] and the weights of the styles [N, styles], which one style does not need."""
        scale, shift = self.scale, self.shift
        if code is not None:
            scale, shift = ops.matmul(code, scale), ops.matmul(code, shift)
        if self.normalized:
            features = standardize(features)
        return features * scale[:, None, None, :] + shift[:, None, None, :]


def standardize(features: Any) -> Any:
    """Normalize each channel of [N, H, W, C] to mean 0 and deviation 1 over the picture."""
    centered = features - ops.mean(features, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(centered), axis=(1, 2), keepdims=True)
    return centered / ops.sqrt(variance + EPSILON)


@keras.saving.register_keras_serializable(package="restyle")
class Twice(_Layer):
    """Bilinear upsampling to twice the size, with half-pixel centers.

    Computes the same as `UpSampling2D(2, interpolation="bilinear")`, which cannot be exported for any size.
    """

    def call(self, x: Any) -> Any:
        """[N, H, W, C] -> [N, 2 H, 2 W, C]."""
        count, height, width, channels = ops.shape(x)
        before, after = ops.concatenate([x[:, :1], x[:, :-1]], 1), ops.concatenate([x[:, 1:], x[:, -1:]], 1)
        rows = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], 2)
        x = ops.reshape(rows, (count, 2 * height, width, channels))
        before = ops.concatenate([x[:, :, :1], x[:, :, :-1]], 2)
        after = ops.concatenate([x[:, :, 1:], x[:, :, -1:]], 2)
        columns = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], 3)
        return ops.reshape(columns, (count, 2 * height, 2 * width, channels))

    def compute_output_shape(self, input_shape: Any, *others: Any) -> Any:
        count, height, width, channels = input_shape
        return count, height and 2 * height, width and 2 * width, channels


@keras.saving.register_keras_serializable(package="restyle")
class Range(_Layer):
    """Clip to 0..1, except in training, where a clipped pixel would have no gradient."""

    def call(self, x: Any, training: bool = False) -> Any:
        """Same shape as `x`."""
        return x if training else ops.clip(x, 0.0, 1.0)


def set_convolution(layer: Any, name: str, weights: Mapping[str, Any]) -> None:
    """Set kernel and bias of a Keras convolution from those of the PyTorch convolution `name`."""
    kernel, bias = (np.asarray(weights[f"{name}.{part}"], np.float32) for part in ("weight", "bias"))
    layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
