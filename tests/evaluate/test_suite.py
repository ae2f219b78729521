"""Suites: their data where it is, and one clear line where it is not."""

import json
from pathlib import Path

import pytest

from restyle.errors import InputError, OptionError
from restyle.evaluate.suite import SUITES, find, pairs_of, shared_folder
from tests.evaluate.conftest import drawn, save


def test_unknown_suite() -> None:
    with pytest.raises(OptionError, match="suite 'test' is none of dev"):
        find("test")


def test_pairs_come_from_the_shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_SHARED", str(tmp_path))
    save(tmp_path / "data" / "dev" / "content", "cat.png", drawn(0))
    save(tmp_path / "data" / "presets", "wave.png", drawn(1))
    with pytest.raises(InputError, match=r"pairs\.json'; set RESTYLE_SHARED to the folder that holds data/"):
        pairs_of(SUITES["dev"])
    (tmp_path / "data" / "dev" / "pairs.json").write_text(json.dumps([["cat", "wave"]]))
    assert [pair.name for pair in pairs_of(SUITES["dev"])] == ["cat__wave"]


def test_without_the_variable_it_is_looked_for_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESTYLE_SHARED", raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert shared_folder() == tmp_path / "shared"
    with pytest.raises(InputError, match="needs data that does not ship with restyle"):
        pairs_of(SUITES["dev"])


def test_the_real_suite_has_its_thirty_pairs() -> None:
    try:
        pairs = pairs_of(SUITES["dev"])
    except InputError as error:
        pytest.skip(str(error))
    assert len(pairs) == 30
