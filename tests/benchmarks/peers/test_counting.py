"""Counting by construction."""

from functools import partial

import torch
from torch import nn

from benchmarks.peers.counting import multiply_adds, parameters


def test_counts_of_one_grouped_convolution_and_one_linear_layer() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2, padding=1), nn.Flatten(), nn.Linear(8 * 25, 3))
    assert parameters(network) == (8 * 2 * 9 + 8) + (200 * 3 + 3)
    count = multiply_adds(network, partial(network, torch.rand(1, 4, 5, 5)))
    assert count == 25 * 8 * 2 * 9 + 200 * 3
