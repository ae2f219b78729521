"""What a result is judged by while training: style and content as the perceptual encoder sees them.

The terms of the PyTorch recipe (`train.style`), so that networks trained here and there aim at the same.
Differs from it: one encoder judges; the style's statistics are taken once, of the whole picture, as by
Johnson et al. 2016, not of another crop at each step.
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

from restyle.errors import InputError
from restyle.images import picture as images
from restyle.images.resize import fit_size, resize
from restyle.keras.encoder import ENCODER, load_encoder
from restyle.options.train import StyleOptions
from restyle.types import PathLike

CONTENT_LAYERS = ((3, 1.0), (2, 0.1))  # places of relu4_1 and relu3_1, and their weights
FLOOR = 1e-6  # of variances: a channel that is silent everywhere, as in `nn.losses`
FLAT = 1e-3  # beside the variance of a style that is one flat colour, as in `nn.losses`


@keras.saving.register_keras_serializable(package="restyle")
class PerceptualLoss(keras.losses.Loss):  # type: ignore[misc]
    """How far pictures are from the content of photos and from the style of pictures (Johnson et al. 2016).

    A Keras loss: `y_true` are the photos, `y_pred` what the network made of them, both [N, H, W, 3], RGB,
    0..1. It serves any model whose output is a picture.

    Parameters
    ----------
    style : path, PIL image or array, or a sequence of them
        One picture a style.
    recipe : StyleOptions or None
        Weights, the style's size, the layers; None takes those of `restyle train style`.
    encoder : name or path
        The perceptual encoder that judges.
    """

    def __init__(
        self,
        style: Any,
        recipe: StyleOptions | None = None,
        encoder: PathLike = ENCODER,
        name: str = "perceptual",
    ) -> None:
        self._begin(recipe or StyleOptions(), os.fspath(encoder), name)
        pictures = list(style) if isinstance(style, (list, tuple)) else [style]
        if not pictures:
            raise InputError("no style is given")
        each = [self._target(picture) for picture in pictures]
        self._aim_at(
            [[np.concatenate(part) for part in zip(*seen, strict=True)] for seen in zip(*each, strict=True)]
        )

    def _begin(self, recipe: StyleOptions, encoder: str, name: str) -> None:
        super().__init__(name=name)
        self.recipe, self.encoder_name = recipe, encoder
        self.layers = recipe.layer_indices()
        self.encoder = load_encoder(encoder)

    def _aim_at(self, spreads: Sequence[Sequence[Any]]) -> None:
        """Take what `spread` found in the styles, [layer and last pixels][part], each [styles, ...]."""
        *self.targets, self.palettes = spreads
        self.styles = len(self.palettes[0])

    def get_config(self) -> dict[str, Any]:
        """What makes this loss again, in a saved model too: without the pictures, by their statistics."""
        spreads = [*self.targets, self.palettes]
        return {
            "recipe": asdict(self.recipe),
            "encoder": self.encoder_name,
            "name": self.name,
            "shapes": [[list(part.shape) for part in each] for each in spreads],
            "spreads": [
                [b64encode(part.astype("<f4").tobytes()).decode() for part in each] for each in spreads
            ],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PerceptualLoss:
        """The loss that `get_config` describes."""
        made = cls.__new__(cls)
        made._begin(StyleOptions(**config["recipe"]), config["encoder"], config["name"])
        made._aim_at(
            [
                [
                    np.frombuffer(b64decode(part), "<f4").reshape(shape)
                    for part, shape in zip(*each, strict=True)
                ]
                for each in zip(config["spreads"], config["shapes"], strict=True)
            ]
        )
        return made

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The weighted sum of all terms for each picture, [N]; with several styles, of an even mixture."""
        return self.total(self.terms(y_true, y_pred))

    def terms(self, content: Any, picture: Any, code: Any = None) -> dict[str, Any]:
        """`style`, `content`, `colour`, `variation` and `range`, each [N] and not yet weighted.

        Parameters
        ----------
        content, picture : [N, H, W, 3], RGB, 0..1, sides at least 32
        code : [N, styles] or None
            The weight of each style.
        """
        seen, ours = self.encoder(content), self.encoder(picture)
        if code is None:
            code = ops.full((ops.shape(picture)[0], self.styles), 1 / self.styles)
        aims = [self._mixed(target, code) for target in self.targets]
        return {
            "style": self._style([ours[layer] for layer in self.layers], aims),
            "content": self._content(ours, seen),
            "colour": _colour(picture, self._mixed(self.palettes, code)),
            "variation": _variation(picture),
            "range": ops.mean(ops.relu(picture - 1.0) + ops.relu(-picture), axis=(1, 2, 3)),
        }

    def total(self, terms: dict[str, Any]) -> Any:
        """The weighted sum of the terms."""
        return sum(getattr(self.recipe, f"{name}_weight") * value for name, value in terms.items())

    def _target(self, picture: Any) -> list[list[Any]]:
        """What `spread` finds in a style picture, at each layer and, last, in its pixels; arrays [1, ...]."""
        pixels = images.load_image(picture).pixels
        pixels = resize(pixels, fit_size(pixels.shape[:2], short=self.recipe.style_size))
        x = ops.convert_to_tensor(pixels[None])
        features = self.encoder(x)
        seen = [*(features[layer] for layer in self.layers), x]
        return [[ops.convert_to_numpy(part) for part in spread(each)] for each in seen]

    def _mixed(self, target: Sequence[Any], code: Any) -> list[Any]:
        return [ops.tensordot(code, ops.convert_to_tensor(part), axes=1) for part in target]

    def _style(self, features: Sequence[Any], aims: Sequence[Sequence[Any]]) -> Any:
        total = 0.0
        for ours, (mean, covariance, variance) in zip(map(spread, features), aims, strict=True):
            apart = ops.sum(ops.square(ours[0] - mean), axis=1)
            apart = apart / (apart + ops.sum(ours[2], axis=1) + ops.sum(variance, axis=1))
            deviations = gap(ops.sqrt(ours[2]), ops.sqrt(variance))
            total = total + gap(ours[1], covariance) + self.recipe.moments * (apart + deviations)
        return total / len(features)

    def _content(self, ours: Sequence[Any], theirs: Sequence[Any]) -> Any:
        total, share = 0.0, self.recipe.structure
        for layer, weight in CONTENT_LAYERS:
            a, b = ours[layer], theirs[layer]
            total = total + weight * ((1 - share) * gap(a, b) + share * gap(_normalised(a), _normalised(b)))
        return total


def spread(features: Any) -> tuple[Any, Any, Any]:
    """Of features [N, H, W, C]: mean [N, C], covariance [N, C, C] and variance [N, C], above zero."""
    shape = ops.shape(features)
    flat = ops.reshape(features, (shape[0], shape[1] * shape[2], shape[3]))
    mean = ops.mean(flat, axis=1)
    centred = flat - mean[:, None]
    covariance = ops.matmul(ops.transpose(centred, (0, 2, 1)), centred)
    covariance = covariance / ops.cast(shape[1] * shape[2], flat.dtype)
    return mean, covariance, ops.mean(ops.square(centred), axis=1) + FLOOR


def gap(a: Any, b: Any) -> Any:
    """|a - b|^2 / (|a|^2 + |b|^2), per picture: 0 for equal, 1 for nothing in common. [N, ...] -> [N]."""
    over = tuple(range(1, len(a.shape)))

    def squares(x: Any) -> Any:
        return ops.sum(ops.square(x), axis=over)

    return squares(a - b) / (squares(a) + squares(b) + 1e-8)


def _normalised(x: Any) -> Any:
    centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
    return centred / ops.sqrt(ops.mean(ops.square(centred), axis=(1, 2), keepdims=True) + 1e-4)


def _colour(picture: Any, aim: Sequence[Any]) -> Any:
    mean, covariance, variance = aim
    ours = spread(picture)
    apart = ops.sum(ops.square(ours[0] - mean), axis=1) / (ops.sum(variance, axis=1) + FLAT)
    return apart + gap(ours[1], covariance)


def _variation(x: Any) -> Any:
    down = ops.mean(ops.abs(x[:, 1:] - x[:, :-1]), axis=(1, 2, 3))
    return down + ops.mean(ops.abs(x[:, :, 1:] - x[:, :, :-1]), axis=(1, 2, 3))
