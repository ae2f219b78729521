"""Networks for callers that have NumPy arrays: a picture in, features as arrays out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from restyle.arrays import FloatArray
from restyle.errors import InputError
from restyle.nn.encoders import LAYERS
from restyle.nn.named import perceptual_encoder

SMALLEST = 32  # px: relu5_1 is at a sixteenth of the size, and its padding mirrors a neighbour


def as_batch(picture: FloatArray) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


class ArrayEncoder:
    """A perceptual encoder by its name in the catalog.

    Parameters
    ----------
    name : str
        See `nn.named.perceptual_encoder`, which also says what it raises.
    """

    def __init__(self, name: str) -> None:
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
