"""One result against its content and style, and measurements on disk.

Trivial rows behave, files measure as memory does, and a cached measurement is found again for the same pixels
and for nothing else.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.evaluate import bench as module
from restyle.evaluate.bench import Bench, Cache, Measurement, Subject, eight_bits, key_of, shrunk
from restyle.evaluate.networks import Standard
from tests.evaluate.conftest import drawn, save

ONE = np.zeros((4, 5, 3), np.float32)
MEASURED = Measurement(
    {"style": 0.125}, np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(0, np.float32)
)


def test_what_is_filed_is_found(tmp_path: Path) -> None:
    folder = Cache(tmp_path / "new")
    assert folder.load("a") is None
    folder.save("a", MEASURED)
    found = folder.load("a")
    assert found is not None
    assert found.figures == MEASURED.figures
    assert np.array_equal(found.cloud, MEASURED.cloud)
    assert found.inception.size == 0


def test_keys_know_pixels_shape_settings_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        key_of("a", ONE),
        key_of("b", ONE),
        key_of("a", ONE + np.float32(0.1)),
        key_of("a", ONE.reshape(5, 4, 3)),
        key_of("a", ONE, ONE),
    }
    assert len(keys) == 5
    assert key_of("a", ONE) in keys
    monkeypatch.setattr(module, "code_version", lambda: "another")
    assert key_of("a", ONE) not in keys


def test_damaged_and_unwritable_files_are_no_reason_to_stop(tmp_path: Path) -> None:
    folder = Cache(tmp_path)
    for text in (
        "",
        "{",
        "[]",
        '{"figures": {}}',
        '{"figures": {}, "cloud": {"shape": [2]}, "inception": null}',
    ):
        (tmp_path / "a.json").write_text(text)
        assert folder.load("a") is None
    (tmp_path / "file").write_text("")
    Cache(tmp_path / "file" / "below").save("a", MEASURED)


def test_the_users_folder_is_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert Cache().folder == tmp_path / "measurements"


def test_the_code_is_all_that_measuring_depends_on() -> None:
    paths = {path.relative_to(module.PACKAGE).as_posix() for path in module.dependencies()}
    assert {"evaluate/videos.py", "evaluate/metrics.py", "evaluate/bench.py"} <= paths
    assert {"images/statistics.py", "images/resize.py", "models/session.py", "videos/read.py"} <= paths
    assert not {path for path in paths if path.startswith(("cli/", "train/", "compare/"))}
    assert len(module.code_version()) == 64


def test_a_change_of_any_of_it_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = module.code_version()
    changed = tmp_path / "temporal.py"
    changed.write_text("TAU = 1\n")
    monkeypatch.setattr(module, "dependencies", lambda: (changed,))
    module.code_version.cache_clear()
    assert module.code_version() != before
    module.code_version.cache_clear()


def test_mean_of_frames() -> None:
    frames = [
        Measurement({"style": value}, np.full((2, 3), value, np.float32), np.full(4, value, np.float32))
        for value in (1.0, 3.0)
    ]
    mean = Measurement.mean_of(frames)
    assert mean.figures == {"style": 2.0}
    assert mean.cloud.shape == (4, 3)
    assert mean.inception.tolist() == [2.0] * 4


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
