"""Perceptual encoders by their names in the catalog, as `--encoder` takes them."""

from __future__ import annotations

from torch import nn

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from restyle.nn.vgg import VGG19, load_vgg19

DEFAULT = "encoder-1"


def encoder_names() -> list[str]:
    """Names that `perceptual_encoder` takes, whether their files are here or not."""
    return [name for name, record in catalog.records().items() if record.method == "encoder"]


def perceptual_encoder(name: str = DEFAULT) -> PerceptualEncoder | VGG19:
    """Return a frozen perceptual encoder, ready to use.

    Parameters
    ----------
    name : str
        `encoder-1`, which ships with restyle, or `vgg19`, once it is pulled.

    Raises
    ------
    ModelError
        There is no such encoder; its file is not here (the message says how to get it), or is damaged.
    """
    if name not in encoder_names():
        raise ModelError(f"no encoder is called '{name}'; there are {', '.join(encoder_names())}")
    file = catalog.find(name).file("encoder")
    file.read()  # checks the hash
    made: nn.Module = load_vgg19() if name == "vgg19" else load_encoder(file.path)
    made.eval().requires_grad_(False)
    assert isinstance(made, (PerceptualEncoder, VGG19))
    return made
