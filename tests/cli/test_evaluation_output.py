"""Reports and boards on disk: four files, nothing of the user's replaced, losses told."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.cli.evaluation_output import CELL, LINES, REPORT, Sheet, check_report, write_report
from restyle.errors import OutputError
from restyle.evaluate.bench import Measurement
from restyle.evaluate.run import Evaluation, Pair, Row
from restyle.evaluate.summary import RowSummary, mean_interval

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
