"""The network of `restyle train style` for Keras 3, on all of its backends; needs the extra `keras`.

Keras chooses the backend: the environment variable `KERAS_BACKEND`, or `tensorflow`. Only
`StyleNetwork.to_network` needs PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restyle.errors import require

__all__ = ["PerceptualLoss", "Photos", "StyleNetwork", "load_encoder"]

_HOMES = {
    "PerceptualLoss": "restyle.keras.losses",
    "Photos": "restyle.keras.photos",
    "StyleNetwork": "restyle.keras.style_network",
    "load_encoder": "restyle.keras.losses",
}

if TYPE_CHECKING:
    from restyle.keras.losses import PerceptualLoss, load_encoder
    from restyle.keras.photos import Photos
    from restyle.keras.style_network import StyleNetwork


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'restyle.keras' has no attribute '{name}'")
    require(f"restyle.keras.{name}", "keras", "keras", "safetensors")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
