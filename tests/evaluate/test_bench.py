"""One result against its content and style: the trivial rows behave, and files measure as memory does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.evaluate.bench import Bench, Subject, eight_bits, shrunk
from restyle.evaluate.cache import Cache
from restyle.evaluate.lpips_fid import Standard
from tests.evaluate.conftest import drawn, save

MakeBench = Callable[..., Bench]


@pytest.fixture
def subject(make_bench: MakeBench, folders: Path) -> Subject:
    bench = make_bench()
    return Subject(
        bench, bench.picture(folders / "photos" / "cat.png"), bench.picture(folders / "art" / "wave.png")
    )


def test_copy_content_keeps_all_content(subject: Subject) -> None:
    figures = subject.measure(subject.content).figures
    for name in ("content", "perceptual", "grid", "clipping", "gatys-content"):
        assert figures[name] == 0
    assert figures["ssim"] == pytest.approx(1)
    assert figures["style"] > 0.05


def test_copy_style_has_all_style(subject: Subject) -> None:
    figures = subject.measure(subject.style_copy()).figures
    content = subject.measure(subject.content).figures
    assert figures["style"] < 0.3 * content["style"]
    assert figures["adain-style"] < content["adain-style"]
    assert figures["content"] > 0.05
    assert subject.style_copy().shape == subject.content.shape


def test_the_style_itself_scores_zero_where_sizes_agree(make_bench: MakeBench) -> None:
    bench = make_bench()
    style = bench.fitted((drawn(1) / 255).astype(np.float32))
    made = Subject(bench, bench.fitted((drawn(2) / 255).astype(np.float32)), style)
    figures = made.measure(made.style_copy()).figures
    assert figures["style"] == 0
    assert figures["gatys-style"] == 0


def test_a_result_between_scores_between(subject: Subject) -> None:
    half = eight_bits(np.asarray((subject.content + subject.style_copy()) / 2, np.float32))
    figures = subject.measure(half).figures
    assert 0 < figures["content"] < subject.measure(subject.style_copy()).figures["content"]
    assert 0 < figures["perceptual"] < subject.measure(subject.style_copy()).figures["perceptual"]


def test_a_file_measures_as_the_picture_in_memory(
    make_bench: MakeBench, subject: Subject, tmp_path: Path
) -> None:
    result = subject.style_copy()
    path = save(tmp_path, "result.png", np.round(result * 255).astype(np.uint8))
    loaded = np.asarray(Image.open(path), np.float32) / np.float32(255)
    assert subject.measure(subject.fitted(loaded)).figures == subject.measure(result).figures


def test_pictures_are_brought_to_the_size_and_small_ones_stay(make_bench: MakeBench) -> None:
    bench = make_bench(size=64)
    assert bench.fitted(np.zeros((100, 200, 3), np.float32)).shape == (64, 128, 3)
    assert bench.fitted(np.zeros((70, 64, 3), np.float32)).shape == (70, 64, 3)
    with pytest.raises(InputError, match="tiny: 63 x 100 px is too small to measure"):
        bench.fitted(np.zeros((100, 63, 3), np.float32), "tiny")
    assert shrunk(np.zeros((10, 20, 3), np.float32), 30).shape == (10, 20, 3)


def test_a_result_of_another_size_is_fitted_one_of_another_aspect_refused(subject: Subject) -> None:
    height, width = subject.content.shape[:2]
    assert subject.fitted(np.zeros((2 * height, 2 * width, 3), np.float32)).shape == subject.content.shape
    with pytest.raises(InputError, match="another aspect ratio than its content"):
        subject.fitted(np.zeros((height, height, 3), np.float32), "x.png")


def test_measurements_are_kept_and_found(make_bench: MakeBench, folders: Path) -> None:
    store = Cache(folders / "kept")
    contents = (folders / "photos" / "cat.png", folders / "art" / "wave.png")
    first = make_bench(cache=store)
    one = Subject(first, *(first.picture(path) for path in contents))
    told = one.measure(one.style_copy())
    assert one.style_measurement.cloud.shape == told.cloud.shape
    seen: list[int] = []

    def count(picture: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(1)
        return dict(first.encoder.features(picture))

    second = Bench(type(first.encoder)(first.encoder.name, first.encoder.identity, count), 96, cache=store)
    again = Subject(second, *(second.picture(path) for path in contents))
    assert again.measure(again.style_copy()).figures == told.figures
    assert np.array_equal(again.style_measurement.cloud, one.style_measurement.cloud)
    assert seen == []
    again.measure(again.content)
    assert seen  # that one was not kept


def test_standard_metrics_join_in(make_bench: MakeBench, folders: Path) -> None:
    other = Standard(lambda a, b: float(np.abs(a - b).mean()), lambda picture: np.ones(2048, np.float32))
    bench = make_bench(standard=other)
    subject = Subject(
        bench, bench.picture(folders / "photos" / "cat.png"), bench.picture(folders / "art" / "wave.png")
    )
    found = subject.measure(subject.content)
    assert found.figures["lpips-alex"] == 0
    assert found.inception.shape == (2048,)
    assert subject.style_measurement.inception.shape == (2048,)
