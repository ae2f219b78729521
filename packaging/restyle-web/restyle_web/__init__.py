"""The files of onnxruntime-web that the static page of `restyle studio` needs."""

from pathlib import Path


def folder() -> Path:
    """Return the folder of the npm package: `package.json`, `LICENSE`, and `dist`."""
    return Path(__file__).parent / "package"
