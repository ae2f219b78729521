"""restyle: give a picture, a video or a sound the style of another."""

from __future__ import annotations

import os

# ONNX Runtime 1.29 and newer report use to Microsoft and write a device identifier, unless this is set before
# its first import. restyle works offline.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

TYPE_CHECKING = False  # importing `typing` would take 15 of the 20 ms of `import restyle`

__version__ = "1.0.0rc1"

__all__ = [
    "RestyleError",
    "Style",
    "StyleNetwork",
    "Stylizer",
    "__version__",
    "audio",
    "image",
    "similarity",
    "styles",
    "video",
]

# Module of each public name. It is imported on first use, so that `import restyle` is cheap.
_HOMES = {
    "RestyleError": "restyle.errors",
    "Style": "restyle.style",
    "StyleNetwork": "restyle.train.style_network",
    "Stylizer": "restyle.stylizer",
    "audio": "restyle.sounds.api",
    "image": "restyle.stylizer",
    "similarity": "restyle.compare.metrics",
    "styles": "restyle.style",
    "video": "restyle.videos",
}

if TYPE_CHECKING:
    from typing import Any

    from restyle.compare.metrics import similarity
    from restyle.errors import RestyleError
    from restyle.sounds.api import audio
    from restyle.style import Style, styles
    from restyle.stylizer import Stylizer, image
    from restyle.train.style_network import StyleNetwork
    from restyle.videos import video


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'restyle' has no attribute '{name}'")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
