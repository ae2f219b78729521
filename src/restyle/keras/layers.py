"""Layers that Keras does not have. Features are [N, H, W, C], channels last, on every backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

EPSILON = 1e-4  # of `nn.transformer`, so that both networks compute the same


@keras.saving.register_keras_serializable(package="restyle")
class ReflectionPadding(keras.layers.Layer):  # type: ignore[misc]
    """Mirror the border outwards, 2 1 | 0 1 2 | 1 0, so that it looks like the interior.

    Parameters
    ----------
    pixels : int
        How many on every side; fewer than the picture has.
    """

    def __init__(self, pixels: int = 1, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.pixels = pixels

    def call(self, x: Any) -> Any:
        """[N, H, W, C] -> [N, H + 2 pixels, W + 2 pixels, C]."""
        by = (self.pixels, self.pixels)
        return ops.pad(x, ((0, 0), by, by, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that `call` gives."""
        count, height, width, channels = input_shape
        more = 2 * self.pixels
        return count, height and height + more, width and width + more, channels

    def get_config(self) -> dict[str, Any]:
        """What the constructor needs to make this layer again."""
        return {**super().get_config(), "pixels": self.pixels}


class _Strided(keras.layers.Layer):  # type: ignore[misc]
    """What padding to a stride and cutting it off again have in common."""

    def __init__(self, stride: int, minimum: int = 1, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.stride, self.minimum = stride, minimum

    def sides(self, side: Any) -> tuple[Any, Any]:
        """Pixels before and after a side of that length."""
        extra = _larger(side, self.minimum) - side
        extra = extra + -(side + extra) % self.stride
        return extra // 2, extra - extra // 2

    def get_config(self) -> dict[str, Any]:
        """What the constructor needs to make this layer again."""
        return {**super().get_config(), "stride": self.stride, "minimum": self.minimum}


@keras.saving.register_keras_serializable(package="restyle")
class PadToStride(_Strided):
    """Mirror the border outwards until both sides are multiples of the stride: a network for any size.

    As `images.geometry.pad`, inside the network. `CutBack` takes it off again.

    Parameters
    ----------
    stride : int
    minimum : int
        Least height and width of the result; a picture that is much smaller is mirrored again and again.
    """

    def call(self, x: Any) -> Any:
        """[N, H, W, C] -> [N, H', W', C]."""
        for axis, side in enumerate(ops.shape(x)[1:3], 1):
            before, after = self.sides(side)
            if isinstance(side, int) and before + after == 0:
                continue
            # 2 1 | 0 1 2 | 1 0, with a period of 4 here; of 1 for a single row.
            period = _larger(2 * (side - 1), 1)
            place = ops.mod(ops.arange(0, before + side + after, dtype="int32") - before, period)
            x = ops.take(x, ops.minimum(place, period - place), axis=axis)
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that `call` gives."""
        count, *sides, channels = input_shape
        height, width = (side and side + sum(self.sides(side)) for side in sides)
        return count, height, width, channels


@keras.saving.register_keras_serializable(package="restyle")
class CutBack(_Strided):
    """Cut off what `PadToStride` with the same stride and minimum added."""

    def call(self, x: Any, like: Any) -> Any:
        """Padded [N, H', W', C], and the picture before the padding [N, H, W, C] -> [N, H, W, C]."""
        height, width = ops.shape(like)[1:3]
        top, left = self.sides(height)[0], self.sides(width)[0]
        return x[:, top : top + height, left : left + width]

    def compute_output_shape(self, x_shape: Any, like_shape: Any) -> Any:
        """The shape that `call` gives."""
        return *like_shape[:3], x_shape[3]


def _larger(side: Any, least: int) -> Any:
    """The larger of two sides; of a tensor where the backend knows the size only when it runs."""
    return max(side, least) if isinstance(side, int) else ops.maximum(side, least)


@keras.saving.register_keras_serializable(package="restyle")
class StyleScale(keras.layers.Layer):  # type: ignore[misc]
    """Where style enters: every channel gets the scale and the shift of the style.

    Conditional instance normalisation (Dumoulin et al. 2017) if `normalised`: the channel is brought to mean
    0 and deviation 1 over the picture first.

    Parameters
    ----------
    styles : int
        N, rows of scale and shift.
    normalised : bool
    """

    def __init__(self, styles: int = 1, normalised: bool = True, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.styles = styles
        self.normalised = normalised

    def build(self, features_shape: Any, code_shape: Any = None) -> None:
        """Make `scale` and `shift`, each [styles, C]."""
        shape = (self.styles, features_shape[-1])
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale")
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")

    def call(self, features: Any, code: Any = None) -> Any:
        """Features [N, H, W, C] and the weight of each style [N, styles], which one style does not need."""
        scale, shift = self.scale, self.shift
        if code is not None:
            scale, shift = ops.matmul(code, scale), ops.matmul(code, shift)
        scale, shift = scale[:, None, None, :], shift[:, None, None, :]
        if self.normalised:
            mean = ops.mean(features, axis=(1, 2), keepdims=True)
            centred = features - mean
            variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
            features = centred / ops.sqrt(variance + EPSILON)
        return features * scale + shift

    def compute_output_shape(self, features_shape: Any, code_shape: Any = None) -> Any:
        """The shape that `call` gives: that of the features."""
        return features_shape

    def get_config(self) -> dict[str, Any]:
        """What the constructor needs to make this layer again."""
        return {**super().get_config(), "styles": self.styles, "normalised": self.normalised}


@keras.saving.register_keras_serializable(package="restyle")
class Twice(keras.layers.Layer):  # type: ignore[misc]
    """Bilinear upsampling to twice the size, half-pixel centres, the border repeated.

    What `UpSampling2D(2, interpolation="bilinear")` computes, which cannot be exported for any size.
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

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that `call` gives."""
        count, height, width, channels = input_shape
        return count, height and 2 * height, width and 2 * width, channels


@keras.saving.register_keras_serializable(package="restyle")
class Range(keras.layers.Layer):  # type: ignore[misc]
    """Clip to 0..1, but not while training: a clipped pixel has no gradient to come back by."""

    def call(self, x: Any, training: bool = False) -> Any:
        """Same shape as `x`."""
        return x if training else ops.clip(x, 0.0, 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that `call` gives."""
        return input_shape
