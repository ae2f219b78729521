"""Candidates on pairs: rows, the trivial ones, time, and what could not be read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError
from restyle.evaluate.bench import Bench
from restyle.evaluate.pairs import Pair, combined, listed, matched
from restyle.evaluate.run import COPY_CONTENT, COPY_STYLE, Candidate, Evaluation, evaluate, result_files
from restyle.types import FloatArray
from tests.evaluate.conftest import drawn, save
from tests.made_clips import make_clip, moving

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
