import pytest

from restyle.errors import OptionError
from restyle.methods.optimize import memory
from restyle.methods.optimize.features import FeatureExtractor
from restyle.nn.encoders import perceptual_encoder
from restyle.options import OptimizeOptions


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor(perceptual_encoder())


@pytest.fixture
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run of its own holds: the test's process holds whatever the tests before it left."""
    monkeypatch.setattr(memory, "process_bytes", lambda: 0.6e9)


def options(gigabytes: float, **more: object) -> OptimizeOptions:
    return OptimizeOptions(method="optimize", memory=gigabytes, **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_process")
def test_a_small_picture_is_seen_whole_and_a_large_one_in_tiles(extractor: FeatureExtractor) -> None:
    assert memory.tile_side(extractor, (512, 768), [(512, 512)], options(4)) is None
    side = memory.tile_side(extractor, (4096, 4096), [(1024, 1024)], options(8))
    assert side is not None
    assert side >= memory.SMALLEST_TILE
    assert side % 16 == 0


@pytest.mark.usefixtures("small_process")
def test_4096_px_fit_in_8_gb_and_2048_in_the_default() -> None:
    extractor = FeatureExtractor(perceptual_encoder(OptimizeOptions.encoder), twice=True).at(4096, 4096)
    side = memory.tile_side(extractor, (4096, 4096), [(1024, 1024)], options(8))
    assert side is not None
    assert side >= memory.SMALLEST_TILE
    given = options(OptimizeOptions.memory)
    assert memory.tile_side(extractor.at(2048, 2048), (2048, 2048), [(1024, 1024)], given) is not None


@pytest.mark.usefixtures("small_process")
def test_a_long_scroll_needs_tiles_where_the_content_does_not(extractor: FeatureExtractor) -> None:
    content, scroll = (512, 512), (512, 9000)
    assert memory.tile_side(extractor, content, [scroll], options(4)) is None
    assert memory.style_side(extractor, content, [content], options(4)) is None
    side = memory.style_side(extractor, content, [content, scroll], options(4))
    assert side is not None
    assert side >= memory.SMALLEST_TILE
    assert side % 16 == 0


@pytest.mark.usefixtures("small_process")
def test_less_memory_makes_smaller_tiles_until_one_line_says_what_is_needed(
    extractor: FeatureExtractor,
) -> None:
    sides = [memory.tile_side(extractor, (3000, 3000), [(800, 800)], options(gb)) for gb in (40, 6, 5)]
    assert sides[0] is None
    assert sides[1] is not None
    assert sides[2] is not None
    assert sides[1] > sides[2]
    with pytest.raises(OptionError, match=r"memory 0.1 GB is too little for 3000 x 3000 px .* at least \d"):
        memory.tile_side(extractor, (3000, 3000), [(800, 800)], options(0.1))


@pytest.mark.usefixtures("small_process")
def test_what_the_message_asks_for_suffices(extractor: FeatureExtractor) -> None:
    with pytest.raises(OptionError) as told:
        memory.tile_side(extractor, (2000, 2000), [(800, 800)], options(0.1))
    least = float(str(told.value).rsplit(" ", 1)[1])
    assert memory.tile_side(extractor, (2000, 2000), [(800, 800)], options(least + 0.1)) is not None


def test_lbfgs_needs_more_than_adam_and_no_content_less(extractor: FeatureExtractor) -> None:
    size = (1000, 1000)
    needs = {
        name: memory.picture_bytes(extractor, size, [size], options(4, optimizer=name))
        for name in ("adam", "lbfgs")
    }
    assert needs["lbfgs"] > 1.5 * needs["adam"]


def test_lbfgs_keeps_fewer_pairs_of_a_large_picture() -> None:
    assert memory.pairs((512, 768), options(4)) == memory.PAIRS[1]
    assert memory.PAIRS[0] <= memory.pairs((4096, 4096), options(8)) < memory.PAIRS[1]


def test_the_process_holds_something() -> None:
    assert 1e7 < memory.process_bytes() < 1e11
