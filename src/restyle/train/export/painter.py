"""Export the perceptual encoder as the two graphs that `paint` uses: features, and the gradient of its loss.

    python -m restyle.train.export.painter   # of encoder-4, in place; then scripts/refresh_catalog.py

ONNX Runtime for inference has no automatic differentiation, so the gradient is a graph of its own: the
gradient of a 3x3 convolution is a convolution with the kernel rotated and the channels exchanged, that of
ReLU and max-pooling is a mask.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.methods.paint.network import LAYERS, MODEL, STRIDES
from restyle.models import catalog
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from restyle.train.export.graphs import write_graph

DEPTH = len(LAYERS)
FILES = {"features": "painter_features.onnx", "gradient": "painter_gradient.onnx"}
Tape = list[tuple[str, nn.Conv2d | None, list[Tensor]]]


class Encoder(nn.Module):
    """The encoder to relu4_1 with zero padding, which records its operations."""

    def __init__(self, encoder: PerceptualEncoder) -> None:
        super().__init__()
        self.blocks, self.sides = nn.ModuleList(), nn.ModuleList()
        for index in range(DEPTH):
            block = list(cast(nn.ModuleList, encoder.blocks[index]))
            self.blocks.append(nn.ModuleList(block[:1] if index == DEPTH - 1 else block))
            self.sides.append(encoder.sides[index])

    def run(self, image: Tensor) -> tuple[list[Tensor], Tape]:
        """Features, and every operation with its module and the masks of its gradient, in order.

        ONNX Runtime computes a mask just before it is used if the graph defines it early, as here, and holds
        it from the start if the graph defines it late: a fifth more memory in all.
        """
        h = image * 2 - 1
        found: list[Tensor] = []
        tape: Tape = []
        for index, (block, side) in enumerate(zip(self.blocks, self.sides, strict=True)):
            if index:
                pooled = F.max_pool2d(h, 2)
                # a tie passes to all of its pixels; PyTorch picks one
                tape.append(("pool", None, [_positive(pooled), (h == _enlarged(pooled)).to(h.dtype)]))
                h = pooled
            if isinstance(side, nn.Conv2d):
                out = _conv(side, h)
                tape.append(("side", side, [_positive(out)]))
                found.append(out)
            for convolution in block:  # type: ignore[attr-defined]
                out = _conv(convolution, h)
                tape.append(("conv", convolution, [_positive(out)]))
                h = out
                if len(found) == index:
                    found.append(h)
                    tape.append(("tap", None, []))
        return found, tape


class Features(Encoder):
    """image [1, 3, H, W], RGB, range 0..1 -> the four layers."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.run(image)[0])


class Gradient(Encoder):
    """Loss and gradient of an image: see `methods.paint.network.PaintingNetwork.gradient`."""

    def forward(self, image: Tensor, gram_weights: Tensor, *targets: Tensor) -> tuple[Tensor, ...]:
        vectors, weights, grams = targets[:DEPTH], targets[DEPTH : 2 * DEPTH], targets[2 * DEPTH :]
        found, tape = self.run(image)
        loss, seeds = image.new_zeros(()), []
        for index, features in enumerate(found):
            part, seed = _loss(features, vectors[index], weights[index], grams[index], gram_weights[index])
            loss = loss + part
            seeds.append(seed)
        g, masked = seeds.pop(), False  # the last operation is the tap of the last layer
        for kind, convolution, masks in reversed(tape[:-1]):
            if kind == "tap":
                g = g + seeds.pop()
            elif kind == "side":
                assert convolution is not None
                g = g + _backward(convolution, seeds.pop() * masks[0])
            elif kind == "conv":
                assert convolution is not None
                g, masked = _backward(convolution, g if masked else g * masks[0]), False
            else:
                g, masked = _enlarged(g * masks[0]) * masks[1], True  # the ReLU before, too
        return loss, g * 2


def _loss(
    features: Tensor, vectors: Tensor, weights: Tensor, gram: Tensor, gram_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Loss of one layer and its gradient with respect to the features.

    Few operations on all channels: those take a third of the time of a step.
    """
    channels, places = features.shape[1], features.shape[2] * features.shape[3]
    flat, wanted, weight = (each.reshape(-1, places) for each in (features, vectors, weights))
    ones = torch.ones(1, channels)  # sums over channels are faster as products
    length = (ones @ (flat * flat) + 1e-6).sqrt()
    cosine = ones @ (flat * wanted) / length
    loss = (weight * (1 - cosine)).mean()
    scale = weight / length / places
    apart = flat @ flat.t() / places - gram
    size = (gram * gram).sum() + 1e-8
    loss = loss + gram_weight * (apart * apart).sum() / size
    seed = flat * (scale * cosine / length) - wanted * scale
    seed = torch.addmm(seed, apart * (gram_weight * 4 / places / size), flat)
    return loss, seed.reshape(features.shape)


def _positive(features: Tensor) -> Tensor:
    return (features > 0).to(features.dtype)


def _enlarged(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


def _conv(convolution: nn.Conv2d, h: Tensor) -> Tensor:
    return F.relu(F.conv2d(h, convolution.weight, convolution.bias, padding=1))


def _backward(convolution: nn.Conv2d, g: Tensor) -> Tensor:
    return F.conv2d(g, convolution.weight.flip(2, 3).transpose(0, 1), padding=1)


def example(encoder: PerceptualEncoder, height: int = 64, width: int = 96) -> tuple[Tensor, ...]:
    """Random inputs of the gradient graph."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, height, width, generator=generator)
    with torch.no_grad():
        found = Features(encoder)(image)
    vectors = [F.normalize(torch.rand(f.shape, generator=generator), dim=1) for f in found]
    weights = [torch.rand(1, 1, *f.shape[2:], generator=generator) for f in found]
    grams = [torch.rand(f.shape[1], f.shape[1], generator=generator) * f.square().mean() for f in found]
    grams = [each + each.t() for each in grams]  # symmetric, as those of a style
    return image, torch.tensor([0.3, 0.5, 1.0, 2.0]), *vectors, *weights, *grams


def export_painter(encoder: PerceptualEncoder, folder: Path) -> list[Path]:
    """Write both graphs, weights in float16; existing files are replaced."""
    encoder = encoder.eval().requires_grad_(False)
    inputs = example(encoder)
    names = [
        "image",
        "gram_weights",
        *(f"{kind}_{layer}" for kind in ("target", "weight", "gram") for layer in LAYERS),
    ]
    free = {
        f"{kind}_{layer}": {2: f"height {layer}", 3: f"width {layer}"}
        for kind in ("target", "weight")
        for layer in LAYERS
    }
    image = {"image": {2: "height", 3: "width"}}
    layers = {layer: {2: f"height {layer}", 3: f"width {layer}"} for layer in LAYERS}
    paths = []
    for role, module, given, taken, returned, axes in (
        ("features", Features(encoder), inputs[:1], names[:1], list(LAYERS), image | layers),
        ("gradient", Gradient(encoder), inputs, names, ["loss", "grad"], image | free),
    ):
        path = folder / FILES[role]
        about = {"restyle_model": MODEL, "stride": str(STRIDES[-1])}
        write_graph(module, given, taken, returned, path, about, axes)
        paths.append(path)
    return paths


def main() -> None:
    """Export the graphs of the shipped encoder and print their sizes."""
    parser = argparse.ArgumentParser(description="Write the graphs of the method paint.")
    shipped = catalog.find("encoder-4").file("encoder").path
    parser.add_argument("encoder", nargs="?", type=Path, default=shipped)
    chosen = parser.parse_args()
    paths = export_painter(load_encoder(chosen.encoder), shipped.parent)
    parser.exit(0, "".join(f"{path.name} {path.stat().st_size / 1e6:.2f} MB\n" for path in paths))


if __name__ == "__main__":
    main()
