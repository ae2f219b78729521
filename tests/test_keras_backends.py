"""The tests of `restyle.keras` on every backend, one process each, because a backend is chosen at import."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


# find_spec does not import: this process needs neither, and TensorFlow takes ten seconds and a gigabyte.
@pytest.mark.slow
@pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra keras")
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_all_tests_pass(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1"}
    environment |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}  # as OMP_NUM_THREADS
    words = [sys.executable, "-m", "pytest", "-q", "tests/keras", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
