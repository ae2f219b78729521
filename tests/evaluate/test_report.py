"""What is written down can be read back, and says what it should."""

import csv
import io
import json
import math

from restyle.evaluate.report import (
    NOTE,
    as_csv,
    as_json,
    interval_table,
    markdown,
    row_entry,
    row_of,
    table_rows,
)
from restyle.evaluate.summary import Interval, RowSummary

NAN = float("nan")
OURS = RowSummary(
    "ours",
    {"version": "1"},
    {
        "style": Interval(0.125, 0.1, 0.15),
        "ssim": Interval(0.5, 0.4, 0.6),
        "seconds": Interval(0.07, NAN, NAN),
        "gatys-style": Interval(0.25, 0.2, 0.3),
    },
    {"cat__wave": {"style": 0.1, "ssim": 0.5, "gatys-style": 0.25}, "dog__wave": {"style": 0.15}},
)
COPY = RowSummary("copy content", {}, {"style": Interval(0.5, 0.4, 0.6)}, {"cat__wave": {"style": 0.5}})


def test_table_has_names_directions_and_counts() -> None:
    head, body = table_rows([OURS, COPY])
    assert head == ["row", "style", "ssim (up)", "seconds", "pairs"]
    assert body == [
        ["ours", "0.1250", "0.5000", "0.070", "2"],
        ["copy content", "0.5000", "-", "-", "1"],
    ]
    assert table_rows([OURS], published=True)[0] == ["row", "gatys-style", "pairs"]


def test_markdown_explains_its_columns_and_lists_what_is_left_out() -> None:
    text = markdown([OURS, COPY], {"machine": "an abacus"}, ["cat.png: is no picture"])
    for part in (
        "- machine: an abacus",
        NOTE,
        "`style`: distance of Gram",
        "## Losses as published",
        "cat.png",
    ):
        assert part in text
    assert "0.1000 to 0.1500" in text
    assert "## Left out" not in markdown([OURS], {})


def test_intervals_that_do_not_exist_are_dashes() -> None:
    assert interval_table([OURS])[2] == "| ours | 0.1000 to 0.1500 | 0.4000 to 0.6000 | - |"


def test_csv_has_a_line_for_each_row_and_pair() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([OURS, COPY]))))
    assert [(row["row"], row["content"], row["style_picture"]) for row in rows] == [
        ("ours", "cat", "wave"),
        ("ours", "dog", "wave"),
        ("copy content", "cat", "wave"),
    ]
    assert float(rows[0]["ssim"]) == 0.5
    assert rows[1]["ssim"] == ""


def test_json_is_strict_and_whole() -> None:
    entry = json.loads(as_json([OURS, COPY], {"commit": "abc"}, ["x"]), parse_constant=lambda name: 1 / 0)
    assert entry["facts"] == {"commit": "abc"}
    assert entry["left_out"] == ["x"]
    assert entry["figures"]["ssim"]["higher_is_better"] is True
    assert entry["rows"][0]["figures"]["seconds"] == [0.07, None, None]


def test_a_row_comes_back() -> None:
    back = row_of(json.loads(json.dumps(row_entry(OURS))))
    assert back.name == OURS.name
    assert back.facts == OURS.facts
    assert back.pairs == OURS.pairs
    assert back.figures["style"] == OURS.figures["style"]
    assert math.isnan(back.figures["seconds"].low)
