"""The perceptual encoder that ships with restyle as a Keras model: what judges style and content."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError, safe_open

from restyle.errors import ModelError
from restyle.keras.layers import ReflectionPadding
from restyle.models import catalog
from restyle.types import PathLike

# encoder-1 is nearly blind, from relu3_1 on, to what tells textures apart.
ENCODER = "encoder-2"


def load_encoder(encoder: PathLike = ENCODER) -> keras.Model:
    """Read an encoder of `restyle train encoder`; no PyTorch is needed.

    Parameters
    ----------
    encoder : name in the catalog, or path

    Returns
    -------
    keras.Model
        Pictures [N, H, W, 3], RGB, 0..1, sides at least 32, to a list of five features: relu1_1, relu2_1,
        relu3_1, relu4_1, relu5_1. Its weights are not trained.

    Raises
    ------
    ModelError
        The file is missing or of another format.
    """
    record = catalog.records().get(os.fspath(encoder))
    path = encoder if record is None else record.file("encoder").path
    weights, widths, depths = _read(path)
    x = pictures = keras.Input((None, None, 3), name="pictures")
    x = keras.layers.Rescaling(2.0, offset=-1.0, name="centred")(x)
    found, layers = [], {}
    for block, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if block:
            x = keras.layers.MaxPooling2D(2, name=f"pool{block}", data_format="channels_last")(x)
        for index in range(depth):
            name = f"conv{block + 1}_{index + 1}"
            x = ReflectionPadding(1, name=f"pad{block + 1}_{index + 1}")(x)
            convolution = keras.layers.Conv2D(width, 3, name=name, data_format="channels_last")
            x = keras.layers.ReLU(name=f"relu{block + 1}_{index + 1}")(convolution(x))
            layers[f"blocks.{block}.{index}"] = convolution
            if index == 0:
                found.append(x)
    model = keras.Model(pictures, found, name="encoder")
    for name, convolution in layers.items():
        kernel = weights[f"{name}.weight"].astype(np.float32).transpose(2, 3, 1, 0)
        convolution.set_weights([kernel, weights[f"{name}.bias"].astype(np.float32)])
    model.trainable = False
    return model


def _read(path: PathLike) -> tuple[dict[str, Any], list[int], list[int]]:
    """Arrays, widths and depths of an encoder file."""
    shown = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"there is no encoder '{shown}'; leave it out for the one that ships")
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"'{shown}' is no readable safetensors file: {error}") from None
    if about.get("format") != "restyle-encoder/1":
        raise ModelError(f"'{shown}' is not a restyle encoder file")
    widths, depths = ([int(each) for each in about[name].split(",")] for name in ("widths", "depths"))
    return weights, widths, depths
