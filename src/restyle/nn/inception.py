"""The Inception network that FID is defined by, as far as its 2048 pooled features.

References: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision"; Heusel et al.
2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium". The weights are
those of TensorFlow's release of 2015-12-05 in the layout of pytorch-fid; its peculiarities are kept, because
figures depend on them: averages do not count padding, and the last block pools by the maximum. They do not
ship with restyle: `restyle models pull inception-fid` fetches them, or takes them from a file.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.nn.numpy_encoder import as_batch
from restyle.types import FloatArray

SIDE = 299  # px
WIDTH = 2048
EPSILON = 1e-3  # of batch normalisation
# Chains of convolutions of each kind of block, in the order in which their outputs are joined. `/2` halves
# the size and is not padded; names in brackets are parallel, and joined.
BLOCKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "A": (
        ("branch1x1",),
        ("branch5x5_1", "branch5x5_2"),
        ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        ("average", "branch_pool"),
    ),
    "B": (("branch3x3/2",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3/2"), ("maximum/2",)),
    "C": (
        ("branch1x1",),
        ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
        ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
        ("average", "branch_pool"),
    ),
    "D": (
        ("branch3x3_1", "branch3x3_2/2"),
        ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4/2"),
        ("maximum/2",),
    ),
    "E": (
        ("branch1x1",),
        ("branch3x3_1", "[branch3x3_2a branch3x3_2b]"),
        ("branch3x3dbl_1", "branch3x3dbl_2", "[branch3x3dbl_3a branch3x3dbl_3b]"),
        ("average", "branch_pool"),
    ),
}
LAST = tuple(("maximum", *chain[1:]) if chain[0] == "average" else chain for chain in BLOCKS["E"])
STEM = ("Conv2d_1a_3x3/2", "Conv2d_2a_3x3/1", "Conv2d_2b_3x3", "maximum/2")
NECK = ("Conv2d_3b_1x1", "Conv2d_4a_3x3/1", "maximum/2")
BODY = (
    *((f"Mixed_5{each}", BLOCKS["A"]) for each in "bcd"),
    ("Mixed_6a", BLOCKS["B"]),
    *((f"Mixed_6{each}", BLOCKS["C"]) for each in "bcde"),
    ("Mixed_7a", BLOCKS["D"]),
    ("Mixed_7b", BLOCKS["E"]),
    ("Mixed_7c", LAST),
)


class Inception:
    """The network, frozen.

    Parameters
    ----------
    weights : mapping of str to Tensor
        `LAYER.conv.weight` and `LAYER.bn.weight`, `.bias`, `.running_mean`, `.running_var`, as in
        pytorch-fid.

    Raises
    ------
    ModelError
        A tensor is missing or does not fit.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights
        self._folded: dict[str, tuple[Tensor, Tensor]] = {}
        try:
            with torch.inference_mode():
                self.pooled(torch.zeros(1, 3, SIDE, SIDE))
        except KeyError as error:
            raise ModelError(f"not the weights of FID's Inception: {error.args[0]} is missing") from None
        except RuntimeError as error:
            raise ModelError(f"not the weights of FID's Inception: {str(error).splitlines()[0]}") from None

    @torch.inference_mode()
    def __call__(self, picture: FloatArray) -> FloatArray:
        """Features [shape=(2048,), float32] of a picture [shape=(H, W, 3), float32, range 0..1, RGB].

        It is resized to 299 x 299 px bilinearly without smoothing, as pytorch-fid does.
        """
        x = F.interpolate(as_batch(picture), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        pooled: FloatArray = self.pooled(2 * x - 1)[0].numpy()
        return pooled

    def pooled(self, x: Tensor) -> Tensor:
        """Pictures [N, 3, 299, 299] in -1..1 -> mean features [N, 2048]."""
        for step in (*STEM, *NECK):
            x = self._step(x, step, "")
        for name, chains in BODY:
            x = torch.cat([self._chain(x, chain, f"{name}.") for chain in chains], 1)
        return x.mean((2, 3))

    def _chain(self, x: Tensor, chain: tuple[str, ...], prefix: str) -> Tensor:
        for step in chain:
            if step.startswith("["):
                x = torch.cat([self._step(x, each, prefix) for each in step.strip("[]").split()], 1)
            else:
                x = self._step(x, step, prefix)
        return x

    def _step(self, x: Tensor, step: str, prefix: str) -> Tensor:
        name, _, valid = step.partition("/")
        stride = int(valid or 1)
        if name == "average":
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        if name == "maximum":
            return F.max_pool2d(x, 3, stride, 0 if valid else 1)
        weight, bias = self._convolution(prefix + name)
        padding = (0, 0) if valid else (weight.shape[2] // 2, weight.shape[3] // 2)
        return F.relu(F.conv2d(x, weight, bias, stride, padding))

    def _convolution(self, name: str) -> tuple[Tensor, Tensor]:
        """Weights with the batch normalisation that follows folded in."""
        if name not in self._folded:
            weight = self._weights[f"{name}.conv.weight"].float()
            scale, shift, mean, variance = (
                self._weights[f"{name}.bn.{each}"].float()
                for each in ("weight", "bias", "running_mean", "running_var")
            )
            gain = scale / (variance + EPSILON).sqrt()
            self._folded[name] = (weight * gain[:, None, None, None], shift - mean * gain)
        return self._folded[name]


def load_inception() -> Inception:
    """Read it from the user's folder.

    Raises
    ------
    ModelError
        It was not pulled yet (the message says how), or is damaged.
    """
    return Inception(load(catalog.find("inception-fid").file("network").read()))
