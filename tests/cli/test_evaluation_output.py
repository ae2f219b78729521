"""Reports and boards on disk: four files, nothing of the user's replaced, losses told."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from restyle.cli.evaluation_output import REPORT, check_report, update_leaderboard, write_report
from restyle.errors import OutputError
from restyle.evaluate.bootstrap import mean_interval
from restyle.evaluate.suite import SUITES
from restyle.evaluate.summary import RowSummary

FACTS = {
    "date": "2026-11-22",
    "encoder": "encoder-1 (abc)",
    "size": "512 px on the short side",
    "processor": "abacus",
    "cores": "4",
    "commit": "1234567",
}


def row(version: str, style: float) -> RowSummary:
    pairs = {f"c{index}__s": {"style": style + index / 1000} for index in range(5)}
    figures = {"style": mean_interval([each["style"] for each in pairs.values()])}
    facts = {"model": "arbitrary-1", "version": version, "settings": "strength=1"} if version else {}
    return RowSummary("arbitrary-1 strength=1" if version else "copy content", facts, figures, pairs)


def test_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    check_report(folder, False, ())
    written = list(
        write_report(folder, [row("1", 0.2)], FACTS, ["x.png: broken"], Image.new("RGB", (9, 9)), ())
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


def test_a_board_grows_and_says_what_was_lost(tmp_path: Path) -> None:
    suite = SUITES["dev"]
    first = list(update_leaderboard(tmp_path, suite, [row("aaaa", 0.2), row("", 0.5)], FACTS))
    assert "no committed rows to compare with" in first[0]
    assert {path.name for path in tmp_path.iterdir()} == {"dev.json", "dev.md"}
    second = list(update_leaderboard(tmp_path, suite, [row("bbbb", 0.3), row("", 0.5)], FACTS))
    assert "arbitrary-1@bbbb strength=1 (bbbb) beside arbitrary-1@aaaa strength=1 (aaaa)" in second[0]
    assert any("LOSS" in line for line in second)
    page = (tmp_path / "dev.md").read_text()
    assert page.count("| arbitrary-1@") >= 4
    assert "2026-11-22, abacus, 4 cores, commit 1234567" in page
    assert page.rindex("copy content") > page.rindex("| arbitrary-1@bbbb")


def test_rows_of_other_weights_are_dropped_aloud(tmp_path: Path) -> None:
    list(update_leaderboard(tmp_path, SUITES["dev"], [row("aaaa", 0.2)], FACTS))
    other = {**FACTS, "encoder": "encoder-1 (def)"}
    lines = list(update_leaderboard(tmp_path, SUITES["dev"], [row("bbbb", 0.3)], other))
    assert "they do not compare and are dropped" in lines[0]
    assert "@aaaa" not in (tmp_path / "dev.md").read_text()


def test_another_encoder_has_a_board_of_its_own(tmp_path: Path) -> None:
    list(update_leaderboard(tmp_path, SUITES["dev"], [row("aaaa", 0.2)], FACTS))
    other = {**FACTS, "encoder": "vgg19_compact16x (def)"}
    list(update_leaderboard(tmp_path, SUITES["dev"], [row("bbbb", 0.3)], other))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"dev.json", "dev.md", "dev-vgg19-compact16x.json", "dev-vgg19-compact16x.md"}


def test_a_busy_machine_gives_no_seconds(tmp_path: Path) -> None:
    timed = row("aaaa", 0.2)
    timed = replace(timed, figures={**timed.figures, "seconds": mean_interval([0.1, 0.2])})
    list(update_leaderboard(tmp_path / "idle", SUITES["dev"], [timed], FACTS))
    list(update_leaderboard(tmp_path / "busy", SUITES["dev"], [timed], {**FACTS, "note": "busy"}))
    assert "seconds" in (tmp_path / "idle" / "dev.json").read_text()
    assert "seconds" not in (tmp_path / "busy" / "dev.json").read_text()
    assert "machine busy" in (tmp_path / "busy" / "dev.md").read_text()
