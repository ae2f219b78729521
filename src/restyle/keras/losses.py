"""Style and content losses on the perceptual encoder, as in the PyTorch recipe (`train.style`).

Differs from it: one encoder; style statistics are computed once, on the whole picture, as by Johnson et al.
2016, instead of on another crop at each step.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError, safe_open

from restyle.errors import InputError, ModelError
from restyle.images import picture as images
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import EPSILON
from restyle.keras.layers import ReflectionPadding, set_convolution, standardize
from restyle.models import catalog
from restyle.options.train import ENCODER, StyleOptions
from restyle.types import PathLike

TERMS = ("style", "content", "color", "variation", "range")
CONTENT_LAYERS = ((3, 1.0), (2, 0.1))  # indices and weights of relu4_1 and relu3_1
FLOOR = 1e-6  # added to variances, as in `nn.losses`, for channels that are zero everywhere
FLAT = 1e-3  # added to the variance of a style, as in `nn.losses`, for styles of a single color

Statistics = Sequence[Any]  # mean, covariance and variance, see `statistics`


def load_encoder(encoder: PathLike = ENCODER) -> keras.Model:
    """Load an encoder of `restyle train encoder`, by its name in the catalog or its path, without PyTorch.

    Returns a frozen model: pictures [N, H, W, 3], RGB, 0..1, sides at least 32 -> the features relu1_1,
    relu2_1, relu3_1, relu4_1 and relu5_1. Raises ModelError if the file is missing or has another format.
    """
    record = catalog.records().get(os.fspath(encoder))
    weights, widths, depths = _read(encoder if record is None else record.file("encoder").path)
    x = pictures = keras.Input((None, None, 3), name="pictures")
    x = keras.layers.Rescaling(2.0, offset=-1.0, name="centred")(x)
    found, layers = [], {}
    for block, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if block:
            x = keras.layers.MaxPooling2D(2, name=f"pool{block}", data_format="channels_last")(x)
        for index in range(depth):
            place = f"{block + 1}_{index + 1}"
            x = ReflectionPadding(1, name=f"pad{place}")(x)
            convolution = keras.layers.Conv2D(width, 3, name=f"conv{place}", data_format="channels_last")
            x = keras.layers.ReLU(name=f"relu{place}")(convolution(x))
            layers[f"blocks.{block}.{index}"] = convolution
            if index == 0:
                found.append(x)
    model = keras.Model(pictures, found, name="encoder")
    for name, convolution in layers.items():
        set_convolution(convolution, name, weights)
    model.trainable = False
    return model


def _read(path: PathLike) -> tuple[dict[str, Any], list[int], list[int]]:
    """Return arrays, widths and depths of an encoder file."""
    shown = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"there is no encoder '{shown}'; omit it to use the default ({ENCODER})")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"'{shown}' is not a readable safetensors file: {error}") from None
    if metadata.get("format") != "restyle-encoder/1":
        raise ModelError(f"'{shown}' is not a restyle encoder file")
    widths, depths = ([int(each) for each in metadata[name].split(",")] for name in ("widths", "depths"))
    return weights, widths, depths


@keras.saving.register_keras_serializable(package="restyle")
class PerceptualLoss(keras.losses.Loss):  # type: ignore[misc]
    """The difference from photos in content and from pictures in style (Johnson et al. 2016).

    A Keras loss: `y_true` are the photos, `y_pred` the results, both [N, H, W, 3], RGB, 0..1. It works with
    any model that returns pictures.

    style : path, PIL image or array, or a sequence of them, one per style
    recipe : weights, style size and layers; None takes the defaults of `restyle train style`
    encoder : perceptual encoder, name or path
    """

    def __init__(
        self,
        style: Any,
        recipe: StyleOptions | None = None,
        encoder: PathLike = ENCODER,
        name: str = "perceptual",
    ) -> None:
        self._set_up(recipe or StyleOptions(), os.fspath(encoder), name)
        pictures = list(style) if isinstance(style, (list, tuple)) else [style]
        if not pictures:
            raise InputError("no style is given")
        each = [self._target(picture) for picture in pictures]
        self._set_targets(
            [[np.concatenate(part) for part in zip(*layer, strict=True)] for layer in zip(*each, strict=True)]
        )

    def _set_up(self, recipe: StyleOptions, encoder: str, name: str) -> None:
        super().__init__(name=name)
        self.recipe, self.encoder_name = recipe, encoder
        self.layers = recipe.layer_indices()
        self.encoder = load_encoder(encoder)

    def _set_targets(self, targets: Sequence[Statistics]) -> None:
        """Set the statistics of the styles, of each layer and last of the pixels; each [styles, ...]."""
        *self.targets, self.palettes = targets
        self.styles = len(self.palettes[0])

    def get_config(self) -> dict[str, Any]:
        """Return a configuration with the statistics of the styles, not their pictures."""
        targets = [*self.targets, self.palettes]
        return {
            "recipe": asdict(self.recipe),
            "encoder": self.encoder_name,
            "name": self.name,
            "shapes": [[list(part.shape) for part in each] for each in targets],
            "spreads": [
                [b64encode(part.astype("<f4").tobytes()).decode() for part in each] for each in targets
            ],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PerceptualLoss:
        """Create the loss that `get_config` describes."""
        loss = cls.__new__(cls)
        loss._set_up(StyleOptions(**config["recipe"]), config["encoder"], config["name"])
        loss._set_targets(
            [
                [
                    np.frombuffer(b64decode(part), "<f4").reshape(shape)
                    for part, shape in zip(*each, strict=True)
                ]
                for each in zip(config["spreads"], config["shapes"], strict=True)
            ]
        )
        return loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the weighted sum of all terms, [N]; with several styles, for an even mixture."""
        return self.total(self.terms(y_true, y_pred))

    def terms(self, content: Any, picture: Any, code: Any = None) -> dict[str, Any]:
        """Return `style`, `content`, `color`, `variation` and `range`, each [N], without weights.

        content, picture : [N, H, W, 3], RGB, 0..1, sides at least 32
        code : weights of the styles [N, styles]; None mixes them evenly
        """
        theirs, ours = self.encoder(content), self.encoder(picture)
        if code is None:
            code = ops.full((ops.shape(picture)[0], self.styles), 1 / self.styles)
        targets = [_mixed(target, code) for target in self.targets]
        return {
            "style": self._style([ours[layer] for layer in self.layers], targets),
            "content": self._content(ours, theirs),
            "color": _color(picture, _mixed(self.palettes, code)),
            "variation": _variation(picture),
            "range": ops.mean(ops.relu(picture - 1.0) + ops.relu(-picture), axis=(1, 2, 3)),
        }

    def total(self, terms: dict[str, Any]) -> Any:
        """Return the weighted sum of the terms."""
        return sum(getattr(self.recipe, f"{name}_weight") * value for name, value in terms.items())

    def _target(self, picture: Any) -> list[list[Any]]:
        """Return the statistics of a style picture, of each layer and last of its pixels; arrays [1, ...]."""
        pixels = images.load_image(picture).pixels
        pixels = resize(pixels, fit_size(pixels.shape[:2], short=self.recipe.style_size))
        x = ops.convert_to_tensor(pixels[None])
        features = self.encoder(x)
        layers = [*(features[layer] for layer in self.layers), x]
        return [[ops.convert_to_numpy(part) for part in statistics(each)] for each in layers]

    def _style(self, features: Sequence[Any], targets: Sequence[Statistics]) -> Any:
        total = 0.0
        for ours, (mean, covariance, variance) in zip(map(statistics, features), targets, strict=True):
            means = ops.sum(ops.square(ours[0] - mean), axis=1)
            means = means / (means + ops.sum(ours[2], axis=1) + ops.sum(variance, axis=1))
            deviations = gap(ops.sqrt(ours[2]), ops.sqrt(variance))
            total = total + gap(ours[1], covariance) + self.recipe.moments * (means + deviations)
        return total / len(features)

    def _content(self, ours: Sequence[Any], theirs: Sequence[Any]) -> Any:
        total, share = 0.0, self.recipe.structure
        for layer, weight in CONTENT_LAYERS:
            a, b = ours[layer], theirs[layer]
            total = total + weight * ((1 - share) * gap(a, b) + share * gap(standardize(a), standardize(b)))
        return total


def statistics(features: Any) -> tuple[Any, Any, Any]:
    """Return mean [N, C], covariance [N, C, C] and variance [N, C] of features [N, H, W, C]."""
    shape = ops.shape(features)
    flat = ops.reshape(features, (shape[0], shape[1] * shape[2], shape[3]))
    mean = ops.mean(flat, axis=1)
    centered = flat - mean[:, None]
    covariance = ops.matmul(ops.transpose(centered, (0, 2, 1)), centered)
    covariance = covariance / ops.cast(shape[1] * shape[2], flat.dtype)
    return mean, covariance, ops.mean(ops.square(centered), axis=1) + FLOOR


def gap(a: Any, b: Any) -> Any:
    """|a - b|^2 / (|a|^2 + |b|^2), per picture: 0 if equal, 1 if orthogonal. [N, ...] -> [N]."""
    axes = tuple(range(1, len(a.shape)))

    def squares(x: Any) -> Any:
        return ops.sum(ops.square(x), axis=axes)

    return squares(a - b) / (squares(a) + squares(b) + EPSILON)


def _mixed(target: Statistics, code: Any) -> list[Any]:
    return [ops.tensordot(code, ops.convert_to_tensor(part), axes=1) for part in target]


def _color(picture: Any, target: Statistics) -> Any:
    mean, covariance, variance = target
    ours = statistics(picture)
    means = ops.sum(ops.square(ours[0] - mean), axis=1) / (ops.sum(variance, axis=1) + FLAT)
    return means + gap(ours[1], covariance)


def _variation(x: Any) -> Any:
    down = ops.mean(ops.abs(x[:, 1:] - x[:, :-1]), axis=(1, 2, 3))
    return down + ops.mean(ops.abs(x[:, :, 1:] - x[:, :, :-1]), axis=(1, 2, 3))
