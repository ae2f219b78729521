"""Names of results; candidates on pairs: rows, the trivial ones, time, and what could not be read."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.evaluate.bench import Bench
from restyle.evaluate.run import (
    COPY_CONTENT,
    COPY_STYLE,
    Candidate,
    Evaluation,
    Pair,
    combined,
    evaluate,
    listed,
    matched,
    read_pairs,
    result_files,
)
from restyle.types import FloatArray
from tests.evaluate.conftest import drawn, save
from tests.made_clips import make_clip, moving


def files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    return listed([str(folder / "photos")], "contents"), listed([str(folder / "art")], "styles")


def test_folders_and_files_are_listed(folders: Path) -> None:
    contents, styles = files(folders)
    assert list(contents) == ["cat", "dog"]
    assert list(listed([str(folders / "photos" / "dog.png")], "contents")) == ["dog"]
    (folders / "art" / "notes.txt").write_text("no picture")
    (folders / "art" / ".hidden.png").write_bytes(b"")
    assert list(listed([str(folders / "art")], "styles")) == ["red_night", "wave"]
    assert [pair.name for pair in combined(contents, styles)][:2] == ["cat__red_night", "cat__wave"]


def test_videos_are_told_by_their_suffix(tmp_path: Path) -> None:
    assert Pair(tmp_path / "clip.MP4", tmp_path / "wave.jpg").is_video
    assert not Pair(tmp_path / "photo.gif", tmp_path / "wave.jpg").is_video


def test_bad_lists_are_refused(folders: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        listed([str(folders / "absent")], "contents")
    with pytest.raises(InputError, match="not names of presets"):
        listed(["starry-night"], "styles")
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="contains no pictures"):
        listed([str(folders / "empty")], "contents")
    (folders / "photos" / "cat.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="two contents are called 'cat'"):
        listed([str(folders / "photos")], "contents")


def test_results_find_their_pair_by_either_way_of_naming(folders: Path) -> None:
    contents, styles = files(folders)
    found, strangers = matched(listed([str(folders / "out")], "results").values(), contents, styles)
    assert {pair.name: path.stem for pair, path in found.items()} == {
        "cat__wave": "cat__wave",
        "dog__wave": "dog__wave",
        "cat__red_night": "cat__red_night",
        "dog__red_night": "dog-red-night",
    }
    assert strangers == []


def test_of_one_style_results_may_have_the_contents_names(folders: Path) -> None:
    contents, styles = files(folders)
    one = {"wave": styles["wave"]}
    found, _ = matched([folders / "x" / "CAT.jpg"], contents, one)
    assert [pair.name for pair in found] == ["cat__wave"]
    with pytest.raises(InputError, match="matches no content and style"):
        matched([folders / "x" / "cat.jpg"], contents, styles)


def test_a_stranger_among_results_is_one_line(folders: Path) -> None:
    contents, styles = files(folders)
    results = [folders / "out" / "cat__wave.png", folders / "out" / "horse__wave.png"]
    found, lines = matched(results, contents, styles)
    assert len(found) == 1
    (line,) = lines
    assert "horse__wave.png" in line
    assert "'cat__red_night.png'" in line
    assert "\n" not in line


def test_two_results_of_one_pair_are_refused(folders: Path) -> None:
    contents, styles = files(folders)
    with pytest.raises(InputError, match="both results of cat__wave"):
        matched([Path("cat__wave.png"), Path("cat-wave.jpg")], contents, styles)


def test_a_list_of_pairs(folders: Path) -> None:
    contents, styles = files(folders)
    path = folders / "pairs.json"
    path.write_text(json.dumps([["dog", "wave"], ["cat", "wave"]]))
    assert [pair.name for pair in read_pairs(path, contents, styles)] == ["dog__wave", "cat__wave"]
    path.write_text(json.dumps([["horse", "wave"]]))
    with pytest.raises(InputError, match="content 'horse'"):
        read_pairs(path, contents, styles)
    for text in ("{", '{"a": 1}', "[1, 2]"):
        path.write_text(text)
        with pytest.raises(InputError, match="JSON list"):
            read_pairs(path, contents, styles)
    with pytest.raises(InputError, match="no such file"):
        read_pairs(folders / "absent.json", contents, styles)


MakeBench = Callable[..., Bench]


def given(folder: Path) -> tuple[list[Pair], dict[Pair, Path]]:
    contents, styles = listed([str(folder / "photos")], "c"), listed([str(folder / "art")], "s")
    results, _ = matched(listed([str(folder / "out")], "r").values(), contents, styles)
    return combined(contents, styles), results


def row(evaluation: Evaluation, name: str) -> dict[str, dict[str, float]]:
    (found,) = (each for each in evaluation.rows if each.name == name)
    return {pair.name: dict(measured.figures) for pair, measured in found.measured.items()}


def test_every_row_has_every_pair(folders: Path, make_bench: MakeBench) -> None:
    pairs, files = given(folders)
    bench = make_bench()
    looked: list[tuple[str, str]] = []
    said: list[float] = []
    made = evaluate(
        pairs,
        [result_files("ours", files)],
        bench,
        look=lambda pair, name, pixels: looked.append((pair.name, name)),
        report=lambda done, name: said.append(done),
    )
    assert [each.name for each in made.rows] == ["ours", COPY_CONTENT, COPY_STYLE]
    assert made.failures == []
    assert set(row(made, "ours")) == set(row(made, COPY_CONTENT)) == {pair.name for pair in pairs}
    assert all(each["content"] == 0 for each in row(made, COPY_CONTENT).values())
    assert set(made.styles) == set(pairs)
    assert {name for _, name in looked} == {"content", "style", "ours"}
    assert said[0] == 0
    assert said[-1] == 1


def test_the_content_as_a_result_is_the_trivial_row(folders: Path, make_bench: MakeBench) -> None:
    pairs, _ = given(folders)
    made = evaluate(pairs, [Candidate("same", lambda pair, content: content)], make_bench())
    assert row(made, "same") == row(made, COPY_CONTENT)


def test_unreadable_files_are_listed_and_the_rest_goes_on(folders: Path, make_bench: MakeBench) -> None:
    pairs, files = given(folders)
    (folders / "out" / "cat__wave.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folders / "photos" / "dog.png").write_bytes(b"")
    made = evaluate(pairs, [result_files("ours", files)], make_bench())
    assert set(row(made, "ours")) == {"cat__red_night"}
    assert set(row(made, COPY_STYLE)) == {"cat__red_night", "cat__wave"}
    assert len(made.failures) == 2  # the photo once, although it has two styles
    assert any("dog.png" in line for line in made.failures)
    assert any("cat__wave" in line for line in made.failures)
    assert not any("\n" in line for line in made.failures)


def test_a_result_of_another_aspect_is_listed(folders: Path, make_bench: MakeBench) -> None:
    save(folders / "out", "cat__wave.png", drawn(5, (90, 90)))
    pairs, files = given(folders)
    made = evaluate(pairs, [result_files("ours", files)], make_bench())
    (line,) = made.failures
    assert line.startswith("ours")
    assert "another aspect" in line


def test_a_method_is_timed_and_may_fail(folders: Path, make_bench: MakeBench) -> None:
    pairs, _ = given(folders)

    def paint(pair: Pair, content: FloatArray) -> FloatArray:
        if pair.style.stem == "wave":
            raise InputError("no waves today")
        return np.asarray(1 - content, np.float32)

    made = evaluate(pairs, [Candidate("negative", paint, timed=True, facts={"version": "1"})], make_bench())
    first = made.rows[0]
    assert len(first.measured) == len(first.seconds) == 2
    assert first.median_seconds > 0
    assert np.isnan(made.rows[1].median_seconds)
    assert made.failures == ["negative, cat__wave: no waves today", "negative, dog__wave: no waves today"]


@pytest.mark.slow
def test_films_are_measured_in_time(tmp_path: Path, make_bench: MakeBench) -> None:
    size = (80, 112)
    clip = make_clip(tmp_path / "ball.mp4", moving(5, size))
    dim = [(frame * 0.7).astype(np.uint8) for frame in moving(5, size)]
    result = make_clip(tmp_path / "ball__art.mp4", dim)
    pair = Pair(clip, save(tmp_path, "art.png", drawn(4)))
    made = evaluate([pair], [result_files("films", {pair: result})], make_bench(), frames=4)
    assert made.failures == []
    assert row(made, "films")["ball__art"]["temporal"] < 2
    assert "temporal" in row(made, COPY_CONTENT)["ball__art"]
    still = evaluate(
        [pair], [Candidate("pictures only", lambda pair, content: content)], make_bench(), frames=4
    )
    assert "does not stylize videos" in still.failures[0]


@pytest.mark.slow
def test_a_film_with_missing_frames_is_listed(tmp_path: Path, make_bench: MakeBench) -> None:
    clip = make_clip(tmp_path / "ball.mp4", moving(5, (80, 112)))
    short = make_clip(tmp_path / "short.mp4", moving(3, (80, 112)))
    pair = Pair(clip, save(tmp_path, "art.png", drawn(4)))
    made = evaluate([pair], [result_files("films", {pair: short})], make_bench(), frames=5)
    assert "has 3 frames, its content has 5" in made.failures[0]


@pytest.mark.parametrize("name", [COPY_CONTENT, COPY_STYLE])
def test_trivial_rows_are_there_without_any_candidate(
    name: str, folders: Path, make_bench: MakeBench
) -> None:
    pairs, _ = given(folders)
    assert len(row(evaluate(pairs, [], make_bench()), name)) == len(pairs)
