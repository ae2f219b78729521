"""The board: what replaces what, what compares, and that a loss is called a loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.leaderboard import board
from benchmarks.leaderboard.board import Board, changes, comparison
from restyle.errors import InputError
from restyle.evaluate.summary import RowSummary, mean_interval
from tests.made_rows import FACTS, measured_row

PAIRS = [f"c{index}__s" for index in range(12)]
NOISE = np.random.default_rng(0).normal(0, 0.01, (2, len(PAIRS)))


def row(
    version: str, style: float, ssim: float = 0.5, settings: str = "strength=1", name: str = ""
) -> RowSummary:
    pairs = {
        pair: {"style": style + NOISE[0, index], "ssim": ssim + NOISE[1, index]}
        for index, pair in enumerate(PAIRS)
    }
    figures = {key: mean_interval([each[key] for each in pairs.values()]) for key in ("style", "ssim")}
    facts = (
        {"version": version, "settings": settings, "measured": "here"} if not name else {"measured": "here"}
    )
    return RowSummary(name or f"model@{version}", facts, figures, pairs)


EMPTY = Board("dev", "encoder-1 (abc)", 512)
OLD = row("1", style=0.2)
BOARD = EMPTY.merged([OLD, row("", 0.5, name="copy content")])


def test_a_new_version_stands_beside_the_old_and_the_same_replaces_it() -> None:
    more = BOARD.merged([row("2", 0.1)])
    assert [each.name for each in more.rows] == ["model@1", "model@2", "copy content"]
    again = more.merged([row("2", 0.15)])
    assert [each.name for each in again.rows] == ["model@1", "model@2", "copy content"]
    assert again.rows[1].figures["style"].value == pytest.approx(0.15, abs=0.02)


def test_rows_of_one_settings_stand_together() -> None:
    found = BOARD.merged([row("1", 0.3, settings="strength=0.6"), row("2", 0.1)])
    settings = [each.facts.get("settings") for each in found.rows]
    assert settings == ["strength=1", "strength=1", "strength=0.6", None]


def test_the_committed_row_is_the_last_other_version_of_the_settings() -> None:
    found = BOARD.merged([row("2", 0.1)])
    assert found.committed(row("3", 0.1)) is found.rows[1]
    again = found.committed(row("2", 0.1))
    assert again is not None
    assert again.name == "model@1"
    assert BOARD.committed(row("1", 0.1)) is OLD  # measured again
    assert BOARD.committed(row("3", 0.1, settings="strength=0.5")) is None


def test_a_loss_is_printed_as_a_loss() -> None:
    lines = comparison(row("2", style=0.3, ssim=0.6), OLD)
    assert lines[0] == "model@2 (2) beside model@1 (1): 1 better, 1 lost, 0 the same"
    style, ssim = lines[1:]
    assert "LOSS (clear)" in style
    assert "better (clear)" in ssim  # more is better there
    assert "0.2" in style
    assert "0.3" in style


def test_a_change_within_the_noise_is_not_called_clear() -> None:
    wild = row("2", style=0.2)
    noise = np.random.default_rng(5).normal(0, 0.2, len(PAIRS))
    pairs = {
        pair: {"style": each["style"] + noise[i], "ssim": 0.5}
        for i, (pair, each) in enumerate(wild.pairs.items())
    }
    figures = {
        "style": mean_interval([each["style"] for each in pairs.values()]),
        "ssim": mean_interval([0.5] * 12),
    }
    (style, _) = changes(RowSummary("wild", wild.facts, figures, pairs), OLD)
    assert style.verdict in ("LOSS", "better")


def test_the_same_row_is_the_same() -> None:
    assert [change.verdict for change in changes(OLD, OLD)] == ["same", "same"]
    (line,) = comparison(OLD, OLD)
    assert line.endswith("0 better, 0 lost, 2 the same")


def test_only_pairs_that_both_have_are_compared() -> None:
    few = row("2", 0.1)
    half = RowSummary(few.name, few.facts, few.figures, dict(list(few.pairs.items())[:3]))
    style = changes(half, OLD)[0]
    assert style.before == pytest.approx(np.mean([OLD.pairs[pair]["style"] for pair in PAIRS[:3]]))


def test_a_board_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    assert board.read(path) is None
    path.write_text(board.as_json(BOARD))
    back = board.read(path)
    assert back is not None
    assert back.compares_with(BOARD)
    assert [each.name for each in back.rows] == [each.name for each in BOARD.rows]
    assert back.rows[0].pairs["c0__s"]["style"] == pytest.approx(OLD.pairs["c0__s"]["style"], rel=1e-5)
    assert max(map(len, path.read_text().splitlines())) < 200


def test_boards_of_another_encoder_or_size_do_not_compare() -> None:
    assert not BOARD.compares_with(Board("dev", "encoder-2 (def)", 512))
    assert not BOARD.compares_with(Board("dev", "encoder-1 (abc)", 256))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    for text in ("{", "[]", "{}", '{"format": "other/1"}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"dev\.json"):
            board.read(path)


def test_the_page_names_versions_and_losses() -> None:
    page = board.markdown(BOARD.merged([row("2", style=0.3)]))
    for part in (
        "# Leaderboard: dev",
        "benchmarks.leaderboard --suite dev",
        "| model@2 |",
        "LOSS (clear)",
        "## Intervals",
    ):
        assert part in page
    assert "Versions compared" not in board.markdown(BOARD)


def test_a_board_grows_and_says_what_was_lost(tmp_path: Path) -> None:
    first = list(board.update(tmp_path, "dev", [measured_row("aaaa", 0.2), measured_row("", 0.5)], FACTS))
    assert "no committed rows" in first[0]
    assert {path.name for path in tmp_path.iterdir()} == {"dev.json", "dev.md"}
    second = list(board.update(tmp_path, "dev", [measured_row("bbbb", 0.3), measured_row("", 0.5)], FACTS))
    assert "arbitrary-1@bbbb strength=1 (bbbb) beside arbitrary-1@aaaa strength=1 (aaaa)" in second[0]
    assert any("LOSS" in line for line in second)
    page = (tmp_path / "dev.md").read_text()
    assert page.count("| arbitrary-1@") >= 4
    assert "2026-11-22, abacus, 4 cores, commit 1234567" in page
    assert page.rindex("copy content") > page.rindex("| arbitrary-1@bbbb")


def test_rows_of_other_weights_are_dropped_with_a_message(tmp_path: Path) -> None:
    list(board.update(tmp_path, "dev", [measured_row("aaaa", 0.2)], FACTS))
    other = {**FACTS, "encoder": "encoder-1 (def)"}
    lines = list(board.update(tmp_path, "dev", [measured_row("bbbb", 0.3)], other))
    assert "they do not compare and are dropped" in lines[0]
    assert "@aaaa" not in (tmp_path / "dev.md").read_text()


def test_another_encoder_has_a_board_of_its_own(tmp_path: Path) -> None:
    list(board.update(tmp_path, "dev", [measured_row("aaaa", 0.2)], FACTS))
    other = {**FACTS, "encoder": "vgg19_compact16x (def)"}
    list(board.update(tmp_path, "dev", [measured_row("bbbb", 0.3)], other))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"dev.json", "dev.md", "dev-vgg19-compact16x.json", "dev-vgg19-compact16x.md"}


def test_a_busy_machine_gives_no_seconds(tmp_path: Path) -> None:
    timed = measured_row("aaaa", 0.2)
    timed = replace(timed, figures={**timed.figures, "seconds": mean_interval([0.1, 0.2])})
    list(board.update(tmp_path / "idle", "dev", [timed], FACTS))
    list(board.update(tmp_path / "busy", "dev", [timed], {**FACTS, "note": "busy"}))
    assert "seconds" in (tmp_path / "idle" / "dev.json").read_text()
    assert "seconds" not in (tmp_path / "busy" / "dev.json").read_text()
    assert "machine busy" in (tmp_path / "busy" / "dev.md").read_text()
