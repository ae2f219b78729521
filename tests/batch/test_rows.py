"""Columns are the options, rows are checked by the option sets, and each has a name of its own."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from restyle.batch.lists import Entry
from restyle.batch.rows import Defaults, Failure, Row, changed, columns, make_rows, medium_of, style_label
from restyle.options import OptimizeOptions, PhotoOptions, SaveOptions

DEFAULTS = Defaults(("great-wave",), (), {}, "arbitrary-5")


def rows(*entries: Entry, defaults: Defaults = DEFAULTS) -> list[Row | Failure]:
    return list(make_rows(entries, defaults, Path("out")))


def row(cells: dict[str, Any] | None = None, content: str = "a.jpg", defaults: Defaults = DEFAULTS) -> Row:
    (found,) = rows(Entry("jobs.csv, line 2", content, cells or {}), defaults=defaults)
    assert isinstance(found, Row), found
    return found


def failure(cells: dict[str, Any], content: str = "a.jpg") -> str:
    (found,) = rows(Entry("jobs.csv, line 2", content, cells))
    assert isinstance(found, Failure)
    return found.reason


def test_columns_are_all_options_of_pictures() -> None:
    expected = {each.name for kind in (PhotoOptions, OptimizeOptions) for each in fields(kind)}
    assert expected - set(columns()) == {"resume", "preview", "save_every"}
    assert {"style", "region", "output", "model", "quality", "steady", "keep_pitch"} <= set(columns())
    assert "overwrite" not in columns()


def test_cells_become_values_of_their_types() -> None:
    cells = {
        "strength": "0.5",
        "colors_only": "TRUE",
        "size": "640",
        "quality": "80",
        "style": "scream; wave:0.2",
    }
    found = row(cells)
    assert found.options == (("colors_only", True), ("quality", 80), ("size", 640), ("strength", 0.5))
    assert found.styles == ("scream", "wave:0.2")
    assert row({"keep_colors": "true"}).options == (("keep_colors", "luminance"),)


def test_flags_are_for_rows_without_a_value() -> None:
    flags = Defaults(("wave",), (), changed(PhotoOptions(strength=0.3, paint_size=512)), "arbitrary-5")
    assert row(defaults=flags).options == (("paint_size", 512), ("strength", 0.3))
    assert row({"strength": 1}, defaults=flags).options == (("paint_size", 512), ("strength", 1))
    assert row(content="a.wav", defaults=flags).options == (("strength", 0.3),)
    assert changed(SaveOptions()) == {}


def test_options_that_a_medium_lacks_are_left_out_if_they_are_flags_and_refused_in_a_cell() -> None:
    flags = Defaults(("wave",), (), {"method": "paint", "size": "640"}, "arbitrary-5")
    assert row(defaults=flags).options == (("method", "paint"), ("size", "640"))
    assert row(content="a.mp4", defaults=flags).options == (("method", "paint"), ("size", "640"))
    assert row(content="a.wav", defaults=flags).options == ()
    assert "method 'sketch' is none of fast, " in failure({"method": "sketch"}, "a.mp4")


@pytest.mark.parametrize(
    ("cells", "content", "told"),
    [
        ({"strength": "2"}, "a.jpg", "strength 2 is outside 0..1"),
        ({"strength": "much"}, "a.jpg", "strength 'much' is not a number"),
        ({"strength": {}}, "a.jpg", "strength '{}' is not a value"),
        ({"strength": True}, "a.jpg", "strength True is not of type"),
        ({"steps": "9"}, "a.jpg", "steps is for --method optimize"),
        ({"paint_size": "256"}, "a.wav", "paint-size is not an option of a sound"),
        ({"style": 5}, "a.jpg", "style '5' is neither"),
        ({"output": "../a.png"}, "a.jpg", "output '../a.png'"),
        ({"output": 5}, "a.jpg", "output '5' is not a name"),
        ({}, "", "the content is missing"),
    ],
)
def test_a_bad_row_says_where_and_why(cells: dict[str, Any], content: str, told: str) -> None:
    reason = failure(cells, content)
    assert reason.startswith("jobs.csv, line 2: ")
    assert told in reason


def test_media_by_suffix() -> None:
    assert [medium_of(f"a{suffix}") for suffix in (".JPG", ".gif", ".mp4", ".mkv", ".wav", ".mp3", "")] == [
        "picture", "picture", "video", "video", "sound", "sound", "picture",
    ]  # fmt: skip


def test_names_of_results() -> None:
    listed = [
        Entry("1", "x/a.jpg"),
        Entry("2", "y/a.jpg"),
        Entry("3", "a.heic", {"style": "art/My Wave.jpg:0.3"}),
        Entry("4", "a.mkv"),
        Entry("5", "a.flac", {"style": "rain"}),
        Entry("6", "p/s/a.gif", tree="s/a.gif"),
        Entry("7", "b.jpg", {"output": "A-great-wave.jpg"}),
        Entry("8", "b.jpg", {"output": "a-great-wave.jpg"}),
    ]
    found = rows(*listed)
    assert [each.output for each in found if isinstance(each, Row)] == [
        "a-great-wave-jpg.jpg",
        "a-great-wave-jpg-2.jpg",
        "a-my-wave.png",
        "a-great-wave.mkv",
        "a-rain.flac",
        "s/a.png",
        "A-great-wave.jpg",
    ]
    assert [each.renamed for each in found if isinstance(each, Row)] == [True, True, *[False] * 5]
    (last,) = [each for each in found if isinstance(each, Failure)]
    assert "is that of another row" in last.reason


def test_labels_of_styles() -> None:
    assert style_label(("art/My Wave.jpg", "scream:0.4", "mask.png=scream")) == "my-wave+scream"
    assert style_label(()) == "style"
    assert style_label((), "looks/My Film.cube") == "my-film"


def test_a_result_without_a_style_is_named_after_the_look_or_the_network() -> None:
    flags = Defaults((), (), {"look": "golden-hour"}, "arbitrary-5")
    found = rows(
        Entry("1", "a.jpg"), Entry("2", "b.mp4"), Entry("3", "c.jpg", {"look": "mist"}), defaults=flags
    )
    assert [each.output for each in found if isinstance(each, Row)] == [
        "a-golden-hour.jpg", "b-golden-hour.mp4", "c-mist.jpg",
    ]  # fmt: skip
    (found_by_model,) = rows(Entry("1", "a.jpg"), defaults=Defaults((), (), {}, "nets/Own Wave.onnx"))
    assert isinstance(found_by_model, Row)
    assert found_by_model.output == "a-own-wave.jpg"


@pytest.mark.parametrize(
    ("content", "output", "told"),
    [
        ("a.jpg", "a.xyz", "cannot write '.xyz' images"),
        ("a.jpg", "a", "no suffix that names an image format"),
        ("a.mp4", "a.png", "not the name of a video"),
        ("a.wav", "a.mp5", "not the name of a sound"),
    ],
)
def test_an_output_of_another_medium_is_refused_before_painting(content: str, output: str, told: str) -> None:
    assert told in failure({"output": output}, content)


def test_a_look_in_a_list_is_relative_to_it(in_folder: Path) -> None:
    (in_folder / "lists").mkdir()
    (in_folder / "lists" / "film.cube").write_bytes(b"x")
    found = rows(
        Entry("1", "a.jpg", {"look": "film.cube"}, "lists"), Entry("2", "a.jpg", {"look": "mist"}, "lists")
    )
    assert [dict(each.options)["look"] for each in found if isinstance(each, Row)] == [
        "lists/film.cube", "mist",
    ]  # fmt: skip


def test_files_in_a_list_are_relative_to_it(in_folder: Path) -> None:
    (in_folder / "lists").mkdir()
    (in_folder / "lists" / "wave.jpg").write_bytes(b"x")
    entry = Entry("1", "lists/a.jpg", {"style": "wave.jpg:0.5;scream", "region": "wave.jpg=scream"}, "lists")
    (found,) = rows(entry)
    assert isinstance(found, Row)
    assert found.styles == ("lists/wave.jpg:0.5", "scream")
    assert found.regions == ("lists/wave.jpg=scream",)
