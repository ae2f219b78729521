from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor

from restyle.methods.optimize.features import FeatureExtractor
from restyle.methods.optimize.objective import Objective, StylePicture, Weights
from restyle.nn.encoders import perceptual_encoder

EVERYTHING = {"gram": 1.0, "gaussian": 0.5, "sliced": 0.7, "patches": 0.3, "strokes": 0.2, "grain": 0.4}


def picture(height: int, width: int, seed: int) -> Tensor:
    """Smooth enough to activate layers of all depths."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, max(2, height // 8), max(2, width // 8), generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def whole_mask(content: Tensor) -> Tensor:
    return torch.ones(1, *content.shape[-2:])


def objective(
    content: Tensor,
    styles: Sequence[Sequence[StylePicture]],
    style: Mapping[str, float],
    kept: Mapping[str, float] | None = None,
    masks: Tensor | None = None,
    *,
    variation: float = 0.0,
    strength: float = 1.0,
    side: int | None = None,
    seed: int = 0,
) -> Objective:
    weights = Weights(style, {} if kept is None else kept, variation)
    return Objective(
        FeatureExtractor(perceptual_encoder(), grain="grain" in style),
        content,
        styles,
        whole_mask(content) if masks is None else masks,
        weights,
        strength=strength,
        side=side,
        style_side=side,
        seed=seed,
    )


def style_of(seed: int = 9, size: int = 64) -> list[StylePicture]:
    return [StylePicture(picture(size, size, seed), 1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("side", [96, 160])
def test_the_gradient_over_tiles_is_that_of_the_whole_picture(side: int) -> None:
    content, x = picture(230, 182, 1), picture(230, 182, 2) * 1.2 - 0.1
    left = torch.linspace(0, 1, 182).expand(230, 182)
    masks = torch.stack([left, 1 - left])
    styles = [style_of(3), style_of(4, 224)]
    given = (content, styles, EVERYTHING, {"features": 0.5, "relu4_1": 0.2, "structure": 0.6}, masks)
    whole = objective(*given, variation=0.1).evaluate(x, 7)
    tiled = objective(*given, variation=0.1, side=side)
    assert len(tiled.tiles) > 1
    terms, gradient = tiled.evaluate(x, 7)
    assert set(terms) == {*EVERYTHING, "features", "relu4_1", "structure", "variation", "range"}
    for name, value in whole[0].items():
        assert terms[name] == pytest.approx(value, rel=2e-3), name  # content features are stored as float16
    assert float((gradient - whole[1]).norm() / whole[1].norm()) < 5e-3


def test_a_picture_in_its_own_style_has_no_gradient() -> None:
    content = picture(96, 96, 5)
    terms, gradient = objective(
        content, [[StylePicture(content, 1.0)]], {"gram": 1, "gaussian": 1, "grain": 1}, {"features": 1}
    ).evaluate(content, 0)
    assert sum(terms.values()) < 1e-4
    assert float(gradient.abs().max()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERYTHING)
def test_gradient_step_reduces_each_style_loss(name: str) -> None:
    made = objective(picture(64, 64, 1), [style_of()], {name: 1.0})
    x = picture(64, 64, 1)
    first, gradient = made.evaluate(x, 0)
    assert first[name] > 0.01
    moved = x - 0.02 * gradient / gradient.abs().max()
    assert made.evaluate(moved, 0)[0][name] < first[name]


@pytest.mark.slow
def test_target_at_strength_0_is_the_content() -> None:
    content = picture(96, 96, 5)
    targets = {
        strength: objective(content, [style_of()], {"gram": 1, "patches": 1}, strength=strength)
        for strength in (0.0, 0.5, 1.0)
    }
    losses = {strength: made.evaluate(content, 0)[0] for strength, made in targets.items()}
    assert losses[0.0]["gram"] < 1e-4
    assert losses[0.0]["gram"] < losses[0.5]["gram"] < losses[1.0]["gram"]
    assert losses[0.0]["patches"] < losses[0.5]["patches"] < losses[1.0]["patches"]


def test_several_styles_are_mixed_by_their_shares() -> None:
    content, (a, b) = picture(64, 64, 1), (style_of(3)[0].picture, style_of(4)[0].picture)
    mixed = objective(content, [[StylePicture(a, 0.25), StylePicture(b, 0.75)]], {"gram": 1}).style.moments
    alone = [objective(content, [[StylePicture(each, 1.0)]], {"gram": 1}).style.moments for each in (a, b)]
    for layer in range(5):
        expected = 0.25 * alone[0][layer].second + 0.75 * alone[1][layer].second
        torch.testing.assert_close(mixed[layer].second, expected)


def test_each_region_has_its_own_target() -> None:
    content = picture(128, 128, 1)
    left, right = style_of(3)[0].picture, style_of(4)[0].picture
    masks = torch.zeros(2, 128, 128)
    masks[0, :, :64], masks[1, :, 64:] = 1, 1
    made = objective(
        content, [[StylePicture(left, 1.0)], [StylePicture(right, 1.0)]], {"gram": 1.0}, None, masks
    )
    joined = torch.cat([left.repeat(1, 1, 2, 1), right.repeat(1, 1, 2, 1)], 3)
    swapped = joined.flip(3)
    assert made.evaluate(joined, 0)[0]["gram"] < 0.5 * made.evaluate(swapped, 0)[0]["gram"]


def test_a_region_without_a_style_is_left_to_the_content() -> None:
    content = picture(96, 96, 1)
    masks = torch.zeros(2, 96, 96)
    masks[0, :, :48], masks[1, :, 48:] = 1, 1
    terms, gradient = objective(content, [style_of(), []], {"grain": 1.0}, None, masks).evaluate(content, 0)
    assert terms["grain"] > 0
    assert float(gradient[..., 60:].abs().max()) < 1e-6 < float(gradient[..., :40].abs().max())


def test_without_styles_only_content_terms_remain() -> None:
    content = picture(64, 64, 1)
    terms, _ = objective(content, [[]], EVERYTHING, {"features": 1.0}).evaluate(content, 0)
    assert set(terms) == {"features", "range"}


def test_relu4_1_is_the_deep_part_of_the_features() -> None:
    content, x = picture(64, 80, 1), picture(64, 80, 2)
    terms, _ = objective(content, [[]], {}, {"features": 1.0, "relu4_1": 2.0}).evaluate(x, 0)
    extractor = FeatureExtractor(perceptual_encoder(), grain=False)
    with torch.no_grad():
        pairs = list(zip(extractor(x), extractor(content), strict=True))
    third, fourth = (
        float((a - b).square().sum() / (a.square().sum() + b.square().sum())) for a, b in pairs[2:4]
    )
    assert terms["relu4_1"] == pytest.approx(2 * fourth, rel=1e-4)
    assert terms["features"] == pytest.approx(fourth + 0.1 * third, rel=1e-4)


@pytest.mark.slow
def test_strokes_loss_samples_calm_positions() -> None:
    content = torch.full((1, 3, 128, 256), 0.5)
    content[..., 128:] = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(4))
    x = picture(128, 256, 2)
    shares = []
    for name in ("strokes", "patches"):
        _, gradient = objective(content, [style_of()], {name: 1.0}).evaluate(x, 0)
        left, right = gradient[..., :128].abs().sum(), gradient[..., 128:].abs().sum()
        shares.append(float(left / (left + right)))
    assert shares[0] > 0.9
    assert shares[1] < 0.7


@pytest.mark.slow
def test_sampling_depends_on_seed_and_step_only() -> None:
    content, x = picture(96, 96, 1), picture(96, 96, 2)
    made = [objective(content, [style_of()], {"sliced": 1.0}, seed=seed) for seed in (0, 0, 1)]
    found = [[each.evaluate(x, step)[0]["sliced"] for step in (3, 4)] for each in made]
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    assert found[0] != found[2]
