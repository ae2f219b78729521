"""VGG-shaped networks (Simonyan and Zisserman 2015): teachers from files, and VGG-19 itself.

Images [N, 3, H, W], RGB, 0..1 go in, normalization included; features relu1_1 .. relu5_1 come out. Differs
from torchvision's VGG-19, as usual in style transfer: borders are padded by reflection, because zeros would
be a texture of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.models import catalog

# VGG-19: 3x3 convolutions of each block (configuration E) and their channels.
DEPTHS = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)
# Of ImageNet; torchvision normalizes its inputs by them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class VGGTeacher(nn.Module):
    """A frozen VGG-shaped network, which may end before block 5.

    Parameters
    ----------
    weights : mapping of str to Tensor
        ``conv0``, a 1x1 convolution that normalizes the input; 3x3 convolutions ``convB_I``; optionally 1x1
        convolutions ``headB_1`` from the channels of a block's first layer to those of VGG-19.

    Raises
    ------
    ModelError
        They are not those of such a network.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        if "conv0.weight" not in weights or "conv1_1.weight" not in weights:
            raise ModelError("the teacher file has no conv0 and conv1_1: not a VGG-shaped teacher")
        self.names = sorted(name.removesuffix(".weight") for name in weights if name.endswith(".weight"))
        for name, value in weights.items():
            value = value.float()
            if value.ndim == 4:  # channels last: four times as fast on a CPU
                value = value.contiguous(memory_format=torch.channels_last)
            self.register_buffer(name.replace(".", "_"), value)

    @classmethod
    def load(cls, path: str | Path) -> VGGTeacher:
        """Read a teacher from a safetensors file; ModelError if it is missing or damaged."""
        if not Path(path).is_file():
            raise ModelError(f"teacher {str(path)!r} does not exist: give a .safetensors file")
        return VGGTeacher(read_tensors(path)[1])

    def features(self, x: Tensor, heads: bool = True, until: int = 5) -> list[Tensor]:
        """reluB_1 of each block B up to `until`, through the heads if there are any and `heads` is set."""
        h, found = self._convolve("conv0", x), []
        for block in range(1, until + 1):
            if f"conv{block}_1" not in self.names:
                break
            if block > 1:
                h = F.max_pool2d(h, 2)
            layer = 1
            while f"conv{block}_{layer}" in self.names:
                h = F.relu(self._convolve(f"conv{block}_{layer}", h), inplace=True)
                if layer == 1:
                    wide = heads and f"head{block}_1" in self.names
                    found.append(F.relu(self._convolve(f"head{block}_1", h), inplace=True) if wide else h)
                    if block == until:
                        return found
                layer += 1
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)

    def _convolve(self, name: str, x: Tensor) -> Tensor:
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        if weight.shape[-1] == 3:
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype))


class VGG19(VGGTeacher):
    """VGG-19 with the weights that torchvision publishes: `restyle models pull vgg19`.

    Parameters
    ----------
    weights : mapping of str to Tensor
        ``features.N.weight`` and ``.bias``; the classifier is not needed, nor are the last layers.

    Raises
    ------
    ModelError
        There is no first layer, or a tensor does not have the shape of VGG-19.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        # (x - MEAN) / DEVIATION as a 1x1 convolution.
        mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        own = {"conv0.weight": torch.diag(1 / deviation)[..., None, None], "conv0.bias": -mean / deviation}
        channels = 3
        for name, published, width in vgg19_layers():
            if f"{published}.weight" not in weights or f"{published}.bias" not in weights:
                break
            weight, bias = weights[f"{published}.weight"], weights[f"{published}.bias"]
            if tuple(weight.shape) != (width, channels, 3, 3) or tuple(bias.shape) != (width,):
                raise ModelError(f"not the weights of VGG-19: {published} has shape {tuple(weight.shape)}")
            own |= {f"{name}.weight": weight, f"{name}.bias": bias}
            channels = width
        if channels == 3:
            raise ModelError("not the weights of VGG-19: there is no features.0")
        super().__init__(own)

    def widened(self, features: Sequence[Tensor], first: int = 0) -> list[Tensor]:
        """Return the features, which have VGG-19's channels already; see `PerceptualEncoder.widened`."""
        return list(features)


def vgg19_layers() -> Iterator[tuple[str, str, int]]:
    """Yield name, name in torchvision's file, and channels of each convolution.

    Examples
    --------
    >>> list(vgg19_layers())[4]
    ('conv3_1', 'features.10', 256)
    """
    index = 0
    for block, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True), 1):
        for layer in range(1, depth + 1):
            yield f"conv{block}_{layer}", f"features.{index}", width
            index += 2  # its ReLU
        index += 1  # the pooling


def load_vgg19() -> VGG19:
    """Read VGG-19 from the user's folder; ModelError if it was not pulled (the message says how)."""
    return VGG19(load(catalog.find("vgg19").file("encoder").read()))


def read_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read metadata and tensors of a safetensors file; ModelError if it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        return metadata, load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{str(path)!r} is not a readable safetensors file: {error}") from None
