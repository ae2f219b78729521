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
from restyle.keras.inputs import check_batch
from restyle.keras.layers import CutBack, PadToStride, Range, ReflectionPadding, StyleScale, Twice
from restyle.keras.losses import PerceptualLoss
from restyle.models import network_files
from restyle.options.train import NetworkOptions, Normalisation
from restyle.types import FloatArray, PathLike

if TYPE_CHECKING:
    from restyle.train.style_network import StyleNetwork as TorchNetwork

STRIDE = 4
LAST = "channels_last"
TERMS = ("style", "content", "colour", "variation", "range")


@keras.saving.register_keras_serializable(package="restyle")
class StyleNetwork(keras.Model):  # type: ignore[misc]
    """Photos [N, H, W, 3] in, photos in the network's styles out, both RGB, 0..1, of any size.

    Layer by layer `restyle.StyleNetwork`, whose weights it takes and gives (`from_network`, `to_network`).
    With one style its input is the photos; with several `{"content": photos, "code": weights [N, styles]}`.
    Differs from the PyTorch network: the statistics of a picture cannot be given from outside, so there are
    no tiles and no steady video here.

    Parameters
    ----------
    kernel_size, width, blocks, normalisation
        As those of `restyle.StyleNetwork`.
    styles : int
        How many styles it has.
    seed : int
        Of the first weights.

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
        normalisation: Normalisation = NetworkOptions.normalisation,
        *,
        styles: int = 1,
        seed: int = 0,
        name: str = "style_network",
        **keywords: Any,
    ) -> None:
        options = NetworkOptions(
            kernel_size=kernel_size, width=width, blocks=blocks, normalisation=normalisation
        )
        if styles < 1:
            raise OptionError(f"styles {styles} must be above 0")
        inputs, outputs = _layers(options, styles, seed)
        super().__init__(inputs=inputs, outputs=outputs, name=name, **keywords)
        self.options, self.styles, self.seed = options, styles, seed
        self.followed = {each: keras.metrics.Mean(name=each) for each in TERMS}

    def fit(self, x: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.fit`: photos, or a dataset of them, in 0..1. Returns a `keras.callbacks.History`."""
        check_batch(x, self.styles)
        return super().fit(x, *arguments, **keywords)

    def evaluate(self, x: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.evaluate`: the losses of photos, or of a dataset of them."""
        check_batch(x, self.styles)
        return super().evaluate(x, *arguments, **keywords)

    def predict(self, x: Any, *arguments: Any, **keywords: Any) -> Any:
        """`keras.Model.predict`: photos [N, H, W, 3] of one size, any size, to as many of that size."""
        check_batch(x, self.styles)
        return super().predict(x, *arguments, **keywords)

    @property
    def metrics(self) -> list[Any]:
        """What is told beside the loss: its terms, if it is one that has them."""
        found = super().metrics
        if isinstance(getattr(self, "loss", None), PerceptualLoss):
            return found  # type: ignore[no-any-return]
        terms = {id(each) for each in getattr(self, "followed", {}).values()}
        return [each for each in found if id(each) not in terms]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch. A `PerceptualLoss` needs no `y`: the photos themselves are the content.

        Its terms are followed one by one, beside `loss`, in the progress bar, the history and the callbacks.
        """
        if not isinstance(self.loss, PerceptualLoss):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        content, code = (x["content"], x["code"]) if isinstance(x, Mapping) else (x, None)
        if self.loss.styles != self.styles:
            raise StyleError(f"the loss has {self.loss.styles} styles and the network {self.styles}")
        terms = self.loss.terms(content, y_pred, code)
        for name, value in terms.items():
            self.followed[name].update_state(value)
        total = self.loss.total(terms)
        if sample_weight is not None:
            total = total * ops.cast(ops.reshape(sample_weight, (-1,)), total.dtype)
        return ops.mean(total)

    def paint(self, photo: Any, code: Sequence[float] | None = None) -> FloatArray:
        """One photo of any size in the network's style.

        Parameters
        ----------
        photo : path, PIL image or array
        code : sequence of float or None
            The weight of each style; None mixes them evenly.

        Returns
        -------
        np.ndarray [shape=(H, W, 3), float32, RGB, 0..1]
            Of exactly the size of the photo.
        """
        from restyle.images import picture as images

        x: Any = images.load_image(photo).pixels[None]
        if self.styles > 1:
            weights = np.full(self.styles, 1 / self.styles) if code is None else np.asarray(code)
            if weights.shape != (self.styles,):
                raise StyleError(f"code has {weights.size} weights and the network {self.styles} styles")
            x = {"content": x, "code": weights[None].astype(np.float32)}
        painted: FloatArray = ops.convert_to_numpy(self(x, training=False))[0]
        return painted

    def get_config(self) -> dict[str, Any]:
        """What the constructor needs to make this network again; `keras.models.load_model` uses it."""
        return {**asdict(self.options), "styles": self.styles, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StyleNetwork:
        """The network that `get_config` describes, with first weights."""
        return cls(**config)

    @classmethod
    def from_network(cls, network: TorchNetwork | PathLike) -> StyleNetwork:
        """The same network, with its weights, from `restyle.StyleNetwork` or a `.restyle` file.

        A file needs no PyTorch.
        """
        if isinstance(network, (str, os.PathLike)):
            record = network_files.read(network)
            shape, weights = record.shape, record.weights
        else:
            shape = asdict(network.options)
            weights = {
                name: value.detach().cpu().numpy() for name, value in network.module.state_dict().items()
            }
        made = cls(**shape, styles=len(weights["scale"]))
        made.set_torch_weights(weights)
        return made

    def to_network(self, styles: Sequence[str] = ()) -> TorchNetwork:
        """The same network, with its weights, as `restyle.StyleNetwork`: to save, for `restyle image`.

        Parameters
        ----------
        styles : sequence of str
            Names of its styles; none numbers them.
        """
        require("StyleNetwork.to_network", "torch", "torch", "safetensors", "onnx")
        import torch

        from restyle.train.style_network import StyleNetwork as TorchNetwork

        names = tuple(styles) or tuple(f"style-{number}" for number in range(1, self.styles + 1))
        if len(names) != self.styles:
            raise StyleError(f"{len(names)} names are given and the network has {self.styles} styles")
        made = TorchNetwork(**asdict(self.options))
        made.styles = names
        made.module.load_state_dict(
            {name: torch.tensor(value) for name, value in self.torch_weights().items()}
        )
        return made

    def torch_weights(self) -> dict[str, FloatArray]:
        """All weights, named and laid out as those of the PyTorch network."""
        found = {}
        for name in _convolutions(self.options):
            kernel, bias = (ops.convert_to_numpy(value) for value in self._layer(name).weights)
            found[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
            found[f"{name}.bias"] = bias
        points = [self._layer(f"{name}.style") for name, _ in _points(self.options)]
        for place, name in enumerate(("scale", "shift")):
            found[name] = np.concatenate([ops.convert_to_numpy(each.weights[place]) for each in points], 1)
        return found

    def set_torch_weights(self, weights: Mapping[str, Any]) -> None:
        """Take all weights, as `torch_weights` gives them.

        Raises
        ------
        ModelError
            They are those of another network.
        """
        own = self.torch_weights()
        if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
            raise ModelError("these are the weights of a network of another shape")
        for name in _convolutions(self.options):
            kernel = np.transpose(weights[f"{name}.weight"], (2, 3, 1, 0))
            self._layer(name).set_weights([kernel, weights[f"{name}.bias"]])
        begin = 0
        for name, _ in _points(self.options):
            layer = self._layer(f"{name}.style")
            end = begin + layer.scale.shape[1]
            layer.set_weights([weights["scale"][:, begin:end], weights["shift"][:, begin:end]])
            begin = end

    def _layer(self, name: str) -> Any:
        return self.get_layer(name.replace(".", "_"))


def _convolutions(options: NetworkOptions) -> list[str]:
    """Names of all convolutions, as in `nn.conditional`."""
    return [*(name for name, _ in _points(options)), "out"]


def _points(options: NetworkOptions) -> list[tuple[str, bool]]:
    """Name of each point where style enters, in order, and whether features are normalised there."""
    everywhere, inside = options.normalisation == "all", options.normalisation != "none"
    blocks = [
        point
        for index in range(options.blocks)
        for point in ((f"blocks.{index}.first", inside), (f"blocks.{index}.second", everywhere))
    ]
    return [
        ("stem", everywhere),
        ("down", everywhere),
        *blocks,
        ("up_half", everywhere),
        ("up_full", everywhere),
    ]


def _layers(options: NetworkOptions, styles: int, seed: int) -> tuple[Any, Any]:
    """Inputs and outputs of the network, everything between them connected."""
    content = keras.Input((None, None, 3), name="content")
    code = keras.Input((styles,), name="code") if styles > 1 else None
    normalised = dict(_points(options))
    width, seeds = options.width, iter(range(seed, seed + 1000))

    def convolve(x: Any, name: str, filters: int, *, strides: int = 1, gain: float = 1.0) -> Any:
        """Reflection padding and a convolution, then the style, if it enters here."""
        label = name.replace(".", "_")
        x = ReflectionPadding(options.kernel_size // 2, name=f"{label}_pad")(x)
        first = keras.initializers.VarianceScaling(2 * gain**2, "fan_in", "untruncated_normal", next(seeds))
        x = keras.layers.Conv2D(
            filters, options.kernel_size, strides, kernel_initializer=first, name=label, data_format=LAST
        )(x)
        if name not in normalised:
            return x
        style = StyleScale(styles, normalised[name], name=f"{label}_style")
        return style(x) if code is None else style(x, code)

    def relu(x: Any, name: str) -> Any:
        return keras.layers.ReLU(name=f"{name.replace('.', '_')}_relu")(x)

    minimum = 2 * STRIDE * options.kernel_size
    h = PadToStride(STRIDE, minimum, name="padded")(content)
    h = keras.layers.Rescaling(2.0, offset=-1.0, name="centred")(h)
    h = relu(convolve(h, "stem", width, strides=2), "stem")
    h = relu(convolve(h, "down", 2 * width, strides=2), "down")
    for index in range(options.blocks):
        name = f"blocks.{index}"
        inner = relu(convolve(h, f"{name}.first", 2 * width), f"{name}.first")
        inner = convolve(inner, f"{name}.second", 2 * width, gain=0.3)
        h = keras.layers.Add(name=f"blocks_{index}_sum")([h, inner])
    h = relu(convolve(Twice(name="to_half")(h), "up_half", width), "up_half")
    h = relu(convolve(Twice(name="to_full")(h), "up_full", width // 2), "up_full")
    picture = keras.layers.Rescaling(0.5, offset=0.5, name="picture")(convolve(h, "out", 3, gain=0.3))
    inputs = content if code is None else {"content": content, "code": code}
    picture = CutBack(STRIDE, minimum, name="cut")(Range(name="range")(picture), content)
    return inputs, picture
