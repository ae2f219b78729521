"""Perceptual encoders: convolutional networks whose features tell content (deep) from style (statistics).

All of them are VGG-shaped (Simonyan and Zisserman 2015) and name their layers as VGG-19 does. Pictures
go in as [N, 3, H, W] float, RGB, 0..1; the input normalisation is inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from restyle.errors import ModelError

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_SHAPE = ("widths", "depths", "heads", "sides")  # of a file's metadata; sides came later


def _padded(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve after reflection padding by one, so that borders look like the interior."""
    return convolution(F.pad(x, (1, 1, 1, 1), mode="reflect"))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class EncoderShape:
    """Widths and depths of a VGG-shaped encoder, block by block.

    widths : channels of each block
    depths : 3x3 convolutions of each block; the last block needs one, for its ``relu5_1``
    heads  : channels that each block's first layer is widened to by a 1x1 convolution (distillation)
    sides  : channels of a 3x3 convolution beside each block, which then stands for its first layer as it is
             seen, as wide as the teacher's and so without a head; 0 for none, empty for none at all
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 128)
    depths: tuple[int, ...] = (2, 2, 3, 3, 1)
    heads: tuple[int, ...] = (64, 128, 256, 512, 512)
    sides: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sides", self.sides or (0,) * len(self.widths))


class PerceptualEncoder(nn.Module):
    """restyle's own compact encoder, distilled from wider ones by `restyle train encoder`.

    Half a million parameters instead of VGG-19's twenty million, so that style can be measured on a
    laptop. The 1x1 heads map each layer to the width of the teacher's; they serve distillation and
    whoever wants features as wide as VGG's.
    """

    def __init__(self, shape: EncoderShape | None = None) -> None:
        super().__init__()
        self.shape = shape or EncoderShape()
        channels = 3
        self.blocks, self.sides = nn.ModuleList(), nn.ModuleList()
        for width, depth, side in zip(self.shape.widths, self.shape.depths, self.shape.sides, strict=True):
            self.sides.append(nn.Conv2d(channels, side, 3) if side else nn.Identity())
            block = nn.ModuleList()
            for _ in range(depth):
                block.append(nn.Conv2d(channels, width, 3))
                channels = width
            self.blocks.append(block)
        self.heads = nn.ModuleList(
            nn.Identity() if side else nn.Conv2d(width, head, 1)
            for width, head, side in zip(self.shape.widths, self.shape.heads, self.shape.sides, strict=True)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def features(self, x: Tensor) -> list[Tensor]:
        """relu1_1 .. relu5_1 of pictures [N, 3, H, W], RGB 0..1, H and W at least 32."""
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
        """Features of the layers from number `first` on, through the heads: estimates of the teacher's."""
        return [F.relu(head(f)) for head, f in zip(self.heads[first:], features, strict=True)]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)


class VGGTeacher(nn.Module):
    """A frozen VGG-shaped network read from a teacher file, cut after the deepest layer it holds.

    Reads both layouts under ``../shared/teachers``: ``convB_I`` 3x3 convolutions with a 1x1 ``conv0`` that
    normalises the input, and optionally 1x1 ``headB_1`` convolutions to VGG-19's own widths.

    Raises ModelError when the file is not such a network.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        if "conv0.weight" not in weights or "conv1_1.weight" not in weights:
            raise ModelError("the teacher file has no conv0 and conv1_1: not a VGG-shaped teacher")
        self.names = sorted(n.removesuffix(".weight") for n in weights if n.endswith(".weight"))
        for name, value in weights.items():
            value = value.float()
            if value.ndim == 4:  # channels last: four times as fast on a CPU
                value = value.contiguous(memory_format=torch.channels_last)
            self.register_buffer(name.replace(".", "_"), value)

    @classmethod
    def load(cls, path: str | Path) -> VGGTeacher:
        """Read a teacher from a safetensors file; raises ModelError when it is missing or damaged."""
        if not Path(path).is_file():
            raise ModelError(f"teacher {str(path)!r} does not exist: give a .safetensors file")
        return cls(_read(path)[1])

    def _conv(self, name: str, x: Tensor) -> Tensor:
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        if weight.shape[-1] == 3:
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype))

    def features(self, x: Tensor, heads: bool = True, until: int = 5) -> list[Tensor]:
        """reluB_1 of every block B up to `until`, through the heads if `heads` is set and there are any."""
        h, found = self._conv("conv0", x), []
        for block in range(1, until + 1):
            if f"conv{block}_1" not in self.names:
                break
            if block > 1:
                h = F.max_pool2d(h, 2)
            layer = 1
            while f"conv{block}_{layer}" in self.names:
                h = F.relu(self._conv(f"conv{block}_{layer}", h), inplace=True)
                if layer == 1:
                    wide = heads and f"head{block}_1" in self.names
                    found.append(F.relu(self._conv(f"head{block}_1", h), inplace=True) if wide else h)
                    if block == until:
                        return found
                layer += 1
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)


def save_encoder(encoder: PerceptualEncoder, path: str | Path) -> None:
    """Write the encoder as a float16 safetensors file with its shape in the metadata."""
    from safetensors.torch import save_file

    tensors = {k: v.detach().half().cpu().contiguous() for k, v in encoder.state_dict().items()}
    shape = encoder.shape
    metadata = {
        "format": "restyle-encoder/1",
        **{name: ",".join(map(str, getattr(shape, name))) for name in _SHAPE},
    }
    save_file(tensors, path, metadata=metadata)


def load_encoder(path: str | Path) -> PerceptualEncoder:
    """Read an encoder written by `save_encoder`; weights come back as float32.

    Raises ModelError when the file is missing, damaged or of another format.
    """
    if not Path(path).is_file():
        raise ModelError(f"encoder {str(path)!r} does not exist: make one with `restyle train encoder`")
    metadata, tensors = _read(path)
    if metadata.get("format") != "restyle-encoder/1":
        raise ModelError(f"{str(path)!r} is not a restyle encoder file")
    shape = {name: tuple(map(int, metadata[name].split(","))) for name in _SHAPE if name in metadata}
    encoder = PerceptualEncoder(EncoderShape(**shape))
    encoder.load_state_dict({k: v.float() for k, v in tensors.items()})
    return encoder


def _read(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a file; raises ModelError when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        return metadata, load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{str(path)!r} is no readable safetensors file: {error}") from None
