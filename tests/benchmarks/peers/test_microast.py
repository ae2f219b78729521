"""The rebuilt MicroAST against its published sizes, and its modulation against the formulae."""

from functools import partial

import pytest
import torch

from benchmarks.peers.counting import multiply_adds, parameters
from benchmarks.peers.microast import MicroAST, Signals, StyleBranch


def signals() -> Signals:
    with torch.inference_mode():
        made: Signals = StyleBranch().eval()(torch.rand(1, 3, 40, 32))
    return made


def test_parameters_are_those_of_the_published_network() -> None:
    content, style = parameters(MicroAST()), parameters(StyleBranch())
    assert content == pytest.approx(312e3, rel=0.005)
    assert content + style == pytest.approx(472e3, rel=0.005)


def test_multiply_adds_scale_with_the_picture_to_7_giga_at_512() -> None:
    network = MicroAST()
    count = multiply_adds(network, partial(network, torch.rand(1, 3, 64, 64), signals()))
    assert count * 64 == pytest.approx(7.3e9, rel=0.01)


def test_keeps_the_size_and_listens_to_the_style() -> None:
    torch.manual_seed(0)
    network, content = MicroAST().eval(), torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        first, second = network(content, signals()), network(content, signals())
    assert first.shape == content.shape
    assert not torch.allclose(first, second)


def test_neutral_modulation_is_the_plain_residual_block() -> None:
    block = MicroAST().deep
    x = torch.rand(2, 64, 8, 8)
    one, zero = torch.ones(2, 64, 1, 1), torch.zeros(2, 64, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(block.modulated(x, one, zero), block(x))
