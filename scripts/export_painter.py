"""Export the perceptual encoder as the graphs that `paint` uses: features, and the gradient of its loss.

    python -m scripts.export_painter   # of encoder-4, in place; then scripts/refresh_catalog.py

ONNX Runtime for inference has no automatic differentiation, so the gradient has graphs of its own: the
gradient of a 3x3 convolution is a convolution with the kernel rotated and the channels exchanged, that of
ReLU and max-pooling is a mask. The first block, at full size, has two graphs, forward and backward, that run
on bands of rows: its maps would take most of the memory, and those of a band stay in the cache.
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
from restyle.train.export import write_graph

DEPTH = len(LAYERS)
FILES = {role: f"painter_{role}.onnx" for role in ("features", "forward", "gradient", "backward")}
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

    def run(self, h: Tensor, first: int = 0) -> tuple[list[Tensor], Tape]:
        """Features from the block `first` on, and all operations with module and masks of the gradient.

        `h` is what goes into that block. ONNX Runtime computes a mask just before it is used if the graph
        defines it early, as here, and holds it from the start if the graph defines it late.
        """
        found: list[Tensor] = []
        tape: Tape = []
        for index in range(first, DEPTH):
            block, side = self.blocks[index], self.sides[index]
            if index > first:
                pooled = F.max_pool2d(h, 2)
                # a tie passes to all of its pixels; PyTorch picks one
                tape.append(("pool", None, [_positive(pooled), (h == _enlarged(pooled)).to(h.dtype)]))
                h = pooled
            known = len(found)
            if isinstance(side, nn.Conv2d):
                out = _conv(side, h)
                tape.append(("side", side, [_positive(out)]))
                found.append(out)
            for convolution in block:  # type: ignore[attr-defined]
                out = _conv(convolution, h)
                tape.append(("conv", convolution, [_positive(out)]))
                h = out
                if len(found) == known:
                    found.append(h)
                    tape.append(("tap", None, []))
        return found, tape

    @property
    def first(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The convolutions of the first block."""
        block = cast(nn.ModuleList, self.blocks[0])
        return cast(nn.Conv2d, block[0]), cast(nn.Conv2d, block[1])


class Features(Encoder):
    """image [1, 3, H, W], RGB, range 0..1 -> the four layers."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.run(image * 2 - 1)[0])


class Forward(Encoder):
    """The first block of some rows: what the other graphs need of them.

    image [1, 3, h, W], RGB, range 0..1; inside [1, 1, h, 1], 1 where the rows count, 0 where they overlap
    -> relu1_1 [1, C, h, W]; chosen [1, C, h, W], uint8, where max-pooling takes its maximum from;
    pooled [1, C, h / 2, W / 2]; products [C, C], of relu1_1 with itself.
    """

    def forward(self, image: Tensor, inside: Tensor) -> tuple[Tensor, ...]:
        one, two = self.first
        found = _conv(one, image * 2 - 1)
        last = _conv(two, found)
        pooled = F.max_pool2d(last, 2)
        chosen = (last == _enlarged(pooled)).to(torch.uint8)
        counted, flat = (each.reshape(found.shape[1], -1) for each in (found * inside, found))
        return found, chosen, pooled, counted @ flat.t()


class Gradient(Encoder):
    """Loss of all but the cosines of relu1_1, and its gradient with respect to the pooled first block.

    Also gives `apart` [C, C], by which the Gram matrix of relu1_1 enters its gradient.
    """

    def forward(
        self, pooled: Tensor, products: Tensor, gram_weights: Tensor, *targets: Tensor
    ) -> tuple[Tensor, ...]:
        grams, vectors, weights = targets[:DEPTH], targets[DEPTH : 2 * DEPTH - 1], targets[2 * DEPTH - 1 :]
        places = 4 * pooled.shape[2] * pooled.shape[3]
        loss, apart = _gram_loss(products, places, grams[0], gram_weights[0])
        found, tape = self.run(pooled, 1)
        seeds = []
        for index, features in enumerate(found):
            part, seed = _loss(
                features, vectors[index], weights[index], grams[index + 1], gram_weights[index + 1]
            )
            loss = loss + part
            seeds.append(seed)
        g = self._backward(tape, seeds)
        return loss, apart, g * _positive(pooled)

    def _backward(self, tape: Tape, seeds: list[Tensor]) -> Tensor:
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
        return g


class Backward(Encoder):
    """Cosine loss of relu1_1 of some rows, and the gradient of the complete loss with respect to them.

    Takes what `Forward` gave, the gradient [1, C, h / 2, W / 2] and `apart` of `Gradient`, and target and
    weight of relu1_1, the weight divided by the number of places of the picture.
    """

    def forward(
        self,
        relu1_1: Tensor,
        chosen: Tensor,
        gradient: Tensor,
        apart: Tensor,
        target_relu1_1: Tensor,
        weight_relu1_1: Tensor,
        inside: Tensor,
    ) -> tuple[Tensor, ...]:
        one, two = self.first
        missing, seed = _cosine_loss(relu1_1, target_relu1_1, weight_relu1_1, apart)
        g = _backward(two, _enlarged(gradient) * chosen.to(relu1_1.dtype)) + seed
        loss = (weight_relu1_1 * inside * missing).sum()
        return loss, _backward(one, g * _positive(relu1_1)) * 2


def _loss(
    features: Tensor, vectors: Tensor, weights: Tensor, gram: Tensor, gram_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Loss of one layer and its gradient with respect to the features."""
    places = features.shape[2] * features.shape[3]
    flat = features.reshape(features.shape[1], -1)
    loss, apart = _gram_loss(flat @ flat.t(), places, gram, gram_weight)
    missing, seed = _cosine_loss(features, vectors, weights / places, apart)
    return loss + (weights * missing).sum() / places, seed


def _gram_loss(products: Tensor, places: int, gram: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Relative squared distance of Gram matrices, and the matrix that its gradient multiplies features by."""
    apart = products / places - gram
    size = (gram * gram).sum() + 1e-8
    return weight * (apart * apart).sum() / size, apart * (weight * 4 / places / size)


def _cosine_loss(features: Tensor, vectors: Tensor, weights: Tensor, apart: Tensor) -> tuple[Tensor, Tensor]:
    """1 - cosine of each place, and the gradient of its weighted sum plus `apart` x features.

    Few operations on all channels: those take a third of the time of a step.
    """
    channels = features.shape[1]
    flat, wanted, scale = (each.reshape(each.shape[1], -1) for each in (features, vectors, weights))
    ones = torch.ones(1, channels)  # sums over channels are faster as products
    length = (ones @ (flat * flat) + 1e-6).sqrt()
    cosine = ones @ (flat * wanted) / length
    scale = scale / length
    seed = flat * (scale * cosine / length) - wanted * scale
    seed = torch.addmm(seed, apart, flat)
    return (1 - cosine).reshape(weights.shape), seed.reshape(features.shape)


def _positive(features: Tensor) -> Tensor:
    return (features > 0).to(features.dtype)


def _enlarged(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


def _conv(convolution: nn.Conv2d, h: Tensor) -> Tensor:
    return F.relu(F.conv2d(h, convolution.weight, convolution.bias, padding=1))


def _backward(convolution: nn.Conv2d, g: Tensor) -> Tensor:
    return F.conv2d(g, convolution.weight.flip(2, 3).transpose(0, 1), padding=1)


Examples = dict[str, dict[str, Tensor]]  # inputs by name, of each graph


def examples(encoder: PerceptualEncoder, height: int = 64, width: int = 96) -> Examples:
    """Random inputs of the graphs; those of `gradient` and `backward` follow from those of `forward`."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    image, inside = random(1, 3, height, width), torch.ones(1, 1, height, 1)
    gradient: dict[str, Tensor] = {}
    with torch.no_grad():
        found = Features(encoder)(image)
        for layer, each in zip(LAYERS, found, strict=True):
            gradient[f"target_{layer}"] = F.normalize(random(*each.shape), dim=1)
            gradient[f"weight_{layer}"] = random(1, 1, *each.shape[2:])
            gram = random(each.shape[1], each.shape[1]) * each.square().mean()
            gradient[f"gram_{layer}"] = gram + gram.t()  # symmetric, as those of a style
        relu, chosen, pooled, products = Forward(encoder)(image, inside)
        gram_weights = torch.tensor([0.3, 0.5, 1.0, 2.0])
        gradient |= {"pooled": pooled, "products": products, "gram_weights": gram_weights}
        backward = {
            "relu1_1": relu,
            "chosen": chosen,
            "target_relu1_1": gradient.pop("target_relu1_1"),
            "weight_relu1_1": gradient.pop("weight_relu1_1") / (height * width),
            "inside": inside,
        }
        gradient = {name: gradient[name] for name in INPUTS["gradient"]}
        _, apart, g = Gradient(encoder)(*gradient.values())
        backward |= {"gradient": g, "apart": apart}
        backward = {name: backward[name] for name in INPUTS["backward"]}
    return {
        "features": {"image": image},
        "forward": {"image": image, "inside": inside},
        "gradient": gradient,
        "backward": backward,
    }


MODULES = {"features": Features, "forward": Forward, "gradient": Gradient, "backward": Backward}
INPUTS = {
    "gradient": (
        "pooled",
        "products",
        "gram_weights",
        *(f"gram_{layer}" for layer in LAYERS),
        *(f"{kind}_{layer}" for kind in ("target", "weight") for layer in LAYERS[1:]),
    ),
    "backward": ("relu1_1", "chosen", "gradient", "apart", "target_relu1_1", "weight_relu1_1", "inside"),
}
OUTPUTS = {
    "features": LAYERS,
    "forward": ("relu1_1", "chosen", "pooled", "products"),
    "gradient": ("loss", "apart", "gradient"),
    "backward": ("loss", "grad"),
}


def export_painter(encoder: PerceptualEncoder, folder: Path) -> list[Path]:
    """Write the graphs, weights in float16; existing files are replaced."""
    encoder = encoder.eval().requires_grad_(False)
    paths = []
    for role, inputs in examples(encoder).items():
        path = folder / FILES[role]
        free = {name: _free_axes(name) for name in (*inputs, *OUTPUTS[role])}
        write_graph(
            MODULES[role](encoder),
            tuple(inputs.values()),
            list(inputs),
            list(OUTPUTS[role]),
            path,
            {"restyle_model": MODEL, "stride": str(STRIDES[-1])},
            {name: axes for name, axes in free.items() if axes},
        )
        paths.append(path)
    return paths


def _free_axes(name: str) -> dict[int, str]:
    """Names of the axes of a map whose sizes are free."""
    if name.startswith("gram") or name in ("products", "apart", "loss"):
        return {}
    if name == "inside":
        return {2: "height"}
    layer = next((each for each in LAYERS if name.endswith(each)), "pooled")
    if name in ("image", "chosen", "grad") or layer == LAYERS[0]:
        return {2: "height", 3: "width"}
    return {2: f"height {layer}", 3: f"width {layer}"}


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
