"""The perceptual encoder as ONNX graphs: features, and the gradient of the painting loss.

The graphs pad with zeros, which is faster than reflection; so pictures get a mirrored margin here, and the
features of the margin are cut off again.

The gradient has three graphs. Those of the first block, at full size, run on bands of rows, which overlap by
the rows that a gradient depends on: all of its maps would take most of the memory, and those of a band stay
in the processor's cache. The result does not depend on the bands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from restyle.models import catalog
from restyle.models.session import Device, Session
from restyle.types import FloatArray

MODEL = "painter-1"
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
STRIDES = (1, 2, 4, 8)
MARGIN = 16  # px
OVERLAP = 4  # rows above and below a band that its gradient depends on
BAND_PIXELS = 1 << 16  # of a band, about: 8 MB for a map


@dataclass(frozen=True)
class Targets:
    """What the features of the painting should become, per layer."""

    vectors: Iterable[FloatArray]  # [C, h, w], unit vectors: the direction of the features at each place
    weights: Iterable[FloatArray]  # [h, w], of the cosine loss at each place
    grams: Sequence[FloatArray]  # [C, C], Gram matrices of the style
    gram_weights: Sequence[float]


class Band:
    """Some rows of a picture with margin: inputs and outputs of the graphs of the first block.

    No other band has the rows from `top` to `bottom`. `vectors` [C, h, w] and `weights` [h, w] are the
    targets of relu1_1 of the complete picture, without margin.
    """

    def __init__(self, top: int, bottom: int, vectors: FloatArray, weights: FloatArray) -> None:
        channels, height, width = vectors.shape
        places = (height + 2 * MARGIN) * (width + 2 * MARGIN)
        self.top, self.bottom = top, bottom
        self.rows = slice(max(0, top - OVERLAP), min(height + 2 * MARGIN, bottom + OVERLAP))
        first, count, width = self.rows.start, self.rows.stop - self.rows.start, width + 2 * MARGIN
        inside = np.zeros((1, 1, count, 1), np.float32)
        inside[:, :, top - first : bottom - first] = 1
        target, weight = (np.zeros((1, n, count, width), np.float32) for n in (channels, 1))
        start, stop = (min(height, max(0, row - MARGIN)) for row in (first, self.rows.stop))
        known = slice(start, stop)  # rows of the picture
        place = slice(start + MARGIN - first, stop + MARGIN - first)
        target[0, :, place, MARGIN:-MARGIN] = vectors[:, known]
        weight[0, 0, place, MARGIN:-MARGIN] = weights[known] / np.float32(places)
        self.inputs = {"target_relu1_1": target, "weight_relu1_1": weight, "inside": inside}
        self.maps = {
            "relu1_1": np.empty((1, channels, count, width), np.float32),
            "chosen": np.empty((1, channels, count, width), np.uint8),
            "products": np.empty((channels, channels), np.float32),
        }
        gradient = np.empty((1, 3, count, width), np.float32)
        self.results = {"loss": np.empty((), np.float32), "grad": gradient}

    def own(self, array: FloatArray, stride: int = 1) -> FloatArray:
        """Cut the overlap from an array [1, C, h / stride, w]."""
        first = self.rows.start
        return array[:, :, (self.top - first) // stride : (self.bottom - first) // stride]


@dataclass(frozen=True)
class Feed:
    """Targets as the gradient graphs take them, and memory for what they give; for one thread at a time."""

    bands: list[Band]
    rest: dict[str, FloatArray]
    pooled: FloatArray
    results: dict[str, FloatArray]


class PaintingNetwork:
    """Features and gradients on ONNX Runtime; safe to use from several threads at once."""

    def __init__(self, device: Device = "cpu", threads: int | None = None) -> None:
        record = catalog.find(MODEL)
        self._features, self._forward, self._gradient, self._backward = (
            Session(
                record.file(role).read(),
                name=f"{MODEL} ({role})",
                device=device,
                threads=threads,
                release=role == "features",
                spin=False,  # idle threads of one graph would slow down the next one by a half
            )
            for role in ("features", "forward", "gradient", "backward")
        )

    def features(
        self, picture: FloatArray, layers: Sequence[int] = range(len(LAYERS))
    ) -> dict[int, FloatArray]:
        """Compute the features [C, H / stride, W / stride] of some layers, by their indices into `LAYERS`.

        The sides of the picture [shape=(3, H, W), float32, RGB, range 0..1] are multiples of 8, at least 32.
        """
        found = self._features.run([LAYERS[layer] for layer in layers], image=_with_margin(picture))
        return {layer: _cut(found[LAYERS[layer]][0], STRIDES[layer]) for layer in layers}

    def gradient(self, picture: FloatArray, feed: Feed) -> tuple[float, FloatArray]:
        """Compute the loss, and its gradient [3, H, W] with respect to the picture.

        The loss is the weighted mean of 1 - cosine between features and target vectors, plus the weighted
        relative squared distance of the Gram matrices. `prepare` makes the feed for pictures of this size.
        """
        image = _with_margin(picture)
        products = np.zeros_like(feed.rest["gram_relu1_1"])
        for band in feed.bands:
            channels, rows, width = band.maps["relu1_1"].shape[1:]
            pooled = np.empty((1, channels, rows // 2, width // 2), np.float32)
            maps = {**band.maps, "pooled": pooled}
            self._forward.run(tuple(maps), maps, image=image[:, :, band.rows], inside=band.inputs["inside"])
            products += maps["products"]
            feed.pooled[:, :, band.top // 2 : band.bottom // 2] = band.own(pooled, 2)
        inner = feed.results
        self._gradient.run(tuple(inner), inner, pooled=feed.pooled, products=products, **feed.rest)
        loss = float(inner["loss"])
        for band in feed.bands:
            maps = {name: band.maps[name] for name in ("relu1_1", "chosen")}
            below = inner["gradient"][:, :, band.rows.start // 2 : band.rows.stop // 2]
            results = band.results
            self._backward.run(
                tuple(results), results, gradient=below, apart=inner["apart"], **maps, **band.inputs
            )
            loss += float(results["loss"])
            image[:, :, band.top : band.bottom] = band.own(results["grad"])
        return loss, _cut(image[0], 1)


def prepare(targets: Targets) -> Feed:
    """Lay targets out for the gradient graphs; the margin gets weight 0."""
    rest = {"gram_weights": np.asarray(targets.gram_weights, np.float32)}
    bands: list[Band] = []
    for layer, stride, vectors, weights, gram in zip(
        LAYERS, STRIDES, targets.vectors, targets.weights, targets.grams, strict=True
    ):
        rest[f"gram_{layer}"] = gram
        if stride == 1:
            bands += _bands(vectors, weights)
            continue
        margin = MARGIN // stride
        around = ((margin, margin), (margin, margin))
        rest[f"target_{layer}"] = np.pad(vectors, ((0, 0), *around))[None]
        rest[f"weight_{layer}"] = np.pad(weights, around)[None, None]
    height, width = rest["weight_relu2_1"].shape[2:]
    pooled = np.empty((1, len(rest["gram_relu1_1"]), height, width), np.float32)
    results = {
        "loss": np.empty((), np.float32),
        "apart": np.empty_like(rest["gram_relu1_1"]),
        "gradient": np.empty_like(pooled),
    }
    return Feed(bands, rest, pooled, results)


def _bands(vectors: FloatArray, weights: FloatArray) -> Iterator[Band]:
    """Divide a picture with margin into bands of like height, with an even number of rows."""
    height, width = weights.shape[0] + 2 * MARGIN, weights.shape[1] + 2 * MARGIN
    count = max(1, round(height * width / BAND_PIXELS))
    edges = [2 * round(height / 2 * index / count) for index in range(count + 1)]
    for top, bottom in pairwise(edges):
        yield Band(top, bottom, vectors, weights)


@lru_cache(maxsize=2)
def load(device: Device = "cpu", threads: int | None = None) -> PaintingNetwork:
    """Return the embedded network, the same object for the same arguments."""
    return PaintingNetwork(device, threads)


def _with_margin(picture: FloatArray) -> FloatArray:
    return np.pad(picture, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="reflect")[None]


def _cut(array: FloatArray, stride: int) -> FloatArray:
    margin = MARGIN // stride
    return array[:, margin:-margin, margin:-margin]
