"""What is to be measured, and what is refused before anything is."""

import json
from pathlib import Path

import pytest

from restyle.cli.evaluation_run import Plan, make_plan
from restyle.errors import InputError, OptionError
from restyle.models.catalog import DEFAULT
from restyle.options import EngineOptions
from tests.evaluate.conftest import drawn, folders, save

__all__ = ["folders"]


def plan(
    folder: Path,
    *results: str,
    runs: tuple[str, ...] = (),
    content: list[str] | None = None,
    style: list[str] | None = None,
    pairs: str | None = None,
) -> Plan:
    contents = [str(folder / "photos")] if content is None else content
    styles = [str(folder / "art")] if style is None else style
    paths = [str(folder / each) for each in results]
    return make_plan(paths, contents, styles, runs, pairs, EngineOptions(threads=1), folder, 512)


def test_without_results_the_method_is_run_once(folders: Path) -> None:
    made = plan(folders)
    assert [candidate.name for candidate in made.candidates] == [DEFAULT]
    assert len(made.pairs) == 4


def test_each_run_is_a_row_once(folders: Path) -> None:
    made = plan(folders, runs=("strength=1", "strength=0.6", "strength=1"))
    assert [each.name for each in made.candidates] == [f"{DEFAULT} strength=1", f"{DEFAULT} strength=0.6"]


def test_each_folder_of_results_is_a_row_and_single_files_one(folders: Path) -> None:
    (folders / "out" / "cat__red_night.png").rename(folders / "cat__red_night.png")
    made = plan(folders, "out", "cat__red_night.png")
    assert [candidate.name for candidate in made.candidates] == ["out", "results"]
    assert len(made.pairs) == 4
    assert [len(candidate.pairs or ()) for candidate in made.candidates] == [3, 1]


def test_only_pairs_with_results_are_measured(folders: Path) -> None:
    for name in ("cat__wave", "dog__wave"):
        (folders / "out" / f"{name}.png").unlink()
    made = plan(folders, "out", runs=("strength=1",))
    assert [pair.style.stem for pair in made.pairs] == ["red_night", "red_night"]


def test_a_list_of_pairs_is_obeyed(folders: Path) -> None:
    (folders / "pairs.json").write_text(json.dumps([["cat", "wave"]]))
    made = plan(folders, "out", pairs=str(folders / "pairs.json"))
    assert [pair.name for pair in made.pairs] == ["cat__wave"]
    assert len(made.unmatched) == 3
    assert "is not among the pairs" in made.unmatched[0]


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
    with pytest.raises(InputError, match=r"horse\.png: matches no content and style"):
        plan(folders, "other")
