"""The speed table has a figure for every stage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from benchmarks.video.speed import drawn_clip, duration, rates
from restyle.models.arbitrary import Arbitrary
from restyle.videos.styles import timed_styles


def test_every_stage_has_a_rate(tmp_path: Path, tiny_model: Path) -> None:
    clip = drawn_clip(tmp_path / "clip.mp4", (48, 64), 5)
    assert duration(clip) == Fraction(1, 5)
    method = Arbitrary(tiny_model, threads=1)
    table = rates(clip, tmp_path, method, timed_styles("starry-night", method), rounds=1)
    assert set(table) >= {
        "decode",
        "paint",
        "steady",
        "finish",
        "encode",
        "end to end, none",
        "end to end, flow",
    }
    assert all(min(rate) > 0 for rate in table.values())
