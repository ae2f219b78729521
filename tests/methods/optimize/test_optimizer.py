import math

import pytest
import torch
from torch import Tensor

from restyle.methods.optimize.optimizer import LBFGS, Adam, Optimizer, scheduled

TARGET = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0))
STEEPNESS = torch.linspace(0.1, 10, TARGET.numel()).reshape(TARGET.shape)


def bowl(x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
    """A quadratic bowl, a hundred times as steep one way as another."""
    apart = x - TARGET
    return {"bowl": float((STEEPNESS * apart.square()).sum()), "rim": 1.0}, 2 * STEEPNESS * apart


def make(kind: str) -> Optimizer:
    x = torch.full_like(TARGET, 0.5)
    return Adam(x, average=0.5) if kind == "adam" else LBFGS(x)


@pytest.mark.parametrize(("kind", "steps", "near"), [("adam", 300, 0.02), ("lbfgs", 40, 1e-3)])
def test_optimizers_find_the_minimum(kind: str, steps: int, near: float) -> None:
    optimizer = make(kind)
    first = optimizer.step(bowl, 0, steps)
    assert first["bowl"] == bowl(torch.full_like(TARGET, 0.5), 0)[0]["bowl"]
    for number in range(1, steps):
        optimizer.step(bowl, number, steps)
    assert float((optimizer.result() - TARGET).abs().max()) < near


@pytest.mark.parametrize("kind", ["adam", "lbfgs"])
def test_restored_state_gives_bit_equal_steps(kind: str) -> None:
    through, cut = make(kind), make(kind)
    for number in range(20):
        through.step(bowl, number, 20)
    for number in range(9):
        cut.step(bowl, number, 20)
    resumed = make(kind)
    resumed.restore({name: each.clone() for name, each in cut.state().items()})
    for number in range(9, 20):
        resumed.step(bowl, number, 20)
    assert torch.equal(resumed.result(), through.result())


def test_adam_is_that_of_torch() -> None:
    ours = Adam(torch.full_like(TARGET, 0.5), rate=0.02, average=0.0)
    leaf = torch.full_like(TARGET, 0.5).requires_grad_()
    theirs = torch.optim.Adam([leaf], betas=Adam.BETAS, eps=1e-10)
    for number in range(12):
        theirs.param_groups[0]["lr"] = 0.02 * scheduled(number, 12)
        leaf.grad = bowl(leaf.detach(), number)[1]
        theirs.step()
        ours.step(bowl, number, 12)
    torch.testing.assert_close(ours.x, leaf.detach())
    torch.testing.assert_close(ours.result(), ours.x)


def test_the_average_lies_among_the_iterates() -> None:
    optimizer = Adam(torch.full_like(TARGET, 0.5), average=0.8)
    torch.testing.assert_close(optimizer.result(), optimizer.x)
    weights: list[float] = []
    seen: list[Tensor] = []
    for number in range(6):
        optimizer.step(bowl, number, 6)
        weights = [0.8 * each for each in weights] + [0.2]
        seen.append(optimizer.x.clone())
    expected = torch.stack([w * x for w, x in zip(weights, seen, strict=True)]).sum(0) / sum(weights)
    torch.testing.assert_close(optimizer.result(), expected)


def test_lbfgs_loss_never_rises() -> None:
    generator = torch.Generator().manual_seed(1)

    def rough(x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
        terms, gradient = bowl(x, step)
        return terms, gradient + 0.5 * torch.randn(x.shape, generator=generator)

    optimizer, losses = LBFGS(torch.full_like(TARGET, 0.5), memory=3), []
    for number in range(25):
        losses.append(sum(optimizer.step(rough, number, 25).values()))
    assert losses == sorted(losses, reverse=True)
    assert all(math.isfinite(each) for each in losses)
    assert len(optimizer.moves) <= 3


def test_the_rate_rises_then_falls() -> None:
    rates = [scheduled(number, 50) for number in range(50)]
    peak = rates.index(max(rates))
    assert 0 < peak < 10
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.1
