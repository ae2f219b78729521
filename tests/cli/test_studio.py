"""`restyle studio`: what it refuses to start with, in one line."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import restyle


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
def test_faults_are_one_line(tmp_path: Path, words: list[str], said: str) -> None:
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


def test_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "fastapi" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    done = restyle(tmp_path, "studio")
    assert done.returncode == 1
    assert done.stderr == "restyle: restyle studio needs an extra: pip install 'restyle[studio]'\n"
