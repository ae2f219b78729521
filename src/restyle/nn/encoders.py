"""Encoders: their deep features represent content, the statistics of their features represent style.

All are VGG-shaped (Simonyan and Zisserman 2015) and name their layers as VGG-19 does: restyle's compact
encoders, teachers from files, and VGG-19 itself. Images [N, 3, H, W] float, RGB, 0..1 go in, normalization
included; features relu1_1 .. relu5_1 come out. Differs from torchvision's VGG-19, as usual in style transfer:
borders are padded by reflection, because zeros would be a texture of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from restyle.errors import InputError, ModelError
from restyle.models import catalog
from restyle.models.session import EMBEDDED, LAYERS, SMALLEST, as_batch
from restyle.nn import initialize_convolutions
from restyle.options.train import ENCODERS
from restyle.types import FloatArray, PathLike

# VGG-19: 3x3 convolutions of each block (configuration E) and their channels.
DEPTHS = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)
# Of ImageNet; torchvision normalizes its inputs by them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class VGGTeacher(nn.Module):
    """A frozen VGG-shaped network, which may end before block 5.

    weights : ``conv0``, a 1x1 convolution that normalizes the input; 3x3 convolutions ``convB_I``; optionally
        1x1 convolutions ``headB_1`` from the channels of a block's first layer to those of VGG-19

    Raises ModelError if they are not those of such a network.
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

    weights : ``features.N.weight`` and ``.bias``; the classifier is not needed, nor are the last layers

    Raises ModelError if there is no first layer, or a tensor does not have the shape of VGG-19.
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


_FORMAT = "restyle-encoder/1"
_SHAPE = ("widths", "depths", "heads", "sides")  # in a file's metadata; older files have no sides


@dataclass(frozen=True)
class EncoderShape:
    """Shape of an encoder, block by block.

    widths : channels
    depths : 3x3 convolutions; the last block needs one
    heads  : channels that a 1x1 convolution widens the first layer to, for distillation
    sides  : channels of a 3x3 convolution beside the block, whose output replaces its first layer and has no
             head; 0 or empty for none
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 128)
    depths: tuple[int, ...] = (2, 2, 3, 3, 1)
    heads: tuple[int, ...] = (64, 128, 256, 512, 512)
    sides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sides", self.sides or (0,) * len(self.widths))


class PerceptualEncoder(nn.Module):
    """restyle's compact encoder, distilled from larger ones by `restyle train encoder`.

    Half a million parameters instead of VGG-19's twenty million. The 1x1 heads map each layer to the channels
    of VGG-19.
    """

    def __init__(self, shape: EncoderShape | None = None) -> None:
        super().__init__()
        self.shape = shape or EncoderShape()
        channels = 3
        self.blocks, self.sides = nn.ModuleList(), nn.ModuleList()
        for width, depth, side in zip(self.shape.widths, self.shape.depths, self.shape.sides, strict=True):
            self.sides.append(nn.Conv2d(channels, side, 3) if side else nn.Identity())
            widths = [channels] + [width] * depth
            self.blocks.append(nn.ModuleList(nn.Conv2d(a, b, 3) for a, b in pairwise(widths)))
            channels = widths[-1]
        self.heads = nn.ModuleList(
            nn.Identity() if side else nn.Conv2d(width, head, 1)
            for width, head, side in zip(self.shape.widths, self.shape.heads, self.shape.sides, strict=True)
        )
        initialize_convolutions(self)

    def features(self, x: Tensor) -> list[Tensor]:
        """relu1_1 .. relu5_1 of images [N, 3, H, W], RGB, 0..1, of at least 32 px a side."""
        h, found = x * 2 - 1, []
        for index, block in enumerate(self.blocks):
            if index:
                h = F.max_pool2d(h, 2)
            assert isinstance(block, nn.ModuleList)
            side = self.sides[index]
            if isinstance(side, nn.Conv2d):
                found.append(F.relu(_padded(side, h)))
            for convolution in block:
                h = F.relu(_padded(convolution, h))  # type: ignore[arg-type]
                if len(found) == index:
                    found.append(h)
        return found

    def widened(self, features: Sequence[Tensor], first: int = 0) -> list[Tensor]:
        """Features of the layers from number `first` on, through the heads: estimates of VGG-19's."""
        return [F.relu(head(f)) for head, f in zip(self.heads[first:], features, strict=True)]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)


def _padded(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve after reflection padding by one, so that borders look like the interior."""
    return convolution(F.pad(x, (1, 1, 1, 1), mode="reflect"))  # type: ignore[no-any-return]


def save_encoder(encoder: PerceptualEncoder, path: str | Path) -> None:
    """Write the encoder as a float16 safetensors file, with its shape in the metadata."""
    tensors = {k: v.detach().half().cpu().contiguous() for k, v in encoder.state_dict().items()}
    shape = {name: ",".join(map(str, getattr(encoder.shape, name))) for name in _SHAPE}
    save_file(tensors, path, metadata={"format": _FORMAT, **shape})


def load_encoder(path: str | Path) -> PerceptualEncoder:
    """Read an encoder written by `save_encoder`; weights become float32.

    Raises ModelError if the file is missing, damaged, or of another format.
    """
    if not Path(path).is_file():
        raise ModelError(f"encoder {str(path)!r} does not exist: make one with `restyle train encoder`")
    metadata, tensors = read_tensors(path)
    if metadata.get("format") != _FORMAT:
        raise ModelError(f"{str(path)!r} is not a restyle encoder file")
    shape = {name: tuple(map(int, metadata[name].split(","))) for name in _SHAPE if name in metadata}
    encoder = PerceptualEncoder(EncoderShape(**shape))
    encoder.load_state_dict({k: v.float() for k, v in tensors.items()})
    return encoder


def encoder_names() -> list[str]:
    """Names of the encoders in the catalog, whether their files exist or not."""
    return [name for name, record in catalog.records().items() if record.method == "encoder"]


def perceptual_encoder(name: str = EMBEDDED) -> PerceptualEncoder | VGG19:
    """Load an encoder of the catalog, frozen.

    Raises ModelError if there is no such encoder; or its file is missing (the message says how to get it) or
    damaged.
    """
    if name not in encoder_names():
        raise ModelError(f"no encoder is called '{name}'; there are {', '.join(encoder_names())}")
    file = catalog.find(name).file("encoder")
    file.read()  # checks the hash
    encoder = load_vgg19() if name == "vgg19" else load_encoder(file.path)
    return encoder.eval().requires_grad_(False)


LossNetwork = PerceptualEncoder | VGGTeacher


def load_loss_networks(encoders: PathLike) -> list[LossNetwork]:
    """Load perceptual encoders, separated by commas."""
    return [load_loss_network(each.strip()) for each in str(encoders).split(",")]


def load_loss_network(encoder: PathLike) -> LossNetwork:
    """Load the perceptual encoder that losses are computed with: a name in the catalog, or a file."""
    name = str(encoder)
    if name in encoder_names():
        network: LossNetwork = perceptual_encoder(name)
    elif not Path(name).is_file():
        raise InputError(f"there is no encoder {name!r}; omit it to use the default ({ENCODERS})")
    else:
        try:
            with safe_open(name, framework="pt") as file:
                own = "format" in (file.metadata() or {})
        except SafetensorError as error:
            raise InputError(f"{name!r} is not a readable safetensors file: {error}") from None
        network = load_encoder(name).requires_grad_(False) if own else VGGTeacher.load(name)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class ArrayEncoder:
    """An encoder for NumPy arrays.

    name : a name: see `perceptual_encoder`. A path: a file for `VGGTeacher.load`, with all five blocks

    Raises ModelError if there is no such encoder, or the file is not deep enough.
    """

    def __init__(self, name: str | Path) -> None:
        self._network: PerceptualEncoder | VGGTeacher
        if isinstance(name, Path):
            self._network = VGGTeacher.load(name)
            if f"conv{len(LAYERS)}_1" not in self._network.names:
                raise ModelError(f"{name}: has no conv{len(LAYERS)}_1; all five blocks are needed")
        else:
            self._network = perceptual_encoder(name)

    @torch.inference_mode()
    def features(self, picture: FloatArray) -> dict[str, FloatArray]:
        """Compute relu1_1 to relu5_1.

        picture : [H, W, 3] float32, 0..1, RGB; at least 32 px a side

        Returns [C, H, W] float32 by layer.
        """
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            raise InputError(f"{width} x {height} px is too small: features need {SMALLEST} px a side")
        found = self._network.features(torch.from_numpy(as_batch(picture)))
        return {layer: each[0].float().numpy() for layer, each in zip(LAYERS, found, strict=True)}
