import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.methods.optimize.scales import COARSEST, LEAST_CONTENT, Level, plan_levels, style_short_side


def test_a_large_picture_goes_from_coarse_to_fine() -> None:
    levels = plan_levels((1024, 1536), 300)
    assert [(each.height, each.width) for each in levels] == [
        (64, 96),
        (128, 192),
        (256, 384),
        (512, 768),
        (1024, 1536),
    ]
    assert [each.part for each in levels] == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]
    assert sum(each.steps for each in levels) == 300
    steps = [each.steps for each in levels]
    assert steps == sorted(steps, reverse=True)  # the coarse ones settle the large forms, and cost little
    shares = [each.content_share() for each in levels]
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert min(shares) >= LEAST_CONTENT
    assert all(each.content_share(large_forms=0) == 1 for each in levels)
    between = [each.content_share(large_forms=0.5) for each in levels]
    assert all(less < half < 1 for less, half in zip(shares[:-1], between[:-1], strict=True))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 500))
def test_plans_hold_for_any_size(height: int, width: int, steps: int) -> None:
    levels = plan_levels((height, width), steps)
    assert (levels[-1].height, levels[-1].width) == (height, width)
    assert sum(each.steps for each in levels) == steps
    assert all(each.steps >= 1 for each in levels)
    assert min(levels[0].height, levels[0].width) < 2 * COARSEST or steps < 7
    parts = [each.part for each in levels]
    assert parts == sorted(parts)


def test_styles_are_seen_as_large_as_the_content_but_not_enlarged() -> None:
    fine, half = Level(1000, 1000, 1, 1.0), Level(500, 500, 1, 0.5)
    assert style_short_side(2000, 1000, fine, 1.0) == 1000
    assert style_short_side(2000, 1000, half, 1.0) == 500
    assert style_short_side(600, 1000, fine, 1.0) == 600
    assert style_short_side(600, 1000, half, 1.0) == 500
    assert style_short_side(600, 1000, half, 0.5) == 250


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_larger_scale_may_enlarge_the_style(scale: float) -> None:
    assert style_short_side(600, 1000, Level(1000, 1000, 1, 1.0), scale) == min(1000 * scale, 600 * scale)
