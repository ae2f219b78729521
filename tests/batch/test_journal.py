"""The journal is believed only where checksums agree, and follows no link."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from restyle.batch import journal as journals
from restyle.batch.journal import FOLDER, Finished, Journal, is_finished, read_finished
from restyle.batch.painter import Outcome, Painter, Settings
from restyle.batch.rows import Failure, Row
from restyle.batch.run import run
from restyle.errors import OutputError
from restyle.models.catalog import file_sha256
from tests.batch.conftest import MakeRow

ENTRY = Finished("a.png", "k" * 64, "s" * 64, 5, 1.5)


def test_entries_survive() -> None:
    assert Finished.parse(ENTRY.line()) == ENTRY


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[1]", b"5", b"null", ENTRY.line()[:-9], ENTRY.line().replace(b"a.png", b"b.png"),
        ENTRY.line().replace(b"1.5", b'"x"'), b"[" * 9999, b"\xff\xfe", ENTRY.line().replace(b"5,", b"true,"),
    ],
)  # fmt: skip
def test_damaged_entries_are_none(line: bytes) -> None:
    assert Finished.parse(line) is None


def test_a_new_journal_knows_the_entries_of_all_shards(tmp_path: Path) -> None:
    for index in (1, 2):
        with Journal(tmp_path, (index, 2)) as journal:
            journal.enter([Finished(f"{index}.png", "k", "s", 1, 0.5)])
    with Journal(tmp_path, (1, 2)) as journal:
        assert set(journal.finished) == {"1.png", "2.png"}
    assert set(read_finished(tmp_path)) == {"1.png", "2.png"}


def test_a_line_that_is_cut_off_costs_that_line_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.enter([ENTRY, Finished("b.png", "k", "s", 1, 0.5)])
    journal.close()
    path = tmp_path / FOLDER / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    journal = Journal(tmp_path)
    assert set(journal.finished) == {"a.png"}
    journal.enter([Finished("c.png", "k", "s", 1, 0.5)])
    journal.close()
    with Journal(tmp_path) as again:
        assert set(again.finished) == {"a.png", "c.png"}
        assert "damaged and ignored: 1" in again.notes[0]


def test_a_result_is_finished_if_key_and_bytes_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    entry = Finished("a.png", "key", file_sha256(path), 5, 1.0)
    assert is_finished(entry, "key", path)
    assert not is_finished(entry, "other", path)
    assert not is_finished(None, "key", path)
    assert not is_finished(entry, "key", tmp_path / "none.png")
    (tmp_path / "link.png").symlink_to(path)
    assert not is_finished(entry, "key", tmp_path / "link.png")
    path.write_bytes(b"12346")
    assert not is_finished(entry, "key", path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    code = "import sys, pathlib, restyle.batch.journal as j; j.Journal(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "another restyle process" in done.stderr
    Journal(tmp_path, (1, 2)).close()
    first.close()
    Journal(tmp_path).close()


@pytest.mark.parametrize("name", ["", "journal.jsonl", "lock", "work"])
def test_planted_links_are_refused(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("here")
    out = tmp_path / "out"
    (out / FOLDER).mkdir(parents=True)
    planted = out / FOLDER / name if name else out / FOLDER
    if not name:
        planted.rmdir()
    planted.symlink_to(victim if name in ("", "work") else victim / "precious")
    with pytest.raises(OutputError, match=FOLDER):
        Journal(out)
    assert (victim / "precious").read_text() == "here"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of Unix")
def test_a_planted_pipe_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / "journal.jsonl")
    with pytest.raises(OutputError, match=r"journal\.jsonl"):
        Journal(tmp_path)


def test_failures_are_one_line_each_and_tried_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.fail([Failure(3, "a\x1b.jpg", "is empty")])
    journal.close()
    lines = (tmp_path / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"row": 3, "content": "a\x1b.jpg", "reason": "is empty"}]
    Journal(tmp_path).close()
    assert not (tmp_path / "failures.jsonl").exists()


def test_a_file_of_the_user_is_kept(tmp_path: Path) -> None:
    (tmp_path / "failures.jsonl").write_text("mine\n")
    with pytest.raises(OutputError, match="not from restyle batch"):
        Journal(tmp_path)
    assert (tmp_path / "failures.jsonl").read_text() == "mine\n"


def test_a_result_replaces_nothing_without_permission(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (journal.work / "new.png").write_bytes(b"new")
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="another program"):
        journal.publish(str(journal.work / "new.png"), "a.png", overwrite=False)
    assert (tmp_path / "a.png").read_bytes() == b"old"
    journal.publish(str(journal.work / "new.png"), "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == b"new"
    journal.close()
    assert not journal.work.exists()


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
        patch.setattr(journals, "move", killed)
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
