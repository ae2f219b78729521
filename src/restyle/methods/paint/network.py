"""The perceptual encoder as two ONNX graphs: features, and the gradient of the painting loss.

Both graphs pad with zeros, which is faster than reflection; so pictures get a mirrored margin here, and the
features of the margin are cut off again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from restyle.models import catalog
from restyle.models.session import Device, Session
from restyle.types import FloatArray

MODEL = "painter-1"
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
STRIDES = (1, 2, 4, 8)
MARGIN = 16  # px


@dataclass(frozen=True)
class Targets:
    """What the features of the painting should become, per layer.

    Parameters
    ----------
    vectors : iterable of np.ndarray [shape=(C, h, w), float32]
        Unit vectors: the direction of the features at each place.
    weights : iterable of np.ndarray [shape=(h, w), float32]
        Weight of the cosine loss at each place.
    grams : sequence of np.ndarray [shape=(C, C), float32]
        Gram matrices of the style.
    gram_weights : sequence of float
    """

    vectors: Iterable[FloatArray]
    weights: Iterable[FloatArray]
    grams: Sequence[FloatArray]
    gram_weights: Sequence[float]


class PaintingNetwork:
    """Features and gradients on ONNX Runtime; safe to use from several threads at once."""

    def __init__(self, device: Device = "cpu", threads: int | None = None) -> None:
        record = catalog.find(MODEL)
        self._features, self._gradient = (
            Session(
                record.file(role).read(),
                name=f"{MODEL} ({role})",
                device=device,
                threads=threads,
                release=release,
            )
            for role, release in (("features", True), ("gradient", False))
        )

    def features(
        self, picture: FloatArray, layers: Sequence[int] = range(len(LAYERS))
    ) -> dict[int, FloatArray]:
        """Compute the features of some layers.

        Parameters
        ----------
        picture : np.ndarray [shape=(3, H, W), float32, RGB, range 0..1]
            Sides are multiples of 8, at least 32.
        layers : sequence of int
            Indices into `LAYERS`.

        Returns
        -------
        dict of int to np.ndarray [shape=(C, H / stride, W / stride), float32]
        """
        found = self._features.run([LAYERS[layer] for layer in layers], image=_with_margin(picture))
        return {layer: _cut(found[LAYERS[layer]][0], STRIDES[layer]) for layer in layers}

    def gradient(self, picture: FloatArray, feed: dict[str, FloatArray]) -> tuple[float, FloatArray]:
        """Compute the loss and its gradient with respect to the picture.

        The loss is the weighted mean of 1 - cosine between features and target vectors, plus the weighted
        relative squared distance of the Gram matrices.

        Parameters
        ----------
        picture : as for `features`
        feed : as `prepare` makes it, of the same size

        Returns
        -------
        float, np.ndarray [shape=(3, H, W), float32]
        """
        image = _with_margin(picture)
        found: dict[str, FloatArray] = {"loss": np.empty((), np.float32), "grad": np.empty_like(image)}
        self._gradient.run(tuple(found), found, image=image, **feed)
        return float(found["loss"]), _cut(found["grad"][0], 1)


def prepare(targets: Targets) -> dict[str, FloatArray]:
    """Lay targets out as inputs of the gradient graph; the margin gets weight 0."""
    feed = {"gram_weights": np.asarray(targets.gram_weights, np.float32)}
    for layer, stride, vectors, weights, gram in zip(
        LAYERS, STRIDES, targets.vectors, targets.weights, targets.grams, strict=True
    ):
        margin = MARGIN // stride
        around = ((margin, margin), (margin, margin))
        feed[f"target_{layer}"] = np.pad(vectors, ((0, 0), *around))[None]
        feed[f"weight_{layer}"] = np.pad(weights, around)[None, None]
        feed[f"gram_{layer}"] = gram
    return feed


@lru_cache(maxsize=2)
def load(device: Device = "cpu", threads: int | None = None) -> PaintingNetwork:
    """Return the embedded network, the same object for the same arguments."""
    return PaintingNetwork(device, threads)


def _with_margin(picture: FloatArray) -> FloatArray:
    return np.pad(picture, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="reflect")[None]


def _cut(array: FloatArray, stride: int) -> FloatArray:
    margin = MARGIN // stride
    return array[:, margin:-margin, margin:-margin]
