"""The journal is believed only where checksums agree, and follows no link."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from restyle.batch.journal import FOLDER, Finished, Journal, is_finished, read_finished
from restyle.batch.results import sha256
from restyle.batch.rows import Failure
from restyle.errors import OutputError

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
    entry = Finished("a.png", "key", sha256(path), 5, 1.0)
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
