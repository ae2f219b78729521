"""What is to be measured, and what is refused before anything is."""

import json
from pathlib import Path

import numpy as np
import pytest

import restyle
from restyle.cli.evaluation_run import Plan, make_plan, method_candidate, parsed, version_of
from restyle.errors import InputError, OptionError
from restyle.evaluate.run import Pair
from restyle.evaluate.videos import frames_of
from restyle.models.catalog import DEFAULT
from restyle.options import EngineOptions
from tests.evaluate.conftest import drawn, folders, save
from tests.made_clips import make_clip, moving

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


def test_values_have_the_types_of_their_options() -> None:
    assert parsed("") == {}
    assert parsed("strength=0.6 keep-colors style-scale=2 steady=none") == {
        "strength": 0.6,
        "keep_colors": "luminance",
        "style_scale": 2.0,
        "steady": "none",
    }
    assert (
        parsed("colors-only")
        == parsed("colors_only=true")
        == parsed("--colors-only")
        == {"colors_only": True}
    )
    assert parsed("colors-only=false model=mine") == {"colors_only": False, "model": "mine"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("strenght=1", "unknown setting 'strenght'; did you mean 'strength'"),
        ("size=300", "unknown setting 'size'"),
        ("overwrite", "unknown setting 'overwrite'"),
        ("strength", "strength needs a value"),
        ("strength=high", "'high' is not a number"),
        ("strength=2", r"outside 0\.\.1"),
        ("strength=1 strength=0", "'strength' is given twice"),
        ("colors-only=perhaps", "true or false"),
        ("keep-colors=all", "keep-colors 'all' is none of"),
        ("keep-colors colors-only", "contradict"),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parsed(line)


def test_a_picture_as_the_stylizer_paints_it(tiny_model: Path, tmp_path: Path) -> None:
    style = save(tmp_path, "art.png", drawn(1))
    pair = Pair(save(tmp_path, "cat.png", drawn(2)), style)
    content = (drawn(2) / 255).astype(np.float32)
    made = method_candidate("strength=0.5", EngineOptions(model=str(tiny_model), threads=1), tmp_path, 512)
    expected = restyle.image(drawn(2), style, model=tiny_model, strength=0.5, threads=1)
    assert np.array_equal(np.round(made.picture(pair, content) * 255), expected)
    assert made.timed
    assert made.name.endswith("strength=0.5")
    assert made.facts["settings"] == "strength=0.5"


def test_the_line_may_name_the_model(tiny_model: Path, tmp_path: Path) -> None:
    made = method_candidate(f"model={tiny_model}", EngineOptions(threads=1), tmp_path, 512)
    assert made.facts["version"] == version_of(str(tiny_model)) != version_of(DEFAULT)
    assert made.facts["model"] == tiny_model.name


def test_a_film_frame_by_frame(tiny_model: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "ball.mp4", moving(6, (64, 80)))
    pair = Pair(clip, save(tmp_path, "art.png", drawn(1)))
    made = method_candidate("steady=none", EngineOptions(model=str(tiny_model), threads=1), tmp_path, 512)
    assert made.video is not None
    frames = frames_of(made.video(pair, 4), 100)
    assert len(frames) == 4
    alone = made.picture(pair, frames_of(clip, 2)[0])
    assert np.abs(frames[0] - alone).max() < 1.5 / 255


def test_a_film_is_painted_at_the_size_that_is_compared(tiny_model: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "ball.mp4", moving(3, (96, 128)))
    pair = Pair(clip, save(tmp_path, "art.png", drawn(1)))
    made = method_candidate("", EngineOptions(model=str(tiny_model), threads=1), tmp_path, 48)
    assert made.video is not None
    assert frames_of(made.video(pair, 2), 9)[0].shape == (48, 64, 3)


@pytest.mark.slow
def test_the_slow_method_is_a_setting_like_others(tmp_path: Path) -> None:
    pair = Pair(save(tmp_path, "cat.png", drawn(2)), save(tmp_path, "art.png", drawn(1)))
    content = (drawn(2) / 255).astype(np.float32)
    fast = method_candidate("", EngineOptions(threads=1), tmp_path, 512)
    slow = method_candidate("method=optimize steps=4", EngineOptions(threads=1), tmp_path, 512)
    slow.prepare(pair)
    painted = slow.picture(pair, content)
    assert painted.shape == content.shape
    assert np.abs(painted - fast.picture(pair, content)).mean() > 1 / 255
