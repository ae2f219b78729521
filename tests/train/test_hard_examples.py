import numpy as np
import torch
from torch import Tensor

from restyle.nn.encoders import EncoderShape, PerceptualEncoder
from restyle.nn.losses import gap, gram
from restyle.train.hard_examples import STEPS, HalfOptimised


def encoder() -> PerceptualEncoder:
    torch.manual_seed(0)
    made = PerceptualEncoder(EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1,) * 5, heads=(6, 7, 8, 9, 10)))
    return made.requires_grad_(False)


def draw(count: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.random((count, 3, 32, 32), np.float32))


def test_pictures_go_down_the_losses_of_the_judge_and_stay_in_range() -> None:
    judge, pool, rng = encoder(), HalfOptimised(draw, 1), np.random.default_rng(1)

    def loss(picture: Tensor) -> float:
        game = pool.games[0]
        assert game is not None
        features = judge.features(picture)
        features = judge.widened(features) if game.wide else features
        style = [float(gap(gram(a), b)) for a, b in zip(features, game.style, strict=True)]
        return sum(style) / 5 + game.weight * float(gap(features[3], game.content))

    first = pool.batch(judge, 1, rng)
    for _ in range(15):
        last = pool.batch(judge, 1, rng)
    assert loss(last) < 0.9 * loss(first)
    assert 0 <= float(last.min()) <= float(last.max()) <= 1


def test_a_picture_is_replaced_after_its_steps() -> None:
    judge, pool, rng = encoder(), HalfOptimised(draw, 1), np.random.default_rng(1)
    pool.batch(judge, 1, rng)
    first = pool.games[0]
    assert first is not None
    assert STEPS[0] - 1 <= first.left < STEPS[1]
    first.left = 0
    pool.batch(judge, 1, rng)
    assert pool.games[0] is not first


def test_more_pictures_than_the_pool_holds() -> None:
    assert HalfOptimised(draw, 2).batch(encoder(), 3, np.random.default_rng(0)).shape == (3, 3, 32, 32)
