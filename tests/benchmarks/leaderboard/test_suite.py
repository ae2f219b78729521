"""Suites with and without their data, and the command."""

import json
from pathlib import Path

import pytest

from benchmarks.leaderboard.__main__ import main
from benchmarks.leaderboard.suite import SUITES, find, pairs_of, shared_folder
from restyle.errors import InputError, OptionError
from tests.evaluate.conftest import drawn, folders, save

__all__ = ["folders"]


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


@pytest.mark.slow
def test_the_command_makes_a_board_and_compares(
    folders: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folders / "shared" / "data"
    save(data / "dev" / "content", "cat.png", drawn(0))
    save(data / "presets", "wave.png", drawn(1))
    (data / "dev" / "pairs.json").write_text(json.dumps([["cat", "wave"]]))
    monkeypatch.setenv("RESTYLE_SHARED", str(folders / "shared"))
    monkeypatch.setenv("RESTYLE_HOME", str(folders / "home"))
    common = ["--threads", "1", "--folder", str(folders / "board")]
    main(["--size", "80", "--model", str(tiny_model), *common])
    assert "no committed rows" in capsys.readouterr().out
    main(["--size", "80", *common])
    assert "beside" in capsys.readouterr().out
    board = json.loads((folders / "board" / "dev.json").read_text())
    assert len(board["rows"]) == 2 * len(SUITES["dev"].settings) + 2
    main(common)  # at 512 px: smaller pictures keep their size
    assert "do not compare and are dropped" in capsys.readouterr().out
