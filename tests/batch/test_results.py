"""Results with a folder of tiles are as safe as those of one file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from restyle.batch import results
from restyle.batch.journal import FOLDER, Finished, Journal
from restyle.batch.painter import Outcome, Painter, Settings
from restyle.batch.rows import Row
from restyle.batch.run import run
from tests.batch.conftest import MakeRow


def paint(rows: Sequence[Row], out: Path, overwrite: bool = False) -> dict[str, int]:
    """Run a batch in this process; return the counts."""

    def in_loop(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
        painter = Painter(Settings(str(journal.output), str(journal.work), overwrite, threads=1))
        for row in rows:
            yield [painter(row, journal.finished.get(row.output))]

    with Journal(out) as journal:
        return dict(run(rows, journal, in_loop, overwrite).counts)


def tree(folder: Path) -> dict[str, bytes]:
    """Contents of the files below a folder, without the journal's."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and FOLDER not in path.parts
    }


@pytest.fixture
def row(make_row: MakeRow) -> Row:
    return make_row(0, output="sub/a.dzi")


def test_deep_zoom_with_its_tiles_is_finished_once(row: Row, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert paint([row], out) == {"done": 1}
    made = tree(out)
    assert {"sub/a.dzi", "sub/a_files/0/0_0.jpg"} <= set(made)
    assert sorted(os.listdir(out / FOLDER)) == ["journal.jsonl", "lock"]
    assert paint([row], out) == {"skipped": 1}
    (out / "sub" / "a.dzi").unlink()
    shutil.rmtree(out / "sub" / "a_files")
    assert paint([row], out) == {"done": 1}
    assert tree(out) == made


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "link"])
def test_damaged_tiles_are_noticed_and_replaced_only_with_overwrite(
    row: Row, tmp_path: Path, damage: str
) -> None:
    out = tmp_path / "out"
    paint([row], out)
    made = tree(out)
    tile = next((out / "sub" / "a_files" / "3").iterdir())
    if damage == "changed":
        tile.write_bytes(b"x" * tile.stat().st_size)
    elif damage == "missing":
        tile.unlink()
    elif damage == "added":
        (tile.parent / "mine.txt").write_text("mine")
    else:
        tile.rename(tmp_path / "elsewhere")
        tile.symlink_to(tmp_path / "elsewhere")
    assert paint([row], out) == {"failed": 1}
    assert paint([row], out, overwrite=True) == {"done": 1}
    assert tree(out) == made
    assert paint([row], out) == {"skipped": 1}


def test_a_kill_between_the_tiles_and_the_file(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    paint([row], whole)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            paint([row], out)
    assert sorted(os.listdir(out / "sub")) == ["a_files"]
    assert paint([row], out) == {"done": 1}
    assert tree(out) == tree(whole)


def test_tiles_of_another_picture_are_kept(row: Row, tmp_path: Path) -> None:
    (tmp_path / "out" / "sub" / "a_files").mkdir(parents=True)
    (tmp_path / "out" / "sub" / "a_files" / "mine").write_bytes(b"mine")
    assert paint([row], tmp_path / "out") == {"failed": 1}
    assert (tmp_path / "out" / "sub" / "a_files" / "mine").read_bytes() == b"mine"
    assert "a_files: it exists" in (tmp_path / "out" / "failures.jsonl").read_text()


def test_a_planted_checksum_does_not_remove_tiles(row: Row, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tiles = out / "sub" / "a_files"
    tiles.mkdir(parents=True)
    (tiles / "mine").write_bytes(b"mine")
    with Journal(out) as journal:
        journal.enter([Finished("sub/a.dzi", "key", "0" * 128, 1, 0.1)])
    assert paint([row], out) == {"failed": 1}
    assert (tiles / "mine").read_bytes() == b"mine"
