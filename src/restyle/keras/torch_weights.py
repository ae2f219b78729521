"""Names and layouts of the PyTorch weights, and their conversion to and from Keras layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from restyle.errors import ModelError
from restyle.options.train import NetworkOptions
from restyle.types import FloatArray

ROWS = ("scale", "shift")  # of the styles; each is [styles, channels of all points]
OUT = "out"  # the only convolution without a style


def style_points(options: NetworkOptions) -> dict[str, bool]:
    """Return each convolution followed by a style, in order, and whether features are normalized there.

    The same as `nn.conditional.ConditionalShape.points`, without PyTorch.
    """
    everywhere, inside = options.normalization == "all", options.normalization != "none"
    points = {"stem": everywhere, "down": everywhere}
    for index in range(options.blocks):
        points |= {f"blocks.{index}.first": inside, f"blocks.{index}.second": everywhere}
    return points | {"up_half": everywhere, "up_full": everywhere}


def layer_name(name: str) -> str:
    """Return the name of a Keras layer, which has no dots."""
    return name.replace(".", "_")


def style_layer_name(name: str) -> str:
    """Return the name of the `StyleScale` layer after a convolution."""
    return f"{layer_name(name)}_style"


def set_convolution(layer: Any, name: str, weights: Mapping[str, Any]) -> None:
    """Set kernel and bias of a Keras convolution from those of the PyTorch convolution `name`."""
    kernel, bias = (np.asarray(weights[f"{name}.{part}"], np.float32) for part in ("weight", "bias"))
    layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])


def torch_weights(network: Any) -> dict[str, FloatArray]:
    """Return all weights of a `StyleNetwork`, with the names and layouts of the PyTorch network."""
    points, found = style_points(network.options), {}
    for name in [*points, OUT]:
        kernel, bias = map(ops.convert_to_numpy, network.get_layer(layer_name(name)).weights)
        found[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        found[f"{name}.bias"] = bias
    for place, part in enumerate(ROWS):
        rows = [network.get_layer(style_layer_name(name)).weights[place] for name in points]
        found[part] = np.concatenate([ops.convert_to_numpy(each) for each in rows], 1)
    return found


def set_torch_weights(network: Any, weights: Mapping[str, Any]) -> None:
    """Set all weights of a `StyleNetwork`; raises ModelError if they belong to a network of another shape."""
    own, points = torch_weights(network), style_points(network.options)
    if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
        raise ModelError("these are the weights of a network of another shape")
    for name in [*points, OUT]:
        set_convolution(network.get_layer(layer_name(name)), name, weights)
    begin = 0
    for name in points:
        layer = network.get_layer(style_layer_name(name))
        end = begin + layer.scale.shape[1]
        layer.set_weights([weights[part][:, begin:end] for part in ROWS])
        begin = end
