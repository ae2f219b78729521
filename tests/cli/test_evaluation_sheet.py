"""The contact sheet: every chosen pair has its line, every row its column."""

from pathlib import Path

import numpy as np

from restyle.cli.evaluation_sheet import CELL, LINES, Sheet
from restyle.evaluate.pairs import Pair
from restyle.evaluate.record import Measurement
from restyle.evaluate.runs import Evaluation, Row

PAIRS = [Pair(Path(f"photo {index:02d}.png"), Path("art.png")) for index in range(20)]
RED = np.broadcast_to(np.array([1, 0, 0], np.float32), (60, 90, 3))


def told() -> Measurement:
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
        sheet.look(pair, "content", np.ones_like(RED, np.float32))
        sheet.look(pair, "style", np.ones_like(RED, np.float32))
    sheet.look(PAIRS[0], "ours", RED.astype(np.float32))
    rows = [Row("ours", {}, {PAIRS[0]: told()}), Row("copy content", {}, {PAIRS[0]: told()})]
    drawn = np.asarray(sheet.drawn(Evaluation(rows)))
    red = (drawn == [255, 0, 0]).all(-1)
    assert red.sum() == 60 * 90  # small pictures are not enlarged, and the trivial row has no column
    assert np.nonzero(red)[1].min() > 2 * CELL[1]


def test_large_pictures_fit_their_cell() -> None:
    sheet = Sheet(PAIRS[:1])
    for name in ("content", "style"):
        sheet.look(PAIRS[0], name, np.zeros((900, 300, 3), np.float32))
    drawn = np.asarray(sheet.drawn(Evaluation([])))
    black = (drawn[:, : CELL[1]] == 0).all(-1)
    assert black.any(axis=1).sum() <= CELL[0] + 40  # and letters


def test_a_pair_that_could_not_be_read_has_no_line() -> None:
    sheet = Sheet(PAIRS[:2])
    sheet.look(PAIRS[0], "content", RED.astype(np.float32))
    one = sheet.drawn(Evaluation([])).height
    sheet.look(PAIRS[1], "content", RED.astype(np.float32))
    assert sheet.drawn(Evaluation([])).height > one
