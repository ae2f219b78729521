"""Optuna asks, a formula measures."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

from restyle.errors import MissingExtraError
from restyle.study.search import LOG, search
from restyle.study.settings import Setting, Space, Span

SPACE: Space = {
    "width": Span(4, 32, 2),
    "content_weight": Span(0.1, 10.0),
    "normalization": ["all", "none"],
}


def loss(setting: Setting) -> float:
    off = abs(setting["width"] - 12) / 8 + abs(setting["content_weight"] - 1)
    return float(off + (setting["normalization"] == "none"))


class Measure:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Setting] = []
        self.most = 0

    def __call__(self, settings: Sequence[Setting]) -> list[float]:
        self.asked += settings
        self.most = max(self.most, len(settings))
        return [loss(setting) for setting in settings]


def test_it_tries_allowed_settings_and_returns_the_best_first(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    measure = Measure()
    found = search(SPACE, 30, tmp_path, measure)
    assert len(measure.asked) == 30
    assert measure.most == 1
    for setting in measure.asked:
        assert setting["width"] in range(4, 33, 2)
        assert 0.1 <= setting["content_weight"] <= 10
        assert setting["normalization"] in ("all", "none")
    losses = [loss(setting) for setting in found]
    assert losses == sorted(losses)
    early, late = measure.asked[:10], measure.asked[20:]
    assert sum(map(loss, late)) < 0.7 * sum(map(loss, early))  # it learns from what was measured


def test_a_search_continues(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    first, again, more = Measure(), Measure(), Measure()
    search(SPACE, 4, tmp_path, first)
    assert (tmp_path / LOG).is_file()
    found = search(SPACE, 4, tmp_path, again)
    assert again.asked == []
    assert sorted(found, key=str) == sorted(first.asked, key=str)
    search(SPACE, 7, tmp_path, more)
    assert len(more.asked) == 3
    assert all(setting not in first.asked for setting in more.asked)


def test_a_search_that_was_killed_in_a_measurement_continues(tmp_path: Path) -> None:
    pytest.importorskip("optuna")

    def killed(settings: Sequence[Setting]) -> list[float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(SPACE, 2, tmp_path, killed)
    measure = Measure()
    assert len(search(SPACE, 2, tmp_path, measure)) == 2
    assert len(measure.asked) == 2


def test_several_settings_at_once(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    measure = Measure()
    search(SPACE, 5, tmp_path, measure, at_once=2)
    assert measure.most == 2
    assert len(measure.asked) == 5


def test_without_optuna_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else real(name, *rest)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[study\]'"):
        search(SPACE, 1, tmp_path, Measure())
