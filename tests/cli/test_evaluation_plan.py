"""What is to be measured, and what is refused before anything is."""

import json
from pathlib import Path

import pytest

from restyle.cli.evaluation_plan import Work, planned
from restyle.errors import InputError, OptionError
from restyle.evaluate.suite import SUITES
from restyle.models.catalog import DEFAULT
from restyle.options import EngineOptions
from tests.evaluate.conftest import drawn, folders, save

__all__ = ["folders"]


def plan(folder: Path, *results: str, runs: tuple[str, ...] = (), **rest: object) -> Work:
    given = {
        "content": [str(folder / "photos")],
        "style": [str(folder / "art")],
        "pairs": None,
        "suite": None,
        **rest,
    }
    return planned(
        [str(folder / each) for each in results],
        given["content"],  # type: ignore[arg-type]
        given["style"],  # type: ignore[arg-type]
        runs,
        given["pairs"],  # type: ignore[arg-type]
        given["suite"],  # type: ignore[arg-type]
        EngineOptions(threads=1),
        folder,
        512,
    )


def test_without_results_the_method_is_run_once(folders: Path) -> None:
    work = plan(folders)
    assert [candidate.name for candidate in work.candidates] == [DEFAULT]
    assert len(work.pairs) == 4


def test_each_run_is_a_row_once(folders: Path) -> None:
    work = plan(folders, runs=("strength=1", "strength=0.6", "strength=1"))
    assert [each.name for each in work.candidates] == [f"{DEFAULT} strength=1", f"{DEFAULT} strength=0.6"]


def test_each_folder_of_results_is_a_row_and_single_files_one(folders: Path) -> None:
    (folders / "out" / "cat__red_night.png").rename(folders / "cat__red_night.png")
    work = plan(folders, "out", "cat__red_night.png")
    assert [candidate.name for candidate in work.candidates] == ["out", "results"]
    assert len(work.pairs) == 4
    assert [len(candidate.pairs or ()) for candidate in work.candidates] == [3, 1]


def test_only_pairs_with_results_are_measured(folders: Path) -> None:
    for name in ("cat__wave", "dog__wave"):
        (folders / "out" / f"{name}.png").unlink()
    work = plan(folders, "out", runs=("strength=1",))
    assert [pair.style.stem for pair in work.pairs] == ["red_night", "red_night"]


def test_a_list_of_pairs_is_obeyed(folders: Path) -> None:
    (folders / "pairs.json").write_text(json.dumps([["cat", "wave"]]))
    work = plan(folders, "out", pairs=str(folders / "pairs.json"))
    assert [pair.name for pair in work.pairs] == ["cat__wave"]
    assert len(work.strangers) == 3
    assert "is not among the pairs" in work.strangers[0]


def test_missing_sides_are_named(folders: Path) -> None:
    with pytest.raises(OptionError, match="give --content"):
        plan(folders, content=[])
    with pytest.raises(OptionError, match="give --style"):
        plan(folders, style=[])


def test_rows_of_one_name_are_refused(folders: Path) -> None:
    save(folders / "copy content", "cat__wave.png", drawn(0))
    with pytest.raises(OptionError, match="two rows are called 'copy content'"):
        plan(folders, "copy content")


def test_names_that_fit_nothing_give_one_line(folders: Path) -> None:
    save(folders / "other", "horse.png", drawn(0))
    with pytest.raises(InputError, match=r"horse\.png: belongs to no content and style"):
        plan(folders, "other")


def test_a_suite_brings_everything(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="brings its own content"):
        plan(folders, suite=SUITES["dev"])
    monkeypatch.setenv("RESTYLE_SHARED", str(folders / "shared"))
    save(folders / "shared" / "data" / "dev" / "content", "cat.png", drawn(0))
    save(folders / "shared" / "data" / "presets", "wave.png", drawn(1))
    (folders / "shared" / "data" / "dev" / "pairs.json").write_text(json.dumps([["cat", "wave"]]))
    work = plan(folders, suite=SUITES["dev"], content=[], style=[], runs=("style-scale=2",))
    assert [each.facts["settings"] for each in work.candidates] == [*SUITES["dev"].settings, "style-scale=2"]
    assert [pair.name for pair in work.pairs] == ["cat__wave"]
