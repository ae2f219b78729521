"""Measurements on disk: found again for the same pixels, and for nothing else."""

from pathlib import Path

import numpy as np
import pytest

from restyle.evaluate import cache
from restyle.evaluate.cache import Cache, Measurement, key_of

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
    monkeypatch.setattr(cache, "code_version", lambda: "another")
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
    paths = {path.relative_to(cache.PACKAGE).as_posix() for path in cache.dependencies()}
    assert {"evaluate/temporal.py", "evaluate/videos.py", "evaluate/feature_metrics.py"} <= paths
    assert {"images/statistics.py", "images/resize.py", "models/features.py", "videos/read.py"} <= paths
    assert not {path for path in paths if path.startswith(("cli/", "train/", "compare/"))}
    assert len(cache.code_version()) == 64


def test_a_change_of_any_of_it_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.code_version()
    changed = tmp_path / "temporal.py"
    changed.write_text("TAU = 1\n")
    monkeypatch.setattr(cache, "dependencies", lambda: (changed,))
    cache.code_version.cache_clear()
    assert cache.code_version() != before
    cache.code_version.cache_clear()


def test_mean_of_frames() -> None:
    frames = [
        Measurement({"style": value}, np.full((2, 3), value, np.float32), np.full(4, value, np.float32))
        for value in (1.0, 3.0)
    ]
    mean = Measurement.mean_of(frames)
    assert mean.figures == {"style": 2.0}
    assert mean.cloud.shape == (4, 3)
    assert mean.inception.tolist() == [2.0] * 4
