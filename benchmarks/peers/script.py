"""The command of a peer, as such scripts usually are: import torch, read the weights, read the
picture, run the network, write the picture.

    python -m benchmarks.peers.script johnson weights.safetensors photo.jpg out.jpg
    python -m benchmarks.peers.script microast weights.safetensors photo.jpg out.jpg style.jpg
"""

import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_model
from torch import Tensor, nn

from benchmarks.peers.johnson import Johnson
from benchmarks.peers.microast import MicroAST, StyleBranch


def _read(path: str) -> Tensor:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def _write(picture: Tensor, path: str) -> None:
    pixels = picture[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path, quality=95)


def main(arguments: list[str]) -> None:
    """Run the command in the module's docstring."""
    name, weights, source, target, *style = arguments
    with torch.inference_mode():
        if name == "johnson":
            network: nn.Module = Johnson().eval()
            load_model(network, weights)
            out = network(_read(source))
        else:
            pair = nn.ModuleList([MicroAST(), StyleBranch()]).eval()
            load_model(pair, weights)
            out = pair[0](_read(source), pair[1](_read(style[0])))
        _write(out, target)


if __name__ == "__main__":
    main(sys.argv[1:])
