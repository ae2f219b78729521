"""The rebuilt Johnson net against its published size."""

from functools import partial

import pytest
import torch

from benchmarks.peers.counting import multiply_adds, parameters
from benchmarks.peers.johnson import Johnson


def test_parameters_are_those_of_the_published_network() -> None:
    assert parameters(Johnson()) == 1_679_235


def test_multiply_adds_scale_with_the_picture_to_40_giga_at_512() -> None:
    network = Johnson()
    count = multiply_adds(network, partial(network, torch.rand(1, 3, 64, 64)))
    assert count * 64 == pytest.approx(40.3e9, rel=0.01)


def test_keeps_the_size() -> None:
    with torch.inference_mode():
        assert Johnson().eval()(torch.rand(1, 3, 32, 48)).shape == (1, 3, 32, 48)
