"""Scores of videos are stored clip by clip; targets apply to the mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.video import clips
from benchmarks.video.__main__ import parser
from benchmarks.video.scores import optimized, steadiness, trail
from restyle.models.arbitrary import Arbitrary


@pytest.mark.slow
def test_clips_can_be_scored_one_by_one(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = np.random.default_rng(0).random((16, 20, 3)).repeat(8, 0).repeat(8, 1)
    for name in ("one", "two"):
        (tmp_path / "clips" / name / "frames").mkdir(parents=True)
        for index in range(3):
            pixels = (255 * wide[: 72 + 8, 2 * index : 2 * index + 120]).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "clips" / name / "frames" / f"{index}.png")
    (tmp_path / "styles").mkdir()
    Image.fromarray((255 * wide).astype(np.uint8)).save(tmp_path / "styles" / "noise.jpg")
    monkeypatch.setattr(clips, "VIDEOS", tmp_path / "clips")
    monkeypatch.setattr(clips, "STYLES", tmp_path / "styles")
    usual = ["--styles", "noise", "--frames", "3", "--side", "120", "--out", str(tmp_path)]
    method = Arbitrary(tiny_model, threads=1)
    list(steadiness(parser().parse_args(["--clips", "one", *usual]), method))
    table = list(steadiness(parser().parse_args(["--clips", "two", *usual]), method))
    assert sum(line.startswith("| one | noise") for line in table) == 3
    assert sum(line.startswith("| two | noise") for line in table) == 3
    assert "Targets for flow: mean warping error" in "".join(table)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        f"{kind}-{clip}-noise.png" for kind in ("video", "still") for clip in ("one", "two")
    }


def test_what_is_absent_is_skipped_visibly(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "VIDEOS", tmp_path / "nothing")
    method, arguments = Arbitrary(tiny_model, threads=1), parser().parse_args(["--out", str(tmp_path)])
    assert "Skipped" in "".join(steadiness(arguments, method))
    assert "Skipped" in "".join(optimized(arguments, method))
    assert "Skipped" in "".join(trail(arguments, method))
