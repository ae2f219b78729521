"""The perceptual encoder that ships with restyle, as a Keras model."""

from __future__ import annotations

import os
from typing import Any

import keras
from safetensors import SafetensorError, safe_open

from restyle.errors import ModelError
from restyle.keras.layers import ReflectionPadding
from restyle.keras.torch_weights import set_convolution
from restyle.models import catalog
from restyle.options.train import ENCODER
from restyle.types import PathLike


def load_encoder(encoder: PathLike = ENCODER) -> keras.Model:
    """Load an encoder of `restyle train encoder`, without PyTorch.

    Parameters
    ----------
    encoder : name in the catalog, or path

    Returns
    -------
    keras.Model
        Pictures [N, H, W, 3], RGB, 0..1, sides at least 32 -> the features relu1_1, relu2_1, relu3_1, relu4_1
        and relu5_1. Its weights are frozen.

    Raises
    ------
    ModelError
        The file is missing or has another format.
    """
    record = catalog.records().get(os.fspath(encoder))
    weights, widths, depths = _read(encoder if record is None else record.file("encoder").path)
    x = pictures = keras.Input((None, None, 3), name="pictures")
    x = keras.layers.Rescaling(2.0, offset=-1.0, name="centred")(x)
    found, layers = [], {}
    for block, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if block:
            x = keras.layers.MaxPooling2D(2, name=f"pool{block}", data_format="channels_last")(x)
        for index in range(depth):
            place = f"{block + 1}_{index + 1}"
            x = ReflectionPadding(1, name=f"pad{place}")(x)
            convolution = keras.layers.Conv2D(width, 3, name=f"conv{place}", data_format="channels_last")
            x = keras.layers.ReLU(name=f"relu{place}")(convolution(x))
            layers[f"blocks.{block}.{index}"] = convolution
            if index == 0:
                found.append(x)
    model = keras.Model(pictures, found, name="encoder")
    for name, convolution in layers.items():
        set_convolution(convolution, name, weights)
    model.trainable = False
    return model


def _read(path: PathLike) -> tuple[dict[str, Any], list[int], list[int]]:
    """Return arrays, widths and depths of an encoder file."""
    shown = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"there is no encoder '{shown}'; omit it to use the default ({ENCODER})")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"'{shown}' is not a readable safetensors file: {error}") from None
    if metadata.get("format") != "restyle-encoder/1":
        raise ModelError(f"'{shown}' is not a restyle encoder file")
    widths, depths = ([int(each) for each in metadata[name].split(",")] for name in ("widths", "depths"))
    return weights, widths, depths
