import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.errors import OptionError
from restyle.methods.optimize import problem
from restyle.methods.optimize.features import FeatureExtractor
from restyle.methods.optimize.problem import COARSEST, LEAST_CONTENT, Level, plan_levels, style_short_side
from restyle.nn.encoders import perceptual_encoder
from restyle.options import OptimizeOptions


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor(perceptual_encoder())


@pytest.fixture
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory of a fresh process, instead of the process that runs the tests."""
    monkeypatch.setattr(problem, "process_bytes", lambda: 0.6e9)


def options(gigabytes: float, **more: object) -> OptimizeOptions:
    return OptimizeOptions(method="optimize", memory=gigabytes, **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_process")
def test_only_large_pictures_need_tiles(extractor: FeatureExtractor) -> None:
    assert problem.tile_side(extractor, (512, 768), [(512, 512)], options(4)) is None
    side = problem.tile_side(extractor, (4096, 4096), [(1024, 1024)], options(8))
    assert side is not None
    assert side >= problem.SMALLEST_TILE
    assert side % 16 == 0


@pytest.mark.usefixtures("small_process")
def test_4096_px_fit_in_8_gb_and_2048_in_the_default() -> None:
    extractor = FeatureExtractor(perceptual_encoder(OptimizeOptions.encoder), twice=True).at(4096, 4096)
    side = problem.tile_side(extractor, (4096, 4096), [(1024, 1024)], options(8))
    assert side is not None
    assert side >= problem.SMALLEST_TILE
    given = options(OptimizeOptions.memory)
    assert problem.tile_side(extractor.at(2048, 2048), (2048, 2048), [(1024, 1024)], given) is not None


@pytest.mark.usefixtures("small_process")
def test_a_long_scroll_needs_tiles_where_the_content_does_not(extractor: FeatureExtractor) -> None:
    content, scroll = (512, 512), (512, 9000)
    assert problem.tile_side(extractor, content, [scroll], options(4)) is None
    assert problem.style_side(extractor, content, [content], options(4)) is None
    side = problem.style_side(extractor, content, [content, scroll], options(4))
    assert side is not None
    assert side >= problem.SMALLEST_TILE
    assert side % 16 == 0


@pytest.mark.usefixtures("small_process")
def test_less_memory_gives_smaller_tiles_and_finally_an_error(
    extractor: FeatureExtractor,
) -> None:
    sides = [problem.tile_side(extractor, (3000, 3000), [(800, 800)], options(gb)) for gb in (40, 6, 5)]
    assert sides[0] is None
    assert sides[1] is not None
    assert sides[2] is not None
    assert sides[1] > sides[2]
    with pytest.raises(OptionError, match=r"memory 0.1 GB is too little for 3000 x 3000 px .* at least \d"):
        problem.tile_side(extractor, (3000, 3000), [(800, 800)], options(0.1))


@pytest.mark.usefixtures("small_process")
def test_the_suggested_memory_is_enough(extractor: FeatureExtractor) -> None:
    with pytest.raises(OptionError) as told:
        problem.tile_side(extractor, (2000, 2000), [(800, 800)], options(0.1))
    least = float(str(told.value).rsplit(" ", 1)[1])
    assert problem.tile_side(extractor, (2000, 2000), [(800, 800)], options(least + 0.1)) is not None


def test_lbfgs_needs_more_than_adam_and_no_content_less(extractor: FeatureExtractor) -> None:
    size = (1000, 1000)
    needs = {
        name: problem.picture_bytes(extractor, size, [size], options(4, optimizer=name))
        for name in ("adam", "lbfgs")
    }
    assert needs["lbfgs"] > 1.5 * needs["adam"]


def test_lbfgs_keeps_fewer_pairs_of_a_large_picture() -> None:
    assert problem.pairs((512, 768), options(4)) == problem.PAIRS[1]
    assert problem.PAIRS[0] <= problem.pairs((4096, 4096), options(8)) < problem.PAIRS[1]


def test_process_bytes() -> None:
    assert 1e7 < problem.process_bytes() < 1e11


def test_large_pictures_are_optimized_coarse_to_fine() -> None:
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
    assert steps == sorted(steps, reverse=True)  # coarse steps are cheap
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


def test_styles_have_the_size_of_the_content_but_are_not_enlarged() -> None:
    fine, half = Level(1000, 1000, 1, 1.0), Level(500, 500, 1, 0.5)
    assert style_short_side(2000, 1000, fine, 1.0) == 1000
    assert style_short_side(2000, 1000, half, 1.0) == 500
    assert style_short_side(600, 1000, fine, 1.0) == 600
    assert style_short_side(600, 1000, half, 1.0) == 500
    assert style_short_side(600, 1000, half, 0.5) == 250


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_larger_scale_may_enlarge_the_style(scale: float) -> None:
    assert style_short_side(600, 1000, Level(1000, 1000, 1, 1.0), scale) == min(1000 * scale, 600 * scale)
