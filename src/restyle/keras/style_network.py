"""The network of `restyle train style` as a Keras model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from restyle.errors import ModelError, OptionError, StyleError, require
from restyle.images import picture as images
from restyle.keras.layers import (
    CutBack,
    PadToStride,
    Range,
    ReflectionPadding,
    StyleScale,
    Twice,
    set_convolution,
)
from restyle.keras.losses import TERMS, PerceptualLoss
from restyle.keras.photos import check_batch
from restyle.models import network_files
from restyle.options.base import FORMER_NAMES, renamed
from restyle.options.train import NetworkOptions, Normalization
from restyle.types import FloatArray, PathLike

if TYPE_CHECKING:
    from restyle.train.style_network import StyleNetwork as TorchNetwork

ROWS = ("scale", "shift")  # of the styles; each is [styles, channels of all points]
OUT = "out"  # the only convolution without a style


STRIDE = 4
LAST = "channels_last"


def style_points(options: NetworkOptions) -> dict[str, bool]:
    """Return each convolution followed by a style, in order, and whether features are normalized there.

    The same as `nn.conditional.ConditionalShape.points`, without PyTorch.
    """
    everywhere, inside = options.normalization == "all", options.normalization != "none"
    points = {"stem": everywhere, "down": everywhere}
    for index in range(options.blocks):
        points |= {f"blocks.{index}.first": inside, f"blocks.{index}.second": everywhere}
    return points | {"up_half": everywhere, "up_full": everywhere}


def layer_name(name: str) -> str:
    """Return the name of a Keras layer, which has no dots."""
    return name.replace(".", "_")


def style_layer_name(name: str) -> str:
    """Return the name of the `StyleScale` layer after a convolution."""
    return f"{layer_name(name)}_style"


@keras.saving.register_keras_serializable(package="restyle")
class StyleNetwork(keras.Model):  # type: ignore[misc]
    """Photos [N, H, W, 3] -> photos in the network's styles, both RGB, 0..1, of any size.

    The same layers as `restyle.StyleNetwork`, whose weights it can import and export (`from_network`,
    `to_network`). With one style its input is the photos; with several it is
    `{"content": photos, "code": weights [N, styles]}`. Differs from the PyTorch network: the statistics of a
    picture cannot be given, so it has no tiles and no steady video.

    kernel_size, width, blocks, normalization : as for `restyle.StyleNetwork`
    styles : number of styles
    seed : of the initial weights

    Examples
    --------
    >>> network = StyleNetwork(width=16, blocks=2)  # doctest: +SKIP
    >>> network.compile("adam", loss=PerceptualLoss("starry.jpg"))  # doctest: +SKIP
    >>> history = network.fit(Photos("photos/"), epochs=2)  # doctest: +SKIP
    >>> art = network.predict(photos)  # doctest: +SKIP
    """

    def __init__(
        self,
        kernel_size: int = NetworkOptions.kernel_size,
        width: int = NetworkOptions.width,
        blocks: int = NetworkOptions.blocks,
        normalization: Normalization = NetworkOptions.normalization,
        *,
        styles: int = 1,
        seed: int = 0,
        name: str = "style_network",
        **keywords: Any,
    ) -> None:
        former = renamed({each: keywords.pop(each) for each in FORMER_NAMES if each in keywords})
        shape = {"kernel_size": kernel_size, "width": width, "blocks": blocks, "normalization": normalization}
        options = NetworkOptions(**{**shape, **former})
        if styles < 1:
            raise OptionError(f"styles {styles} must be above 0")
        inputs, outputs = _layers(options, styles, seed)
        super().__init__(inputs=inputs, outputs=outputs, name=name, **keywords)
        self.options, self.styles, self.seed = options, styles, seed
        self.term_metrics = {each: keras.metrics.Mean(name=each) for each in TERMS}

    def fit(self, x: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.fit` with photos in 0..1, or a dataset of them; returns `keras.callbacks.History`."""
        check_batch(x, self.styles)
        return super().fit(x, *arguments, **keywords)

    def evaluate(self, x: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.evaluate` with photos, or a dataset of them."""
        check_batch(x, self.styles)
        return super().evaluate(x, *arguments, **keywords)

    def predict(self, x: Any, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.predict` with photos [N, H, W, 3] of any size."""
        check_batch(x, self.styles)
        return super().predict(x, *arguments, **keywords)

    @property
    def metrics(self) -> list[Any]:
        """All metrics, with the terms of the loss if it is a `PerceptualLoss`."""
        found = super().metrics
        if isinstance(getattr(self, "loss", None), PerceptualLoss):
            return found  # type: ignore[no-any-return]
        terms = {id(each) for each in getattr(self, "term_metrics", {}).values()}
        return [each for each in found if id(each) not in terms]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch. A `PerceptualLoss` ignores `y`: the photos are the content.

        Its terms appear next to `loss` in the progress bar, the history and the callbacks.
        """
        if not isinstance(self.loss, PerceptualLoss):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        content, code = (x["content"], x["code"]) if isinstance(x, Mapping) else (x, None)
        if self.loss.styles != self.styles:
            raise StyleError(f"the loss has {self.loss.styles} styles and the network {self.styles}")
        terms = self.loss.terms(content, y_pred, code)
        for name, value in terms.items():
            self.term_metrics[name].update_state(value)
        total = self.loss.total(terms)
        if sample_weight is not None:
            total = total * ops.cast(ops.reshape(sample_weight, (-1,)), total.dtype)
        return ops.mean(total)

    def paint(self, photo: Any, code: Sequence[float] | None = None) -> FloatArray:
        """Stylize one photo of any size.

        photo : path, PIL image or array
        code : weights of the styles; None mixes them evenly

        Returns [H, W, 3] float32, RGB, 0..1, of the size of the photo.
        """
        x: Any = images.load_image(photo).pixels[None]
        if self.styles > 1:
            weights = np.full(self.styles, 1 / self.styles) if code is None else np.asarray(code)
            if weights.shape != (self.styles,):
                raise StyleError(f"code has {weights.size} weights and the network {self.styles} styles")
            x = {"content": x, "code": weights[None].astype(np.float32)}
        painted: FloatArray = ops.convert_to_numpy(self(x, training=False))[0]
        return painted

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; `keras.models.load_model` uses it."""
        return {**asdict(self.options), "styles": self.styles, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StyleNetwork:
        """Create the network that `get_config` describes, with initial weights."""
        return cls(**config)

    @classmethod
    def from_network(cls, network: TorchNetwork | PathLike) -> StyleNetwork:
        """Create a copy of a `restyle.StyleNetwork` or a `.restyle` file; a file needs no PyTorch."""
        if isinstance(network, (str, os.PathLike)):
            record = network_files.read(network)
            shape, weights = record.shape, record.weights
        else:
            shape, state = asdict(network.options), network.module.state_dict()
            weights = {name: value.detach().cpu().numpy() for name, value in state.items()}
        copy = cls(**shape, styles=len(weights["scale"]))
        copy.set_torch_weights(weights)
        return copy

    def to_network(self, styles: Sequence[str] = ()) -> TorchNetwork:
        """Return a copy as `restyle.StyleNetwork`, which can be saved for `restyle image`.

        styles : names of the styles; by default style-1, style-2, ...
        """
        require("StyleNetwork.to_network", "torch", "torch", "safetensors", "onnx")
        import torch

        from restyle.train.style_network import StyleNetwork as TorchNetwork

        names = tuple(styles) or tuple(f"style-{number}" for number in range(1, self.styles + 1))
        if len(names) != self.styles:
            raise StyleError(f"{len(names)} names are given and the network has {self.styles} styles")
        copy = TorchNetwork(**asdict(self.options))
        copy.styles = names
        copy.module.load_state_dict(
            {name: torch.tensor(value) for name, value in self.torch_weights().items()}
        )
        return copy

    def torch_weights(self) -> dict[str, FloatArray]:
        """Return all weights with the names and layouts of the PyTorch network."""
        points, found = style_points(self.options), {}
        for name in [*points, OUT]:
            kernel, bias = map(ops.convert_to_numpy, self.get_layer(layer_name(name)).weights)
            found[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
            found[f"{name}.bias"] = bias
        for place, part in enumerate(ROWS):
            rows = [self.get_layer(style_layer_name(name)).weights[place] for name in points]
            found[part] = np.concatenate([ops.convert_to_numpy(each) for each in rows], 1)
        return found

    def set_torch_weights(self, weights: Mapping[str, Any]) -> None:
        """Set all weights as from `torch_weights`; raises ModelError if the network has another shape."""
        own, points = self.torch_weights(), style_points(self.options)
        if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
            raise ModelError("these are the weights of a network of another shape")
        for name in [*points, OUT]:
            set_convolution(self.get_layer(layer_name(name)), name, weights)
        begin = 0
        for name in points:
            layer = self.get_layer(style_layer_name(name))
            end = begin + layer.scale.shape[1]
            layer.set_weights([weights[part][:, begin:end] for part in ROWS])
            begin = end


def _layers(options: NetworkOptions, styles: int, seed: int) -> tuple[Any, Any]:
    """Return inputs and outputs of the network."""
    content = keras.Input((None, None, 3), name="content")
    code = keras.Input((styles,), name="code") if styles > 1 else None
    normalized = style_points(options)
    width, seeds = options.width, iter(range(seed, seed + 1000))

    def convolve(x: Any, name: str, filters: int, *, strides: int = 1, gain: float = 1.0) -> Any:
        """Reflection padding, a convolution and, except for the last one, the style."""
        label = layer_name(name)
        x = ReflectionPadding(options.kernel_size // 2, name=f"{label}_pad")(x)
        initial = keras.initializers.VarianceScaling(2 * gain**2, "fan_in", "untruncated_normal", next(seeds))
        x = keras.layers.Conv2D(
            filters, options.kernel_size, strides, kernel_initializer=initial, name=label, data_format=LAST
        )(x)
        if name not in normalized:
            return x
        style = StyleScale(styles, normalized[name], name=style_layer_name(name))
        return style(x) if code is None else style(x, code)

    def activated(x: Any, name: str, filters: int, *, strides: int = 1) -> Any:
        label = layer_name(name)
        return keras.layers.ReLU(name=f"{label}_relu")(convolve(x, name, filters, strides=strides))

    minimum = 2 * STRIDE * options.kernel_size
    h = PadToStride(STRIDE, minimum, name="padded")(content)
    h = keras.layers.Rescaling(2.0, offset=-1.0, name="centred")(h)
    h = activated(h, "stem", width, strides=2)
    h = activated(h, "down", 2 * width, strides=2)
    for index in range(options.blocks):
        inner = activated(h, f"blocks.{index}.first", 2 * width)
        inner = convolve(inner, f"blocks.{index}.second", 2 * width, gain=0.3)
        h = keras.layers.Add(name=f"blocks_{index}_sum")([h, inner])
    h = activated(Twice(name="to_half")(h), "up_half", width)
    h = activated(Twice(name="to_full")(h), "up_full", width // 2)
    picture = keras.layers.Rescaling(0.5, offset=0.5, name="picture")(convolve(h, "out", 3, gain=0.3))
    inputs = content if code is None else {"content": content, "code": code}
    picture = CutBack(STRIDE, minimum, name="cut")(Range(name="range")(picture), content)
    return inputs, picture
