"""The Keras tests run on the backend that `KERAS_BACKEND` names, and are left out where it names none.

A backend is chosen at the import and stays, and TensorFlow holds a gigabyte of memory. So
`tests/test_keras_backends.py` runs them in a process of its own for each backend, whatever pytest is called
with; alone they run as `KERAS_BACKEND=torch pytest tests/keras`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no notes on processor features
if "KERAS_BACKEND" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras on PyTorch converts tensors in a way that NumPy 2 deprecates."""
    note = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(note))


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder file with one narrow convolution a block: graphs of it are compiled in a second."""
    from safetensors.numpy import save_file

    rng, weights, channels, widths = np.random.default_rng(0), {}, 3, (4, 4, 6, 6, 6)
    for block, width in enumerate(widths):
        kernel = rng.normal(0, np.sqrt(2 / (9 * channels)), (width, channels, 3, 3))
        weights[f"blocks.{block}.0.weight"] = kernel.astype(np.float32)
        weights[f"blocks.{block}.0.bias"] = np.zeros(width, np.float32)
        channels = width
    about = {"format": "restyle-encoder/1", "widths": ",".join(map(str, widths)), "depths": "1,1,1,1,1"}
    path = tmp_path_factory.mktemp("encoder") / "small.safetensors"
    save_file(weights, path, about)
    return path
