"""`restyle evaluate`: plans, what is refused before anything is measured, and reports on disk."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.cli.evaluation import (
    CELL,
    LINES,
    REPORT,
    Plan,
    Sheet,
    check_report,
    make_plan,
    method_candidate,
    parsed,
    version_of,
    write_report,
)
from restyle.errors import InputError, OptionError, OutputError
from restyle.evaluate.bench import Measurement
from restyle.evaluate.run import Evaluation, Pair, Row
from restyle.evaluate.videos import frames_of
from restyle.models.catalog import DEFAULT
from restyle.options import EngineOptions
from tests import command_line
from tests.evaluate.conftest import drawn, folders, save
from tests.made_clips import make_clip, moving
from tests.made_rows import FACTS, measured_row

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


def test_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    check_report(folder, False, ())
    written = list(
        write_report(folder, [measured_row("1", 0.2)], FACTS, ["x.png: broken"], Image.new("RGB", (9, 9)), ())
    )
    assert [path.name for path in written] == list(REPORT)
    assert all(path.stat().st_size for path in written)
    page = (folder / "report.md").read_text()
    assert "x.png: broken" in page
    assert "(sheet.jpg)" in page
    with pytest.raises(OutputError, match="exists"):
        check_report(folder, False, ())
    check_report(folder, True, ())


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    photo = tmp_path / "sheet.jpg"
    photo.write_bytes(b"a photo of that name")
    with pytest.raises(OutputError, match="it is the input"):
        check_report(tmp_path, True, [photo])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot create the folder"):
        check_report(tmp_path / "file" / "below", False, ())


PAIRS = [Pair(Path(f"photo {index:02d}.png"), Path("art.png")) for index in range(20)]
RED = np.broadcast_to(np.array([1, 0, 0], np.float32), (60, 90, 3))


def measured() -> Measurement:
    nothing = np.zeros(0, np.float32)
    return Measurement({"style": 0.1, "content": 0.2, "grid": 3.0}, nothing, nothing)


def test_of_many_pairs_a_few_are_chosen_evenly() -> None:
    chosen = Sheet(PAIRS).pairs
    assert len(chosen) == LINES
    assert chosen[0] is PAIRS[0]
    assert chosen[-1] is PAIRS[-1]
    assert Sheet(PAIRS[:3]).pairs == PAIRS[:3]


def test_results_stand_in_their_column() -> None:
    sheet = Sheet(PAIRS[:2])
    for pair in PAIRS[:2]:
        sheet.add(pair, "content", np.ones_like(RED, np.float32))
        sheet.add(pair, "style", np.ones_like(RED, np.float32))
    sheet.add(PAIRS[0], "ours", RED.astype(np.float32))
    rows = [Row("ours", {}, {PAIRS[0]: measured()}), Row("copy content", {}, {PAIRS[0]: measured()})]
    drawn = np.asarray(sheet.draw(Evaluation(rows)))
    red = (drawn == [255, 0, 0]).all(-1)
    assert red.sum() == 60 * 90  # small pictures are not enlarged, and the trivial row has no column
    assert np.nonzero(red)[1].min() > 2 * CELL[1]


def test_large_pictures_fit_their_cell() -> None:
    sheet = Sheet(PAIRS[:1])
    for name in ("content", "style"):
        sheet.add(PAIRS[0], name, np.zeros((900, 300, 3), np.float32))
    drawn = np.asarray(sheet.draw(Evaluation([])))
    black = (drawn[:, : CELL[1]] == 0).all(-1)
    assert black.any(axis=1).sum() <= CELL[0] + 40  # and letters


def test_a_pair_that_could_not_be_read_has_no_line() -> None:
    sheet = Sheet(PAIRS[:2])
    sheet.add(PAIRS[0], "content", RED.astype(np.float32))
    one = sheet.draw(Evaluation([])).height
    sheet.add(PAIRS[1], "content", RED.astype(np.float32))
    assert sheet.draw(Evaluation([])).height > one


def test_names_of_any_bytes_are_drawn() -> None:
    odd = Path(os.fsdecode(b"s\xe9\x1b.jpg"))
    sheet = Sheet([Pair(odd, odd)])
    for name in ("content", "style"):
        sheet.add(Pair(odd, odd), name, np.zeros((90, 30, 3), np.float32))
    assert sheet.draw(Evaluation([])).height > 90


RESTYLE = Path(sys.executable).with_name("restyle")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RESTYLE_SHARED", raising=False)


def run(folder: Path, *arguments: str) -> command_line.Done:
    return command_line.restyle(folder, "evaluate", "--threads", "1", *arguments)


BASE = ("--content", "photos", "--style", "art", "--size", "80")


@pytest.mark.slow
def test_results_of_a_folder(folders: Path) -> None:
    done = run(folders, "out", *BASE, "-o", "report")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.split()[:3] == ["row", "style", "content"]
    assert [line.split("  ")[0] for line in rest[:3]] == ["out", "copy content", "copy style"]
    entry = json.loads((folders / "report" / "report.json").read_text())
    rows = {row["name"]: row for row in entry["rows"]}
    assert rows["copy content"]["figures"]["content"] == [0, 0, 0]
    assert len(rows["out"]["pairs"]) == 4
    assert "seconds" not in rows["out"]["figures"]
    with (folders / "report" / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    with Image.open(folders / "report" / "sheet.jpg") as sheet:
        assert sheet.width > 3 * 264


@pytest.mark.slow
def test_a_method_at_settings(folders: Path, tiny_model: Path) -> None:
    done = run(folders, *BASE, "--run", "strength=0.3", "--model", str(tiny_model), "-o", "report")
    assert done.returncode == 0, done.stderr
    assert f"{tiny_model.name} strength=0.3" in done.stdout
    rows = json.loads((folders / "report" / "report.json").read_text())["rows"]
    assert rows[0]["figures"]["seconds"][0] > 0
    again = run(folders, *BASE, "--model", str(tiny_model), "-o", "report")
    assert again.returncode == 1
    assert "report.md: it exists" in again.stderr
    assert run(folders, *BASE, "--model", str(tiny_model), "-o", "report", "--overwrite").returncode == 0


def test_bad_files_are_listed_and_the_exit_code_says_so(folders: Path) -> None:
    (folders / "out" / "dog__wave.png").write_bytes(b"\xff\xd8\xff broken")
    save(folders / "out", "horse__wave.png", drawn(1))
    done = run(folders, "out", *BASE, "-o", "report")
    assert done.returncode == 1
    head, *lines = done.stderr.splitlines()
    assert head == "restyle: 2 left out:"
    assert any("horse__wave.png" in line for line in lines)
    assert any("dog__wave" in line for line in lines)
    assert done.stdout.splitlines()[1].split()[-1] == "3"
    assert "horse__wave" in (folders / "report" / "report.md").read_text()


def test_names_that_fit_nothing_are_one_line(folders: Path) -> None:
    save(folders / "other", "horse.png", drawn(1))
    done = run(folders, "other", *BASE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "matches no content and style" in line


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give --content"),
        ((*BASE, "--metric", "psnr"), 2, "metric 'psnr' is none of"),
        ((*BASE, "--metric", "fid"), 1, "restyle models pull inception-fid"),
        ((*BASE, "--encoder", "vgg16"), 1, "unknown encoder 'vgg16'"),
        ((*BASE, "--run", "strength=7"), 2, "outside 0..1"),
        (("--content", "absent", "--style", "art"), 1, "absent: there is no such file or folder"),
    ],
)
def test_mistakes_are_one_line(folders: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(folders, *arguments)
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.slow
def test_ctrl_c_leaves_what_was_measured(folders: Path) -> None:
    words = [str(RESTYLE), "evaluate", "--threads", "1", *BASE, "--run", "strength=0.5"]
    for index in range(40):  # enough for a while
        save(folders / "photos", f"more{index}.png", drawn(index))
    process = subprocess.Popen(words, cwd=folders, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    kept = folders / "home" / "measurements"
    for _ in range(6000):
        if kept.is_dir() and len(list(kept.glob("*.json"))) > 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    errors = process.communicate()[1]
    assert process.returncode == 130
    assert errors.splitlines() == ["restyle: interrupted; finished measurements are cached"]
    assert len(list(kept.glob("*.json"))) >= 3  # one of those counted may have been half written
