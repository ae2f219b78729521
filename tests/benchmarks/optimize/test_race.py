import numpy as np
import pytest

from benchmarks.optimize.race import race


@pytest.mark.slow
def test_ours_reaches_what_few_plain_steps_reach() -> None:
    generator = np.random.default_rng(0)
    content = np.kron(generator.random((6, 8, 3), np.float32), np.ones((8, 8, 1), np.float32))
    style = np.kron(generator.random((6, 8, 3), np.float32), np.ones((8, 8, 1), np.float32))  # seen as it is
    found = race(content, style, lambda: content, steps=30, plain_steps=2, threads=1, look_every=1)
    assert found.reached <= found.loss
    assert 0 < found.ours < float("inf")
    assert found.ratio == found.plain / found.ours
