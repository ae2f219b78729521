from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.compare import metrics
from restyle.compare.metrics import METRICS, Metric
from restyle.compare.subjects import LayerMoments, Need, Subject, measure, of_pixels
from restyle.errors import OptionError, StyleError
from restyle.models import arbitrary

NEEDS: frozenset[Need] = frozenset({"code", "features", "colors", "vector"})
OF_PICTURES = [each for each in METRICS.values() if each.need != "sound"]
OF_SOUNDS = [each for each in METRICS.values() if each.need == "sound"]


Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def subject(seed: int) -> Subject:
    rng = np.random.default_rng(seed)
    coarse = rng.random((6, 7, 3), np.float32).repeat(12, 0).repeat(12, 1)
    pixels = np.clip(coarse + rng.normal(0, 0.1, coarse.shape), 0, 1).astype(np.float32)
    return of_pixels(pixels, NEEDS, arbitrary.load(threads=1), f"picture {seed}")


@pytest.fixture(scope="module")
def two() -> tuple[Subject, Subject]:
    return subject(0), subject(1)


@pytest.fixture(scope="module")
def sounds() -> tuple[Subject, Subject]:
    model = arbitrary.load(threads=1)
    first, second = (measure(name, frozenset({"sound"}), model) for name in ("rain", "bells"))
    return first, second


@pytest.mark.slow
@pytest.mark.parametrize("metric", OF_PICTURES, ids=lambda each: each.name)
def test_the_same_is_at_zero_and_others_are_not(metric: Metric, two: tuple[Subject, Subject]) -> None:
    assert metric.distance(two[0], two[0]) == 0
    assert metric.distance(two[0], subject(0)) == 0
    assert metric.distance(*two) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("metric", OF_PICTURES, ids=lambda each: each.name)
def test_the_order_does_not_matter(metric: Metric, two: tuple[Subject, Subject]) -> None:
    assert metric.distance(two[1], two[0]) == pytest.approx(metric.distance(*two), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("metric", OF_SOUNDS, ids=lambda each: each.name)
def test_sounds_too(metric: Metric, sounds: tuple[Subject, Subject]) -> None:
    a, b = sounds
    assert metric.distance(a, a) == 0
    assert metric.distance(a, b) > 0.1
    assert metric.distance(a, b) == pytest.approx(metric.distance(b, a))


def moments(seed: int, factor: float = 1.0) -> LayerMoments:
    values = factor * np.random.default_rng(seed).random((4, 200))
    return LayerMoments(values.mean(1), np.cov(values, bias=True))


@pytest.mark.parametrize("distance", [metrics.gram, metrics.wasserstein])
def test_magnitude_of_the_features_does_not_matter(distance: metrics.LayerDistance) -> None:
    plain = distance(moments(0), moments(1))
    assert distance(moments(0, 30.0), moments(1, 30.0)) == pytest.approx(plain, rel=1e-6)
    assert 0 < plain < 1


def test_wasserstein_of_lines_is_known() -> None:
    one = LayerMoments(np.array([1.0]), np.array([[4.0]]))
    other = LayerMoments(np.array([4.0]), np.array([[1.0]]))
    assert metrics.wasserstein(one, other) == pytest.approx(np.sqrt((9 + 1) / (4 + 1 + 1 + 16)))


def test_wasserstein_sees_what_gram_and_moments_agree_on() -> None:
    straight = LayerMoments(np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]))
    crossed = LayerMoments(np.zeros(2), np.array([[1.0, -0.8], [-0.8, 1.0]]))
    assert metrics.moments(straight, crossed) == 0
    assert metrics.wasserstein(straight, crossed) > 0.3
    assert metrics.gram(straight, crossed) > 0.3


def test_palette_is_how_far_colors_move() -> None:
    model = arbitrary.load(threads=1)
    grey, light, lighter = (
        of_pixels(np.full((20, 20, 3), level, np.float32), frozenset({"colors"}), model, "flat")
        for level in (0.4, 0.5, 0.9)
    )
    near, far = metrics.palette(grey, light), metrics.palette(grey, lighter)
    assert 0 < near < far
    # Along the axis of lightness the root mean square over all directions is the third of the whole, rooted.
    assert metrics.palette(light, lighter) == pytest.approx((0.9320 - 0.5982) / 3**0.5, rel=0.05)


def test_a_preset_has_no_pixels_and_a_sound_has_no_code() -> None:
    assert METRICS["style"].defined("picture", "picture")
    assert not METRICS["style"].defined("picture", "preset")
    assert METRICS["cosine"].defined("picture", "preset")
    assert not METRICS["cosine"].defined("picture", "sound")
    assert METRICS["mfcc"].defined("sound", "sound")
    assert not METRICS["mfcc"].defined("sound", "picture")


def test_the_default_is_the_best_that_is_defined_for_all() -> None:
    assert metrics.default(["picture", "picture"]).name == "style"
    assert metrics.default(["picture", "preset", "picture"]).name == "cosine"
    assert metrics.default(["sound", "sound"]).name == "mfcc"
    with pytest.raises(StyleError, match="sounds and pictures"):
        metrics.default(["sound", "picture"])


def test_codes_of_different_models_do_not_compare() -> None:
    code = np.ones(3, np.float32)
    with pytest.raises(StyleError, match="'x' is a style of 'one'"):
        metrics.cosine(Subject("x", "style", code, "one"), Subject("y", "style", code, "two"))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_of_two_codes_either_may_be_seen_from_further_away(metric: str) -> None:
    here, there = np.array([3, 1], np.float32), np.array([1, 3], np.float32)
    whole = Subject("whole", "preset", here, "m")
    detail = Subject("detail", "picture", there, "m", np.stack([here, 2 * here]))
    plain = Subject("detail", "picture", there, "m")
    assert METRICS[metric].distance(whole, plain) > 0.1
    assert METRICS[metric].distance(whole, detail) == METRICS[metric].distance(detail, whole) == 0
    assert METRICS[metric].distance(detail, plain) == 0


def test_matrix_is_symmetric_and_marks_what_is_not_defined(two: tuple[Subject, Subject]) -> None:
    found = metrics.matrix([*two, Subject("p", "preset")], METRICS["style"])
    np.testing.assert_array_equal(found, found.T)
    assert np.isnan(found[0, 2])
    assert found[0, 1] > 0


def test_lengths_are_roots_of_squares(two: tuple[Subject, Subject]) -> None:
    distances = np.array([[0.0, 4.0], [4.0, 0.0]])
    np.testing.assert_array_equal(METRICS["gram:relu2_1"].lengths(distances), np.sqrt(distances))
    np.testing.assert_array_equal(METRICS["palette"].lengths(distances), distances)
    a, b = two
    assert a.vector is not None
    assert b.vector is not None
    chord = np.linalg.norm(a.vector - b.vector) / 2**0.5
    assert METRICS["style"].lengths(np.array(metrics.style(a, b))) == pytest.approx(chord)


def test_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(OptionError, match=r"metric 'lpips' is none of style, cosine.*gram:relu3_1"):
        metrics.find("lpips")


def test_every_metric_says_what_it_compares_and_its_scale() -> None:
    assert all(each.about and each.name == name for name, each in METRICS.items())
    assert metrics.TYPICAL.keys() == METRICS.keys()
    assert all(0 < low < high for low, high in metrics.TYPICAL.values())


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_most_presets_are_within_the_typical_range(metric: str) -> None:
    styles = [Subject(each.name, "preset", each.read, each.model) for each in restyle.styles()]
    found = [METRICS[metric].distance(a, b) for a, b in combinations(styles, 2)]
    low, high = METRICS[metric].typical
    assert np.mean([low <= each <= high for each in found]) > 0.8
    assert np.percentile(found, 90) == pytest.approx(high, rel=0.1)


@pytest.mark.slow
def test_the_default_depends_on_what_is_compared(photo_file: Path, style_file: Path) -> None:
    assert restyle.similarity(photo_file, style_file) == restyle.similarity(
        photo_file, style_file, metric="style"
    )
    assert restyle.similarity("scream", style_file) == restyle.similarity(
        "scream", style_file, metric="cosine"
    )
    assert restyle.similarity("rain", "fire") == restyle.similarity("rain", "fire", metric="mfcc")


@pytest.mark.slow
def test_paths_arrays_pil_images_and_styles_serve(photo: Photo, photo_file: Path) -> None:
    assert restyle.similarity(photo, photo_file) == pytest.approx(0, abs=1e-9)
    assert restyle.similarity(Image.fromarray(photo), photo) == 0
    style = restyle.Style.from_image(photo)
    assert restyle.similarity(style, photo_file, metric="euclidean") == pytest.approx(0, abs=1e-6)
    assert restyle.similarity(style, style) == 0


def test_codes_agree_with_style_distance() -> None:
    a, b = restyle.Style.from_preset("scream"), restyle.Style.from_preset("great-wave")
    assert restyle.similarity(a, b, metric="euclidean") == pytest.approx(a.distance(b), rel=1e-5)


def test_what_is_not_defined_is_said(photo_file: Path) -> None:
    with pytest.raises(StyleError, match="needs pixels, and a preset or saved style is only a code"):
        restyle.similarity("scream", photo_file, metric="gram")
    with pytest.raises(StyleError, match="sounds and pictures cannot be compared"):
        restyle.similarity("rain", photo_file)
    with pytest.raises(StyleError, match="it compares sounds"):
        restyle.similarity("scream", photo_file, metric="mfcc")
    with pytest.raises(StyleError, match="a sound has no pixels"):
        restyle.similarity("rain", "fire", metric="style")
    with pytest.raises(OptionError, match="metric 'x' is none of"):
        restyle.similarity("rain", "fire", metric="x")


@pytest.mark.slow
def test_size_changes_less_than_style(photo: Photo, style_file: Path) -> None:
    image = Image.fromarray(photo).resize((336, 240), Image.Resampling.BICUBIC)
    larger = image.resize((672, 480), Image.Resampling.BICUBIC)
    for metric in ("style", "gram", "moments", "wasserstein", "palette", "cosine"):
        own = restyle.similarity(image, larger, metric=metric)
        other = restyle.similarity(image, style_file, metric=metric)
        assert own < 0.2 * other, metric
