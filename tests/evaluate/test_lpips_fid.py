"""Metrics on networks of others: loaded when asked for, and clear about what is missing."""

from pathlib import Path

import numpy as np
import pytest

from restyle.errors import ModelError, OptionError
from restyle.evaluate import lpips_fid
from restyle.evaluate.lpips_fid import Standard


def test_nothing_is_loaded_unless_asked_for() -> None:
    assert lpips_fid.load([]).names == ()


def test_unknown_and_absent_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="metric 'ssim' is none of lpips-alex, fid"):
        lpips_fid.load(["ssim"])
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="restyle models pull lpips-alex"):
        lpips_fid.load(["lpips-alex"])
    with pytest.raises(ModelError, match="restyle models pull inception-fid"):
        lpips_fid.load(["fid"])


def test_names_are_those_that_are_there() -> None:
    made = Standard(inception=lambda picture: np.zeros(2048, np.float32))
    assert made.names == ("fid",)
