"""What a result is judged by while training: style and content as the perceptual encoder sees them.

The terms of `restyle.nn.losses`, so that a network trained here and one trained with PyTorch aim at the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from restyle.errors import InputError
from restyle.keras.encoder import ENCODER, load_encoder
from restyle.media import images
from restyle.training.style_options import StyleOptions
from restyle.transforms.resize import fit_size, resize

CONTENT_LAYERS = ((3, 1.0), (2, 0.1))  # places of relu4_1 and relu3_1, and their weights


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
        encoder: str | os.PathLike[str] = ENCODER,
        name: str = "perceptual",
    ) -> None:
        super().__init__(name=name)
        self.recipe = recipe or StyleOptions()
        self.layers = self.recipe.layer_indices()
        self.encoder = load_encoder(encoder)
        pictures = list(style) if isinstance(style, (list, tuple)) else [style]
        if not pictures:
            raise InputError("no style is given")
        # [layer][Gram, mean, deviation], each [styles, ...]
        each = [self._target(picture) for picture in pictures]
        self.targets = [
            [np.concatenate(part) for part in zip(*layer, strict=True)] for layer in zip(*each, strict=True)
        ]
        self.styles = len(pictures)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The weighted sum of all terms for each picture, [N]; with several styles, of an even mixture."""
        return self.total(self.terms(y_true, y_pred))

    def terms(self, content: Any, picture: Any, code: Any = None) -> dict[str, Any]:
        """`style`, `content`, `variation` and `range`, each [N] and not yet weighted.

        Parameters
        ----------
        content, picture : [N, H, W, 3], RGB, 0..1, sides at least 32
        code : [N, styles] or None
            The weight of each style.
        """
        seen, ours = self.encoder(content), self.encoder(picture)
        if code is None:
            code = ops.full((ops.shape(picture)[0], self.styles), 1 / self.styles)
        return {
            "style": self._style(ours, code),
            "content": self._content(ours, seen),
            "variation": _variation(picture),
            "range": ops.mean(ops.relu(picture - 1.0) + ops.relu(-picture), axis=(1, 2, 3)),
        }

    def total(self, terms: dict[str, Any]) -> Any:
        """The weighted sum of the terms."""
        return sum(getattr(self.recipe, f"{name}_weight") * value for name, value in terms.items())

    def _target(self, picture: Any) -> list[list[Any]]:
        """Gram matrix, mean and deviation of a style picture at each layer, as arrays [1, ...]."""
        pixels = images.load(picture).pixels
        pixels = resize(pixels, fit_size(pixels.shape[:2], short=self.recipe.style_size))
        features = self.encoder(ops.convert_to_tensor(pixels[None]))
        return [[ops.convert_to_numpy(part) for part in statistics(features[layer])] for layer in self.layers]

    def _style(self, features: Sequence[Any], code: Any) -> Any:
        total = 0.0
        for layer, target in zip(self.layers, self.targets, strict=True):
            aims = [ops.tensordot(code, ops.convert_to_tensor(part), axes=1) for part in target]
            gaps = [gap(a, b) for a, b in zip(statistics(features[layer]), aims, strict=True)]
            total = total + gaps[0] + self.recipe.moments * (gaps[1] + gaps[2])
        return total / len(self.layers)

    def _content(self, ours: Sequence[Any], theirs: Sequence[Any]) -> Any:
        total, share = 0.0, self.recipe.structure
        for layer, weight in CONTENT_LAYERS:
            a, b = ours[layer], theirs[layer]
            total = total + weight * ((1 - share) * gap(a, b) + share * gap(_normalised(a), _normalised(b)))
        return total


def statistics(features: Any) -> tuple[Any, Any, Any]:
    """Of features [N, H, W, C]: Gram matrix [N, C, C] a position, mean and deviation [N, C]."""
    shape = ops.shape(features)
    flat = ops.reshape(features, (shape[0], shape[1] * shape[2], shape[3]))
    mean = ops.mean(flat, axis=1)
    variance = ops.mean(ops.square(flat - mean[:, None]), axis=1)
    count = ops.cast(shape[1] * shape[2], flat.dtype)
    gram = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / count
    return gram, mean, ops.sqrt(variance + 1e-6)


def gap(a: Any, b: Any) -> Any:
    """|a - b|^2 / (|a|^2 + |b|^2), per picture: 0 for equal, 1 for nothing in common. [N, ...] -> [N]."""
    over = tuple(range(1, len(a.shape)))

    def squares(x: Any) -> Any:
        return ops.sum(ops.square(x), axis=over)

    return squares(a - b) / (squares(a) + squares(b) + 1e-8)


def _normalised(x: Any) -> Any:
    centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
    return centred / ops.sqrt(ops.mean(ops.square(centred), axis=(1, 2), keepdims=True) + 1e-4)


def _variation(x: Any) -> Any:
    down = ops.mean(ops.abs(x[:, 1:] - x[:, :-1]), axis=(1, 2, 3))
    return down + ops.mean(ops.abs(x[:, :, 1:] - x[:, :, :-1]), axis=(1, 2, 3))
