"""LPIPS itself: AlexNet's features with the learnt weights of channels, version 0.1.

Reference: Zhang, Isola, Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric". The weights are torchvision's AlexNet and the authors' linear layers; neither ships with
restyle: `restyle models pull lpips-alex` fetches them, or takes them from files.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from restyle.errors import InputError, ModelError
from restyle.models import catalog
from restyle.nn.numpy_encoder import as_batch
from restyle.types import FloatArray

# Convolutions of torchvision's AlexNet: name, shape, stride, padding; a pooling precedes the second and
# third.
CONVOLUTIONS = (
    ("features.0", (64, 3, 11, 11), 4, 2, False),
    ("features.3", (192, 64, 5, 5), 1, 2, True),
    ("features.6", (384, 192, 3, 3), 1, 1, True),
    ("features.8", (256, 384, 3, 3), 1, 1, False),
    ("features.10", (256, 256, 3, 3), 1, 1, False),
)
LAYERS = ("relu1", "relu2", "relu3", "relu4", "relu5")
# The authors' input scaling, of pictures in -1..1.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
SMALLEST = 31  # px: below it the second pooling finds nothing


class LpipsAlex:
    """Features of AlexNet and the weights of their channels.

    Parameters
    ----------
    network : mapping of str to Tensor
        `features.N.weight` and `.bias` of torchvision's AlexNet.
    linear : mapping of str to Tensor
        `linN.model.1.weight` [1, C, 1, 1] of the authors' `alex.pth`, version 0.1.

    Raises
    ------
    ModelError
        A tensor is missing or has another shape.
    """

    def __init__(self, network: Mapping[str, Tensor], linear: Mapping[str, Tensor]) -> None:
        self._layers = []
        self.weights: dict[str, FloatArray] = {}
        for index, (name, shape, stride, padding, pooled) in enumerate(CONVOLUTIONS):
            weight = _tensor(network, f"{name}.weight", shape)
            bias = _tensor(network, f"{name}.bias", shape[:1])
            self._layers.append((weight, bias, stride, padding, pooled))
            learnt = _tensor(linear, f"lin{index}.model.1.weight", (1, shape[0], 1, 1))
            self.weights[LAYERS[index]] = learnt.flatten().numpy()

    @torch.inference_mode()
    def features(self, picture: FloatArray) -> dict[str, FloatArray]:
        """Features after the five ReLUs of a picture [shape=(H, W, 3), float32, range 0..1, RGB]."""
        if min(picture.shape[:2]) < SMALLEST:
            raise InputError(f"LPIPS needs pictures of {SMALLEST} px a side")
        shift, scale = (torch.tensor(each).view(1, 3, 1, 1) for each in (SHIFT, SCALE))
        h, found = (as_batch(picture) * 2 - 1 - shift) / scale, {}
        for layer, (weight, bias, stride, padding, pooled) in zip(LAYERS, self._layers, strict=True):
            if pooled:
                h = F.max_pool2d(h, 3, 2)
            h = F.relu(F.conv2d(h, weight, bias, stride, padding))
            found[layer] = h[0].numpy()
        return found


def load_lpips() -> LpipsAlex:
    """Read both files from the user's folder.

    Raises
    ------
    ModelError
        They were not pulled yet (the message says how), or are damaged.
    """
    record = catalog.find("lpips-alex")
    return LpipsAlex(load(record.file("network").read()), load(record.file("linear").read()))


def _tensor(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    found = tensors.get(name)
    if found is None or tuple(found.shape) != shape:
        what = "missing" if found is None else f"of shape {tuple(found.shape)}"
        raise ModelError(f"not the weights of LPIPS on AlexNet: {name} is {what}; it should be {shape}")
    return found.float()
