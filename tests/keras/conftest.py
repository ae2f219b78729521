"""The Keras tests run on the backend that `KERAS_BACKEND` names, on PyTorch if it names none.

`tests/test_keras_backends.py` runs all of them once more on TensorFlow.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no notes on processor features

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras on PyTorch converts tensors in a way that NumPy 2 deprecates."""
    note = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(note))
