"""Frames a second, and lines that wait for the bar to go."""

from __future__ import annotations

import time

import pytest

from restyle.cli.speed import Speed


def test_frames_a_second_are_those_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Speed("clip.mp4") as shown:
        assert shown.fps == 0
        for done in range(1, 201):
            now += 1.0 if done < 100 else 0.1
            shown.at(done, 200)
        assert shown.fps == pytest.approx(10)
        shown.at(201, None)


def test_lines_are_said_once_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Speed("clip.mp4") as shown:
        shown.say("odd sides")
        shown.say("odd sides")
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "restyle: odd sides\n"
