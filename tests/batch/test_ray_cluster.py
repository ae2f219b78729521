"""A cluster that cannot be started or reached is an error of one line."""

from __future__ import annotations

from typing import Any

import pytest

from restyle.batch import ray_cluster
from restyle.errors import RestyleError

ray = pytest.importorskip("ray")


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let every start fail; the options that were given."""
    calls: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        calls.append(options)
        raise Exception("The node timed out.\n  more")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    return calls


def test_a_local_cluster_is_tried_twice(starts: list[dict[str, Any]]) -> None:
    with pytest.raises(RestyleError) as found, ray_cluster.connected():
        pass
    assert str(found.value) == "cannot start Ray on this machine: The node timed out."
    assert len(starts) == 2


def test_another_cluster_is_named(starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(RestyleError) as found, ray_cluster.connected():
        pass
    assert "cannot reach the Ray cluster '10.0.0.1:6379': " in str(found.value)
    assert len(starts) == 1
    assert "object_store_memory" not in starts[0]


def test_a_cluster_that_fails_says_how_to_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_connect", lambda: False)
    with pytest.raises(RestyleError) as found, ray_cluster.connected():
        raise ray.exceptions.RayError("gone")
    assert str(found.value) == "the Ray cluster failed: gone; the same command continues"
