"""The bar is for terminals and for patience that has run out."""

from __future__ import annotations

import io
import time

import pytest

from restyle.cli import progress
from restyle.cli.progress import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_said_to_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    with Bar(2, "work") as bar:
        time.sleep(0.05)
        bar.at(1)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_of_quick_work(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Bar(2, "work") as bar:
        bar.at(2)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("total", "count"), [(1, "50%"), (3, "1/3")])
def test_a_bar_for_long_work(monkeypatch: pytest.MonkeyPatch, total: int, count: str) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Bar(total, "first") as bar:
        deadline = time.monotonic() + 20
        while bar._shown is None and time.monotonic() < deadline:
            time.sleep(0.01)
        bar.at(0.5 if total == 1 else 1.9, "se[con]d")
        time.sleep(0.3)
    said = terminal.getvalue()
    assert "se[con]d" in said
    assert count in said


def test_a_bar_that_ends_early_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Bar(1) as bar:
        pass
    bar._show()
    assert terminal.getvalue() == ""
