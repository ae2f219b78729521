from pathlib import Path

import numpy as np
import pytest
import torch

from restyle.errors import InputError
from restyle.methods.optimize.checkpoint import fingerprint, forget_state, read_state, write_state


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg.unfinished"
    tensors = {"x": torch.rand(1, 3, 4, 5), "count": torch.tensor(7)}
    write_state(path, "job", 2, 31, tensors)
    write_state(path, "job", 2, 32, tensors)
    level, step, found = read_state(path, "job")
    assert (level, step) == (2, 32)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    forget_state(path)
    forget_state(path)
    assert not path.exists()


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.unfinished"
    with pytest.raises(InputError, match=r"a\.unfinished"):
        read_state(path, "job")
    write_state(path, "job", 0, 1, {"x": torch.zeros(1)})
    with pytest.raises(InputError, match=r"a\.unfinished"):
        read_state(path, "another")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be resumed"):
        read_state(path, "job")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be resumed"):
        read_state(path, "job")


def test_fingerprints_tell_jobs_apart() -> None:
    a = np.zeros((2, 3), np.float32)
    prints = [fingerprint(a, 1), fingerprint(a + 1, 1), fingerprint(a, 2), fingerprint(a.reshape(3, 2), 1)]
    assert len(set(prints)) == 4
    assert fingerprint(a.copy(), 1) == prints[0]
