"""`restyle batch` as people run it; `restyle studio`: what it refuses to start with, in one line."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.batch.journal import FOLDER
from restyle.batch.run import run_processes
from restyle.cli import main
from tests.batch.test_run import in_loop
from tests.command_line import restyle

Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of eight small pictures."""
    folder = tmp_path / "p"
    folder.mkdir()
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `restyle batch` with the tiny model, painting in this process: exit code, output, errors."""

    def local(rows: Any, finished: Any, settings: Any, workers: int) -> Any:
        class Place:
            output, work = Path(settings.output), Path(settings.work)

        Place.finished = finished  # type: ignore[attr-defined]
        yield from in_loop(rows, Place)  # type: ignore[arg-type]

    monkeypatch.setattr("restyle.batch.run.run_processes", local)

    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        with pytest.raises(SystemExit) as leaving:
            main(["batch", *map(str, arguments), "--model", str(tiny_model), "--threads", "1"])
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


def test_a_folder_and_again(run: Run, pictures: Path, in_folder: Path) -> None:
    code, out, err = run(pictures, "-s", "great-wave", "-o", "out/")
    assert (code, sorted(out)) == (0, [f"{n}.png" for n in range(8)])
    assert err[-1].startswith("restyle: 8 of 8 rows done")
    assert run(pictures, "-s", "great-wave", "-o", "out")[1:] == (
        [],
        ["restyle: 0 of 8 rows done, 8 finished before"],
    )
    assert sorted(os.listdir("out")) == [FOLDER, *(f"{n}.png" for n in range(8))]


def test_a_list_with_bad_rows(run: Run, pictures: Path, in_folder: Path, style_file: Path) -> None:
    rows = [
        "content,style,strength,output",
        f"{pictures}/0.png,great-wave,0.5,a/one.jpg",
        f"{pictures}/1.png,{style_file};great-wave:0.2,,",
        f"{pictures}/2.png,great-wave,3,",
        f"{pictures}/none\x1b[31m.png,great-wave,,",
        f"{pictures}/3.png,great-wave,,../evil.png",
        f"{pictures}/4.png,great-wave,,",
    ]
    Path("jobs.csv").write_text("\n".join(rows))
    code, out, err = run("jobs.csv", "-o", "out")
    assert (code, out) == (1, ["a/one.jpg", "1-my-painting+great-wave.png", "4-great-wave.png"])
    assert "restyle: 3 of 6 rows failed; all in out/failures.jsonl:" in err
    assert not any("\x1b" in line for line in err)
    reasons = [json.loads(line)["reason"] for line in Path("out/failures.jsonl").read_text().splitlines()]
    assert [reason[:18] for reason in reasons[:2]] == ["jobs.csv, line 4: ", "jobs.csv, line 6: "]
    assert reasons[2].endswith("there is no such file")
    assert not Path("evil.png").exists()


def test_events_as_json(run: Run, pictures: Path, in_folder: Path) -> None:
    (pictures / "bad.png").write_text("text")
    code, out, err = run(pictures, "-s", "great-wave", "-o", "out", "--json")
    events = [json.loads(line) for line in out]
    assert (code, err) == (1, [])
    assert [each["event"] for each in events] == ["start", *["row"] * 9, "end"]
    assert events[0]["rows"] == 9
    assert {each["state"] for each in events[1:-1]} == {"done", "failed"}
    assert events[-2]["settled"] == 9
    assert events[-1] | {"seconds": 0} == {"event": "end", "done": 8, "skipped": 0, "failed": 1, "seconds": 0}


def test_shards_divide_the_rows(run: Run, pictures: Path, in_folder: Path) -> None:
    found = [run(pictures, "-s", "great-wave", "-o", "out", "--shard", f"{n}/3")[1] for n in (1, 2, 3)]
    assert [len(each) for each in found] == [3, 3, 2]
    assert sorted(name for each in found for name in each) == [f"{n}.png" for n in range(8)]
    assert run(pictures, "-s", "great-wave", "-o", "out")[2] == [
        "restyle: 0 of 8 rows done, 8 finished before"
    ]


def test_a_dry_run_paints_nothing(run: Run, pictures: Path, in_folder: Path) -> None:
    code, out, err = run(pictures, "-s", "great-wave", "-o", "out", "--dry-run")
    assert (code, out[0]) == (0, "left      0.png")
    assert err == ["restyle: 8 rows: 0 finished, 8 left, 0 cannot be used"]
    assert not Path("out").exists()
    run(pictures / "0.png", "-s", "great-wave", "-o", "out")
    code, out, _ = run(
        pictures, pictures / "none.png", "-s", "great-wave", "-o", "out", "--dry-run", "--json"
    )
    assert code == 1
    assert json.loads(out[-1])["failed"] == 1


def test_notes_on_flags_and_names(run: Run, pictures: Path, in_folder: Path) -> None:
    (in_folder / "clip.wav").write_bytes(b"")
    flags = ["-s", "great-wave", "--paint-size", "64", "-o", "out"]
    code, _, err = run(pictures / "0.png", pictures / ".." / "p" / "0.png", "clip.wav", *flags)
    assert code == 1
    assert "restyle: --paint-size: not for sounds, which are done without" in err
    assert "restyle: names that are taken got a suffix: 1, such as 0-great-wave-png.png" in err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["none.csv", "-s", "great-wave", "-o", "out"], 1, "none.csv"),
        (["p", "-s", "great-wave", "-o", "out", "--shard", "3/2"], 2, "shard '3/2'"),
        (["p", "-s", "great-wave", "-o", "out", "--workers", "0"], 2, "workers 0"),
        (["p", "-s", "great-wave", "-o", "-"], 2, "output '-'"),
        (["p", "-s", "great-wave", "-o", "out", "--preview", "x.jpg", "--method", "paint"], 2, "preview"),
        (["s3://bucket/p", "-s", "great-wave", "-o", "out"], 2, "add --engine ray"),
        (["p", "-s", "great-wave", "-o", "s3://bucket/out"], 2, "add --engine ray"),
        (["p", "-s", "great-wave", "-o", "file.txt"], 1, "file.txt"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x")
    found, _, err = run(*arguments)
    assert found == code
    assert any(told in line for line in err), err


def test_the_real_workers_are_used_by_default() -> None:
    assert run_processes.__module__ == "restyle.batch.run"


def command(tiny_model: Path, pictures: Path, out: Path) -> list[str]:
    words = ["batch", str(pictures), "-s", "great-wave", "--model", str(tiny_model), "-o", str(out)]
    return [sys.executable, "-m", "restyle", *words, "--workers", "2", "--threads", "1", "--json"]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.png")}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of Unix")
def test_killed_at_any_moment_it_continues(
    run: Run, tiny_model: Path, pictures: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(pictures, "-s", "great-wave", "-o", whole)[0] == 0
    for wanted in (1, 4):
        running = subprocess.Popen(
            command(tiny_model, pictures, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        seen = 0
        while seen < wanted and (line := running.stdout.readline()):
            seen += '"done"' in line
        running.kill()
        running.communicate()  # until its workers have ended, which have the same pipes
    done = subprocess.run(command(tiny_model, pictures, out), capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["failed"] == 0
    assert last["skipped"] >= 4
    assert digests(out) == digests(whole)
    entries = (out / FOLDER / "journal.jsonl").read_text().splitlines()
    assert len({json.loads(line)["output"] for line in entries if line}) == 8
    assert sorted(os.listdir(out / FOLDER)) == ["journal.jsonl", "lock"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of Unix")
def test_ctrl_c_says_how_to_continue(tiny_model: Path, pictures: Path, tmp_path: Path) -> None:
    for number in range(8, 600):  # enough that it cannot end before it is stopped
        os.link(pictures / "0.png", pictures / f"{number}.png")
    running = subprocess.Popen(
        command(tiny_model, pictures, tmp_path / "out"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    while (line := running.stdout.readline()) and '"done"' not in line:
        pass
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "of 600 rows are done; the same command continues" in errors
    assert not (tmp_path / "out" / FOLDER / "work").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0"),
        (["--token", "a", "--no-token"], "contradict"),
        (["--token", " "], "empty"),
        (["--port", "70000"], "70000"),
        (["--model", "none"], "none"),
        (["--host", "192.0.2.7", "--no-token"], "192.0.2.7"),
    ],
)
def test_faults_of_the_studio_are_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    done = restyle(tmp_path, "studio", *words)
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("restyle: ")
    assert said in line


def test_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = restyle(tmp_path, "studio", "--port", port)
    assert done.returncode == 2
    assert port in done.stderr


def test_the_extra_of_the_studio_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "fastapi" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    done = restyle(tmp_path, "studio")
    assert done.returncode == 1
    assert done.stderr == "restyle: restyle studio needs an extra: pip install 'restyle[studio]'\n"
