"""Rows on a Ray cluster of real processes, one of whose nodes is killed; and journals on any file system."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from restyle.batch import ray_engine
from restyle.batch.journal import FOLDER, Finished, Journal
from restyle.batch.painter import Outcome, Settings
from restyle.batch.rows import Failure, Row
from restyle.errors import InputError, OutputError, RestyleError
from tests.batch.conftest import MakeRow

pytest.importorskip("ray")
pytest.importorskip("pyarrow")

from restyle.batch.ray_engine import ArrowJournal, RowPainter, list_addresses, locate


def address(folder: Path) -> str:
    return f"file://{folder}"


def test_paths_and_addresses(tmp_path: Path) -> None:
    local, path = locate(str(tmp_path / "a b%20.png"))
    assert path == str(tmp_path / "a b%20.png")
    assert locate(address(tmp_path / "a b%20.png")) == (local, path)
    memory, path = locate("memory://bucket/a.png")
    assert path == "bucket/a.png"
    assert "memory" in memory.type_name
    with pytest.raises(InputError, match="no file system opens it"):
        locate("nonsense://bucket/a.png")


def test_a_folder_of_an_address(photos: Path) -> None:
    (photos / "notes.txt").write_text("x")
    found = list(list_addresses([address(photos)]))
    assert [each.tree for each in found] == [f"{n}.png" for n in range(6)]
    assert found[0].content == address(photos / "0.png")
    assert [each.content for each in list_addresses([address(photos / "0.png")])] == [
        address(photos / "0.png")
    ]
    (photos / "empty").mkdir()
    with pytest.raises(InputError, match="contains no pictures"):
        list(list_addresses([address(photos / "empty")]))


def test_a_journal_of_objects(tmp_path: Path) -> None:
    out = address(tmp_path / "out")
    with ArrowJournal(out, (1, 2)) as journal:
        for name in ("a.png", "b.png"):
            journal.enter([Finished(name, "k", "s", 1, 0.5)])
        journal.enter([])
        journal.fail([Failure(3, "c.png", "is empty")])
        staged = tmp_path / "out" / journal.work / "x"
        staged.parent.mkdir(parents=True)
        staged.write_bytes(b"new")
        (tmp_path / "out" / "old.png").write_bytes(b"old")
        with pytest.raises(OutputError, match="just created"):
            journal.publish(str(staged), "old.png", overwrite=False)
        journal.publish(str(staged), "sub/a.png", overwrite=False)
    assert (tmp_path / "out" / "sub" / "a.png").read_bytes() == b"new"
    assert (tmp_path / "out" / "old.png").read_bytes() == b"old"
    (parts,) = [os.listdir(tmp_path / "out" / FOLDER)]
    assert len(parts) == 1
    failures = tmp_path / "out" / "failures-1-of-2.jsonl"
    assert json.loads(failures.read_text()) == {"row": 3, "content": "c.png", "reason": "is empty"}
    with ArrowJournal(out, (1, 2)) as again:
        assert set(again.finished) == {"a.png", "b.png"}
        assert not failures.exists()


def paint(rows: list[Row], output: str, earlier: Finished | None = None) -> list[Outcome]:
    """Outcomes of an actor, without Ray."""
    table = {row.content.lstrip("/"): [(row, earlier)] for row in rows}
    actor = RowPainter(table, Settings(output, f"{FOLDER}/work", False, "cpu", 1))
    return [pickle.loads(one["outcome"]) for row in rows for one in actor({"path": row.content})]


def test_an_actor_paints_to_an_address_and_finds_what_is_finished(make_row: MakeRow, tmp_path: Path) -> None:
    rows, out = [make_row(0), make_row(1, styles=("none",))], address(tmp_path / "out")
    with ArrowJournal(out, (1, 1)) as journal:
        done, failed = paint(rows, out)
        assert (done.state, failed.state) == ("done", "failed")
        assert failed.reason.startswith(rows[1].content)
        assert done.entry is not None
        journal.enter([done.entry])
        journal.publish(done.staged, done.row.output, overwrite=False)
        assert paint(rows[:1], out, done.entry)[0].state == "skipped"
        assert "it exists" in paint(rows[:1], out)[0].reason
        (tmp_path / "out" / "0.png").write_bytes(b"other")
        assert "it exists" in paint(rows[:1], out, done.entry)[0].reason


def test_only_pictures(make_row: MakeRow, tmp_path: Path) -> None:
    with Journal(tmp_path / "out") as journal:
        groups = ray_engine.run_ray(
            [make_row(0, medium="video")], journal, workers=1, device="cpu", threads=1, overwrite=False
        )
        ((outcome,),) = list(groups)
    assert "does pictures only" in outcome.reason


CLUSTER = """
import json, os, pathlib, sys, time
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
from ray.cluster_utils import Cluster
from restyle.batch import ray_engine, run
from restyle.batch.rows import Defaults, make_rows
from restyle.batch.lists import read_jobs
photos, model, out = sys.argv[1:4]
store = 80 << 20
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": store,
    "include_dashboard": False})
first, second = (cluster.add_node(num_cpus=1, object_store_memory=store) for _ in range(2))
ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
defaults = Defaults(("great-wave",), (), {"size": 800}, model)
entries = [each for each in read_jobs([photos], {}, out)] * 4
rows = list(make_rows(entries, defaults, pathlib.Path(out)))
states, killed = [], []
def watch(outcome, progress):
    states.append([outcome.row.number, outcome.state, outcome.reason])
    if len(states) == 4 and not killed:
        killed.append(len(states))
        cluster.remove_node(second, allow_graceful=False)
journal = ray_engine.open_journal(out, (1, 1))
def engine(rows, journal):
    return ray_engine.run_ray(rows, journal, workers=2, device="cpu", threads=1, overwrite=False)
progress = run.run(rows, journal, engine, watch=watch)
journal.close()
deadline = time.monotonic() + 300
while sum(node["Alive"] for node in ray.nodes()) > 2 and time.monotonic() < deadline:
    time.sleep(0.5)
print(json.dumps({"states": states, "killed": killed, "nodes": sum(node["Alive"] for node in ray.nodes())}))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_a_node_dies_in_the_middle(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    """A node with one of the two actors is killed after four results: nothing is lost, nothing made twice."""
    out = tmp_path / "out"
    (photos / "bad.png").write_text("not a picture")
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, str(photos), str(tiny_model), str(out)],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('{"states"')]
    found = json.loads(line)
    assert (found["killed"], found["nodes"]) == ([4], 2)  # the head and the node that is left
    numbers = [number for number, _, _ in found["states"]]
    assert sorted(numbers) == list(range(1, 29))
    assert [state for _, state, _ in found["states"]].count("failed") == 4
    outputs = [path.name for path in out.glob("*.png")]
    assert len(outputs) == 24
    entries = [json.loads(line) for line in (out / FOLDER / "journal.jsonl").read_text().splitlines() if line]
    assert sorted(each["output"] for each in entries) == sorted(outputs)
    assert sorted(os.listdir(out / FOLDER)) == ["journal.jsonl", "lock"]


ray = pytest.importorskip("ray")


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let every start fail; the options that were given."""
    calls: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        calls.append(options)
        raise Exception("The node timed out.\n  more")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    return calls


def test_a_local_cluster_is_tried_twice(starts: list[dict[str, Any]]) -> None:
    with pytest.raises(RestyleError) as found, ray_engine.connected():
        pass
    assert str(found.value) == "cannot start Ray on this machine: The node timed out."
    assert len(starts) == 2


def test_another_cluster_is_named(starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(RestyleError) as found, ray_engine.connected():
        pass
    assert "cannot reach the Ray cluster '10.0.0.1:6379': " in str(found.value)
    assert len(starts) == 1
    assert "object_store_memory" not in starts[0]


def test_a_cluster_that_fails_says_how_to_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "_connect", lambda: False)
    with pytest.raises(RestyleError) as found, ray_engine.connected():
        raise ray.exceptions.RayError("gone")
    assert str(found.value) == "the Ray cluster failed: gone; the same command continues"
