"""The benchmark as a whole, tiny: it measures, prints and writes."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import speed


@pytest.mark.slow
def test_tiny_run_prints_a_table_and_writes_both_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    try:
        words = "--parts networks commands import --sizes 64x48 --threads 1 --rounds 1 --calls 1 --out"
        speed.main([*words.split(), str(tmp_path)])
    finally:
        torch.set_num_threads(threads)
    printed, told = capsys.readouterr()
    assert printed == (tmp_path / "speed.md").read_text()
    assert "| Johnson w32, torch |" in printed
    assert "] Network, 64x48, 1 thread: warm-up\n" in told
    assert "] Whole command, cold process, 64x48: round 1 of 1\n" in told
    report = json.loads((tmp_path / "speed.json").read_text())
    assert len(report["groups"]) == 4
    assert all(row["median"] > 0 for group in report["groups"] for row in group["rows"])
