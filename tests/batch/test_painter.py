"""A row is painted once; what changes its result changes its key; errors are outcomes."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.batch.painter import Outcome, Painter, Settings, collected_notes, guarded, row_key
from restyle.batch.rows import Row
from restyle.models.catalog import file_sha256
from tests.batch.conftest import MakeRow


@pytest.fixture
def painter(tmp_path: Path) -> Painter:
    (tmp_path / "out" / "work").mkdir(parents=True)
    return Painter(Settings(str(tmp_path / "out"), str(tmp_path / "out" / "work"), threads=1))


def placed(outcome: Outcome, folder: Path) -> None:
    """Move a result into place, as a run does."""
    os.replace(outcome.staged, folder / outcome.row.output)


def test_the_result_is_that_of_restyle_image(
    painter: Painter, make_row: MakeRow, tiny_model: Path, tmp_path: Path
) -> None:
    row = make_row(1, options=(("quality", 60), ("strength", 0.5)), output="sub/1.jpg")
    outcome = painter(row)
    assert (outcome.state, outcome.reason) == ("done", "")
    restyle.image(
        row.content,
        "great-wave",
        output=tmp_path / "one.jpg",
        model=tiny_model,
        threads=1,
        strength=0.5,
        quality=60,
    )
    assert Path(outcome.staged).read_bytes() == (tmp_path / "one.jpg").read_bytes()
    assert outcome.entry is not None
    assert (outcome.entry.sha256, outcome.entry.output) == (file_sha256(Path(outcome.staged)), "sub/1.jpg")


def test_a_look_needs_no_style(painter: Painter, make_row: MakeRow, tmp_path: Path) -> None:
    row = make_row(styles=(), options=(("look", "mist"),))
    outcome = painter(row)
    assert (outcome.state, outcome.reason) == ("done", "")
    restyle.image(row.content, look="mist", output=tmp_path / "one.png")
    assert Path(outcome.staged).read_bytes() == (tmp_path / "one.png").read_bytes()
    assert "no style is given" in painter(make_row(styles=(), output="other.png")).reason


def test_bytes_of_a_picture_give_the_same(painter: Painter, make_row: MakeRow) -> None:
    row = make_row()
    first, second = painter(row), painter.paint(row, None, Path(row.content).read_bytes())
    assert first.entry is not None
    assert second.entry is not None
    assert (first.entry.sha256, first.entry.key) == (second.entry.sha256, second.entry.key)


def test_a_finished_row_is_skipped_until_it_changes(
    painter: Painter, make_row: MakeRow, tmp_path: Path
) -> None:
    row, folder = make_row(), tmp_path / "out"
    outcome = painter(row)
    placed(outcome, folder)
    assert painter(row, outcome.entry).state == "skipped"
    assert painter(row).reason.endswith("choose another name or pass overwrite=True")
    changed = painter(replace(row, options=(("strength", 0.5),)), outcome.entry)
    assert "finished, but from another content, style, options or version" in changed.reason
    (folder / "0.png").write_bytes(b"damaged")
    assert painter(row, outcome.entry).state == "failed"
    (folder / "0.png").unlink()
    assert painter(row, outcome.entry).state == "done"


@pytest.mark.parametrize(
    "change",
    [
        {"styles": ("starry-night",)},
        {"options": (("strength", 0.5),)},
        {"regions": ("alpha=keep",)},
        {"output": "0.jpg"},
    ],
)
def test_the_key_depends_on_what_is_painted(make_row: MakeRow, change: dict[str, Any]) -> None:
    assert row_key(make_row(), "x") == row_key(make_row(number=0, where="elsewhere"), "x")
    assert row_key(make_row(), "x") != row_key(make_row(**change), "x")
    assert row_key(make_row(), "x") != row_key(make_row(), "y")


def test_the_key_depends_on_the_files_of_styles(make_row: MakeRow, style_file: Path) -> None:
    rows = (make_row(styles=(f"{style_file}:0.5",)), make_row(options=(("look", str(style_file)),)))
    os.utime(style_file, (0, 0))  # the change comes later, however coarse the clock of the disk is
    before = [row_key(row, "x") for row in rows]
    with Image.open(style_file) as picture:
        picture.rotate(180).save(style_file)
    assert all(row_key(row, "x") != old for row, old in zip(rows, before, strict=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"content": "none.png"}, "none.png: there is no such file"),
        ({"styles": ("grate-wave",)}, "did you mean"),
        ({"output": "0.xyz"}, ".xyz"),
        ({"model": "none"}, "none"),
    ],
)
def test_errors_are_outcomes(painter: Painter, make_row: MakeRow, change: dict[str, Any], told: str) -> None:
    outcome = painter(make_row(**change))
    assert outcome.state == "failed"
    assert told in outcome.reason
    assert not list(Path(painter.settings.work).iterdir())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(5, "Input/output error", "x"), "x: input/output error"),
        (ZeroDivisionError("two\nlines"), "unexpected ZeroDivisionError: two lines"),
    ],
)
def test_unexpected_errors_do_not_end_the_batch(make_row: MakeRow, error: Exception, told: str) -> None:
    def work() -> Outcome:
        raise error

    outcome = guarded(make_row(), work)
    assert (outcome.state, told in outcome.reason) == ("failed", True)


def test_an_input_is_never_replaced(make_row: MakeRow, photos: Path) -> None:
    (photos / "work").mkdir()
    painter = Painter(Settings(str(photos), str(photos / "work"), overwrite=True, threads=1))
    assert "is the input" in painter(make_row(0, output="0.png")).reason


def test_sounds_and_regions(painter: Painter, make_row: MakeRow, tmp_path: Path) -> None:
    import soundfile

    noise = np.random.default_rng(1).normal(0, 0.1, 8000)
    soundfile.write(tmp_path / "a.wav", noise, 8000)
    sound = make_row(content=str(tmp_path / "a.wav"), medium="sound", styles=("rain",), output="a.wav")
    outcome = painter(sound)
    assert outcome.state == "done", outcome.reason
    assert soundfile.info(outcome.staged).frames == 8000
    Image.new("L", (32, 24), 255).save(tmp_path / "mask.png")
    row: Row = make_row(styles=(), regions=(f"{tmp_path / 'mask.png'}=great-wave",), output="r.png")
    assert painter(row).state == "done"


def test_warnings_are_collected() -> None:
    with collected_notes() as notes:
        logging.getLogger("restyle.images").warning("left out: %s", "a")
    assert notes == ["left out: a"]
