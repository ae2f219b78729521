import numpy as np
import pytest

from benchmarks.optimize.gatys import Yardstick, gatys


@pytest.mark.slow
def test_the_yardstick_is_0_for_a_picture_in_its_own_style_and_falls_on_the_way() -> None:
    generator = np.random.default_rng(0)
    content, style = generator.random((2, 48, 64, 3), np.float32)
    style = style * np.float32(0.3)
    assert Yardstick(content, content).of(content) == pytest.approx(0, abs=1e-5)
    yardstick = Yardstick(content, style)
    steps: list[int] = []
    made = gatys(yardstick, 5, steps.append)
    assert steps == [1, 2, 3, 4, 5]
    assert float(yardstick.loss(made)) < yardstick.of(content)
