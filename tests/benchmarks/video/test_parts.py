"""Every part of the video benchmark runs, on little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.video import parts
from benchmarks.video.__main__ import PARTS, parser
from restyle.models.arbitrary import Arbitrary


@pytest.fixture
def lines(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lines of a part at tiny sizes."""
    monkeypatch.setattr(parts, "SIZES", ((32, 48), (48, 64)))

    def call(part: str, *given: str) -> list[str]:
        arguments = parser().parse_args(["--threads", "1", "--out", str(tmp_path), *given])
        found: Iterator[str] = PARTS[part](arguments, Arbitrary(tiny_model, threads=1))
        return list(found)

    return call


@pytest.mark.slow
def test_speed_tells_every_stage_and_the_aim(lines: Callable[..., list[str]]) -> None:
    table = lines("speed", "--frames", "3", "--rounds", "1")
    assert any(line.startswith("| paint |") for line in table)
    assert sum(line.startswith("| end to end, flow |") for line in table) == 1
    assert "Target: 24 frames a second at 1280x720 on 4 cores" in table[-2]


def test_memory_and_length_tell_the_aim_and_the_growth(
    lines: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "drawn_clip", lambda path, size, count: path)
    monkeypatch.setattr(parts, "peak_memory", lambda clip, *given: 1400.0 if clip.stem == "2" else 1600.0)
    assert lines("memory", "--frames", "2")[-3:] == [
        "\nTarget: memory at 1280x720 under 1500 MB: missed",
        "(1600). At four times the length at most 1.1 times as much:",
        "missed (1.14).",
    ]
    monkeypatch.setattr(parts, "peak_memory", lambda clip, *given: 100.0 if clip.stem == "1" else 105.0)
    assert "".join(lines("length", "--minutes", "2")[-2:]).endswith("that of one:met (1.05).")


@pytest.mark.slow
def test_live_tells_resolution_and_delay(lines: Callable[..., list[str]]) -> None:
    table = lines("live", "--seconds", "0.6")
    assert [line.split(" | ")[0] for line in table if " ms | " in line] == ["| 48x32", "| 64x48"]
    assert "Target: live delay under 200 ms" in table[-2]
