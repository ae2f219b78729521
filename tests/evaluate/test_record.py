"""Measurements of several frames as one."""

import numpy as np

from restyle.evaluate.record import Measurement


def test_mean_of_frames() -> None:
    frames = [
        Measurement({"style": value}, np.full((2, 3), value, np.float32), np.full(4, value, np.float32))
        for value in (1.0, 3.0)
    ]
    mean = Measurement.mean_of(frames)
    assert mean.figures == {"style": 2.0}
    assert mean.cloud.shape == (4, 3)
    assert mean.inception.tolist() == [2.0] * 4
