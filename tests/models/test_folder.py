"""Where downloads go."""

from __future__ import annotations

from pathlib import Path

import pytest

from restyle.models.folder import home, models_folder


def test_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESTYLE_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models_folder() == tmp_path / ".cache" / "restyle" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home() == tmp_path / "cache" / "restyle"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert home() == tmp_path / ".cache" / "restyle"
    monkeypatch.setenv("RESTYLE_HOME", "~/mine")
    assert models_folder() == tmp_path / "mine" / "models"
    assert not list(tmp_path.iterdir())
