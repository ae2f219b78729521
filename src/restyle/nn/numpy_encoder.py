"""Networks for callers that have NumPy arrays: a picture in, features as arrays out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restyle.errors import InputError, ModelError
from restyle.nn.encoders import LAYERS, PerceptualEncoder, VGGTeacher
from restyle.nn.named import perceptual_encoder
from restyle.nn.vgg import VGG19
from restyle.types import FloatArray

SMALLEST = 32  # px: relu5_1 is at a sixteenth of the size, and its padding mirrors a neighbour


def as_batch(picture: FloatArray) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


class ArrayEncoder:
    """A perceptual encoder by its name in the catalog, or from a teacher's file.

    Parameters
    ----------
    name : str or Path
        A name: see `nn.named.perceptual_encoder`, which also says what it raises. A path: a safetensors file
        that `nn.encoders.VGGTeacher` reads, with all five blocks.

    Raises
    ------
    ModelError
        The file is no such network, or not deep enough.
    """

    def __init__(self, name: str | Path) -> None:
        self._network: PerceptualEncoder | VGG19 | VGGTeacher
        if isinstance(name, Path):
            self._network = VGGTeacher.load(name)
            if f"conv{len(LAYERS)}_1" not in self._network.names:
                raise ModelError(
                    f"{name}: has no conv{len(LAYERS)}_1; figures need all five blocks of an encoder"
                )
        else:
            self._network = perceptual_encoder(name)

    @torch.inference_mode()
    def features(self, picture: FloatArray) -> dict[str, FloatArray]:
        """Compute relu1_1 to relu5_1.

        Parameters
        ----------
        picture : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB], at least 32 px a side

        Returns
        -------
        layer -> np.ndarray [shape=(C, H, W), float32]
        """
        height, width = picture.shape[:2]
        if min(height, width) < SMALLEST:
            raise InputError(f"{width} x {height} px is too small: features need {SMALLEST} px a side")
        found = self._network.features(as_batch(picture))
        return {layer: each[0].float().numpy() for layer, each in zip(LAYERS, found, strict=True)}
