"""VGG-19 as torchvision publishes it, for those who have pulled it: `restyle models pull vgg19`.

It has the interface of restyle's own perceptual encoder: pictures [N, 3, H, W], RGB, 0..1 go in, and the
features relu1_1 .. relu5_1 come out. Differs from torchvision's network, as style transfer usually does:
borders are padded by reflection and not with zeros, which would be a texture of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.files import reason
from restyle.models import catalog
from restyle.nn.encoders import LAYERS

# 3x3 convolutions of each block (configuration E of Simonyan and Zisserman 2015).
DEPTHS = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)
# Of ImageNet, which torchvision normalises its inputs by.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def layer_names() -> dict[str, str]:
    """Names of the convolutions here -> in torchvision's file: `conv3_1` -> `features.10`."""
    names, index = {}, 0
    for block, depth in enumerate(DEPTHS, 1):
        for layer in range(1, depth + 1):
            names[f"conv{block}_{layer}"] = f"features.{index}"
            index += 2  # its ReLU
        index += 1  # the pooling
    return names


class VGG19(nn.Module):
    """The convolutions of VGG-19, frozen.

    Parameters
    ----------
    weights : mapping of str to Tensor
        `features.N.weight` and `.bias`, as in torchvision's file; the classifier is not needed. Layers may be
        missing from the deep end.

    Raises
    ------
    ModelError
        There is no first layer, or a tensor has another shape than in VGG-19.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names: list[str] = []
        channels = 3
        for name, published in layer_names().items():
            if f"{published}.weight" not in weights or f"{published}.bias" not in weights:
                break
            width = WIDTHS[int(name[4]) - 1]
            weight, bias = weights[f"{published}.weight"], weights[f"{published}.bias"]
            if tuple(weight.shape) != (width, channels, 3, 3) or tuple(bias.shape) != (width,):
                raise ModelError(f"not the weights of VGG-19: {published} has shape {tuple(weight.shape)}")
            # Channels last: several times as fast on a CPU.
            self.register_buffer(
                f"{name}_weight", weight.float().contiguous(memory_format=torch.channels_last)
            )
            self.register_buffer(f"{name}_bias", bias.float())
            self.names.append(name)
            channels = width
        if not self.names:
            raise ModelError("not the weights of VGG-19: there is no features.0")
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def layers(self, x: Tensor, wanted: Sequence[str]) -> list[Tensor]:
        """Features after the named layers, in the order of the names.

        Parameters
        ----------
        x : Tensor [N, 3, H, W], RGB, 0..1; H and W at least 32 to reach block 5
        wanted : sequence of str
            `reluB_I`, such as `relu4_2`.

        Raises
        ------
        ModelError
            There is no such layer.
        """
        last = max((self._place(name) for name in wanted), default=-1)
        mean, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        h, found = (x - mean.to(x.dtype)) / deviation.to(x.dtype), {}
        for name in self.names[: last + 1]:
            if name.endswith("_1") and name != "conv1_1":
                h = F.max_pool2d(h, 2)
            weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
            h = F.relu(F.conv2d(F.pad(h, (1, 1, 1, 1), mode="reflect"), weight.to(h.dtype), bias.to(h.dtype)))
            found[name.replace("conv", "relu")] = h
        return [found[name] for name in wanted]

    def features(self, x: Tensor) -> list[Tensor]:
        """relu1_1 .. relu5_1 of pictures [N, 3, H, W], RGB 0..1, H and W at least 32."""
        return self.layers(x, [name for name in LAYERS if name.replace("relu", "conv") in self.names])

    def widened(self, features: Sequence[Tensor], first: int = 0) -> list[Tensor]:
        """The features themselves: they have VGG-19's own widths."""
        return list(features)

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)

    def _place(self, name: str) -> int:
        convolution = name.replace("relu", "conv")
        if not re.fullmatch(r"relu\d_\d", name) or convolution not in self.names:
            known = ", ".join(each.replace("conv", "relu") for each in self.names)
            raise ModelError(f"VGG-19 has no layer '{name}' here; it has {known}")
        return self.names.index(convolution)


def load_vgg19(path: str | Path | None = None) -> VGG19:
    """Read VGG-19 from the user's folder, or from a safetensors file with torchvision's names.

    Raises
    ------
    ModelError
        It was not pulled yet (the message says how), or is damaged.
    """
    if path is None:
        return VGG19(load(catalog.find("vgg19").file("encoder").read()))
    try:
        return VGG19(load(Path(path).read_bytes()))
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {reason(error)}") from error
    except SafetensorError as error:
        raise ModelError(f"'{path}' is no safetensors file ({error})") from error
