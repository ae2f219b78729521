"""Figures of one part or clip outlast the run of another."""

from __future__ import annotations

from pathlib import Path

from benchmarks.video.results import Rows, store_section, weights_of, write_report
from restyle.models.arbitrary import Arbitrary


def test_a_report_joins_the_parts_of_several_runs(tmp_path: Path) -> None:
    store_section(tmp_path, "speed", ["### Speed", "old"])
    store_section(tmp_path, "memory", ["### Memory", "800 MB"])
    store_section(tmp_path, "speed", ["### Speed", "new"])
    report = write_report(tmp_path, ["steadiness", "speed", "memory"]).read_text()
    assert report.index("### Speed") < report.index("new") < report.index("### Memory") < report.index("800")
    assert "old" not in report
    assert report.count("commit ") == 2  # each says what it was measured with


def test_the_aims_of_all_parts_come_first(tmp_path: Path) -> None:
    store_section(tmp_path, "speed", ["### Speed", "| a |", "", "Target: fast: met", "(1.1)."])
    store_section(tmp_path, "memory", ["### Memory", "| b |", "", "Target: small: missed (9)."])
    page = write_report(tmp_path, ["speed", "memory"], tmp_path / "page.md")
    short = page.read_text().partition("## Summary")[2].partition("###")[0]
    assert short.split("- ")[1:] == ["Target: fast: met\n  (1.1).\n", "Target: small: missed (9).\n\n"]


def test_rows_are_kept_while_what_they_were_measured_with_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    Rows(path, {"model": "a", "frames": 4}).add("dog", [1, 2.5])
    again = Rows(path, {"frames": 4, "model": "a"})
    again.add("kite", [3.0])
    assert Rows(path, {"model": "a", "frames": 4}).rows == {"dog": [1.0, 2.5], "kite": [3.0]}
    assert Rows(path, {"model": "b", "frames": 4}).rows == {}


def test_weights_are_named_by_what_they_are(tiny_model: Path) -> None:
    name, digest = weights_of(Arbitrary()).rsplit(" ", 1)
    assert name.startswith("arbitrary-")
    assert len(digest) == 12
    assert weights_of(Arbitrary(tiny_model)) != weights_of(Arbitrary())
