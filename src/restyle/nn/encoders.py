"""Perceptual encoders, whose deep features represent content, and statistics of features style.

All are VGG-shaped (Simonyan and Zisserman 2015) and name their layers as VGG-19 does. Images go in as
[N, 3, H, W] float, RGB, 0..1; normalization is included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from restyle.errors import InputError, ModelError
from restyle.models import catalog
from restyle.models.features import LAYERS, MODEL
from restyle.models.session import as_batch
from restyle.nn.vgg import VGG19, VGGTeacher, load_vgg19, read_tensors
from restyle.types import FloatArray

SMALLEST = 32  # px a side: relu5_1 is padded by reflection, which needs two positions
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


def perceptual_encoder(name: str = MODEL) -> PerceptualEncoder | VGG19:
    """Load an encoder of the catalog, frozen.

    Raises
    ------
    ModelError
        There is no such encoder; or its file is missing (the message says how to get it) or damaged.
    """
    if name not in encoder_names():
        raise ModelError(f"no encoder is called '{name}'; there are {', '.join(encoder_names())}")
    file = catalog.find(name).file("encoder")
    file.read()  # checks the hash
    encoder = load_vgg19() if name == "vgg19" else load_encoder(file.path)
    return encoder.eval().requires_grad_(False)


class ArrayEncoder:
    """An encoder for NumPy arrays.

    Parameters
    ----------
    name : str or Path
        A name: see `perceptual_encoder`. A path: a file for `VGGTeacher.load`, with all five blocks.

    Raises
    ------
    ModelError
        There is no such encoder, or the file is not deep enough.
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

        Parameters
        ----------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            At least 32 px a side.

        Returns
        -------
        layer -> np.ndarray [shape=(C, H, W), float32]
        """
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            raise InputError(f"{width} x {height} px is too small: features need {SMALLEST} px a side")
        found = self._network.features(torch.from_numpy(as_batch(picture)))
        return {layer: each[0].float().numpy() for layer, each in zip(LAYERS, found, strict=True)}
