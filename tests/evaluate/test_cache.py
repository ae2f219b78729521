"""Measurements on disk: found again for the same pixels, and for nothing else."""

from pathlib import Path

import numpy as np
import pytest

from restyle.evaluate import cache
from restyle.evaluate.cache import Kept, key_of
from restyle.evaluate.record import Measurement

ONE = np.zeros((4, 5, 3), np.float32)
TOLD = Measurement({"style": 0.125}, np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(0, np.float32))


def test_what_is_filed_is_found(tmp_path: Path) -> None:
    folder = Kept(tmp_path / "new")
    assert folder.find("a") is None
    folder.file("a", TOLD)
    found = folder.find("a")
    assert found is not None
    assert found.figures == TOLD.figures
    assert np.array_equal(found.cloud, TOLD.cloud)
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
    folder = Kept(tmp_path)
    for text in (
        "",
        "{",
        "[]",
        '{"figures": {}}',
        '{"figures": {}, "cloud": {"shape": [2]}, "inception": null}',
    ):
        (tmp_path / "a.json").write_text(text)
        assert folder.find("a") is None
    (tmp_path / "file").write_text("")
    Kept(tmp_path / "file" / "below").file("a", TOLD)


def test_the_users_folder_is_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert Kept().folder == tmp_path / "measurements"


def test_code_version_covers_what_measures() -> None:
    assert len(cache.code_version()) == 64
    assert cache.code_version() == cache.code_version()
