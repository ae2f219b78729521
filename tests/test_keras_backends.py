"""The Keras tests once more, on TensorFlow, in a process of their own: a backend is chosen at the import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the extra keras")
pytest.importorskip("tensorflow", reason="needs the extra keras")

ROOT = Path(__file__).parent.parent


def test_all_of_it_on_tensorflow() -> None:
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    words = [sys.executable, "-m", "pytest", "-q", "tests/keras", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
