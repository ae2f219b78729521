"""Damaged files of every kind give a result or one line, in bounded time and memory."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.fuzz import harness
from benchmarks.fuzz.harness import fuzz, input_of, reader_of
from benchmarks.fuzz.seeds import make_seeds


def test_seeds_are_intact_and_inputs_repeat(tmp_path: Path) -> None:
    seeds = make_seeds(tmp_path)
    assert {seed.suffix for seed in seeds} == set(harness.READERS)
    for seed in seeds:
        reader_of(seed)(seed)
    contents = [seed.read_bytes() for seed in seeds]
    inputs = [input_of(seeds, contents, index, 1)[1] for index in range(200)]
    assert inputs == [input_of(seeds, contents, index, 1)[1] for index in range(200)]
    assert sum(data != contents[index % len(seeds)] for index, data in enumerate(inputs)) > 180


def dies(path: Path) -> None:
    """A reader that crashes on some inputs, hangs on one, and raises on another."""
    number = path.read_bytes()
    if number == b"crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if number == b"hang":
        signal.pause()
    if number == b"raise":
        raise ZeroDivisionError("no")


def choose(seed: Path) -> Callable[[Path], None]:
    """Every seed has that reader."""
    return dies


def unchanged(seed: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """No damage."""
    return seed


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "pause"), reason="signals of Unix")
def test_the_watchdog_reports_crashes_hangs_and_exceptions(tmp_path: Path) -> None:
    seeds = []
    for index, word in enumerate((b"fine", b"crash", b"raise", b"hang", b"good")):
        seeds.append(tmp_path / f"{index}.odd")
        seeds[-1].write_bytes(word)
    found = list(fuzz(seeds, range(5), choose=choose, damage=unchanged, seconds=2))
    assert [verdict.kind for verdict in found] == ["read", "fault", "fault", "fault", "read"]
    assert "SIGKILL" in found[1].reason
    assert found[2].reason.startswith("ZeroDivisionError: 'no' at ")
    assert found[3].reason == "took more than 2 s"


@pytest.mark.slow
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    seeds = make_seeds(tmp_path)
    verdicts = list(fuzz(seeds, range(2000)))
    assert len(verdicts) == 2000
    assert not [verdict for verdict in verdicts if verdict.kind == "fault"]
    assert sum(verdict.kind == "read" for verdict in verdicts) > 300
