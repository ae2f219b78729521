"""Pictures half-way through being optimised against an encoder that is in training.

An optimiser finds whatever an encoder does not see, and goes there. So the encoder is shown such places while
it learns: a pool of pictures is pushed, a step at a time, down its own losses of style and content, and the
teachers say what these pictures really are (as adversarial training does, Goodfellow et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from restyle.nn.losses import gap, gram

POOL = 24
STEPS = (25, 80)  # of a picture, before another takes its place
CONTENT_WEIGHTS = (0.2, 0.5, 1.0)
MOVE, KEPT_ON = 0.012, 0.8  # of a pixel a step, on average; share of the last move that goes on
NOISE = 0.12  # deviation
NOISY, BLANK = 0.25, 0.15  # shares of the pictures that begin with noise, and as nothing else


class Judge(Protocol):
    """What is played against: `nn.encoders.PerceptualEncoder`."""

    def features(self, x: Tensor) -> list[Tensor]:
        """relu1_1 .. relu5_1 of pictures [N, 3, H, W], RGB, 0..1."""
        ...

    def widened(self, features: Sequence[Tensor], first: int = 0) -> list[Tensor]:
        """The features at the widths of the teachers."""
        ...


@dataclass
class Game:
    """One picture on its way.

    Parameters
    ----------
    picture, move : Tensor [1, 3, H, W]
    content : Tensor [1, C, h, w]
        Of relu4_1.
    style : list of Tensor [1, C, C]
        Gram matrices.
    wide : bool
        Whether it is judged by widened features.
    weight : float
        Of the content.
    left : int
        Steps.
    """

    picture: Tensor
    move: Tensor
    content: Tensor
    style: list[Tensor]
    wide: bool
    weight: float
    left: int


class HalfOptimised:
    """The pool.

    Parameters
    ----------
    draw : function of a count and a generator
        Gives pictures [count, 3, H, W], RGB, 0..1.
    size : int
    """

    def __init__(self, draw: Callable[[int, np.random.Generator], Tensor], size: int = POOL) -> None:
        self.draw = draw
        self.games: list[Game | None] = [None] * size

    def batch(self, judge: Judge, count: int, rng: np.random.Generator) -> Tensor:
        """So many pictures of the pool [count, 3, H, W], RGB, 0..1, each a step further."""
        found = []
        for index in rng.choice(len(self.games), count, replace=count > len(self.games)):
            game = self.games[index]
            if game is None or game.left <= 0:
                game = self.games[index] = self._begin(judge, rng)
            _step(game, judge)
            found.append(game.picture)
        return torch.cat(found).clamp(0, 1)

    def _begin(self, judge: Judge, rng: np.random.Generator) -> Game:
        drawn = self.draw(2, rng)
        content, style = drawn[:1], drawn[1:]
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        start, kind = content.clone(), rng.random()
        if kind < BLANK:
            start = torch.rand(content.shape, generator=generator).to(content)
        elif kind < BLANK + NOISY:
            start = (start + NOISE * torch.randn(content.shape, generator=generator).to(content)).clamp(0, 1)
        wide = bool(rng.random() < 0.5)
        with torch.no_grad():
            theirs = _seen(judge, style, wide)
            deep = _seen(judge, content, wide)[3]
        return Game(
            start,
            torch.zeros_like(start),
            deep,
            [gram(each) for each in theirs],
            wide,
            float(rng.choice(CONTENT_WEIGHTS)),
            int(rng.integers(*STEPS)),
        )


def _seen(judge: Judge, x: Tensor, wide: bool) -> list[Tensor]:
    features = judge.features(x.contiguous(memory_format=torch.channels_last))
    return judge.widened(features) if wide else features


def _step(game: Game, judge: Judge) -> None:
    """Steepest descent with momentum; every move is equally long, whatever the loss is."""
    x = game.picture.detach().requires_grad_()
    features = _seen(judge, x, game.wide)
    apart = [gap(gram(each), wanted) for each, wanted in zip(features, game.style, strict=True)]
    loss = torch.stack(apart).mean() + game.weight * gap(features[3], game.content).sum()
    (slope,) = torch.autograd.grad(loss, x)
    game.move = KEPT_ON * game.move + slope / (slope.square().mean().sqrt() + 1e-12)
    moved = x.detach() - MOVE * game.move / (game.move.square().mean().sqrt() + 1e-12)
    game.picture = moved.clamp(-0.02, 1.02)
    game.left -= 1
