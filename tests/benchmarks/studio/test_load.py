"""The load of the benchmark: what clients send, and what they count."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.studio import load
from benchmarks.studio.servers import PEER, STUDIO, helper, running
from tests.studio.conftest import gone, wait_until


def test_mixture_is_the_same_for_a_seed() -> None:
    assert load.plan(50, (16,), 1, False) == load.plan(50, (16,), 1, False)
    assert {kind for kind, *_ in load.plan(200, (16,), 1, False)} == set(load.EXPECTED)
    assert {kind for kind, *_ in load.plan(20, (16,), 1, True)} == {"picture"}
    with Image.open(io.BytesIO(load.photo(64))) as picture:
        assert (picture.size, picture.format) == ((64, 48), "JPEG")


def wait_for_the_end(pids: list[int]) -> None:
    """Wait until processes have ended, or fail."""
    wait_until(lambda: all(map(gone, pids)))


@pytest.mark.slow
def test_crowd_is_answered_by_both_servers(tiny_model: Path) -> None:
    for name, words, route, pictures in (
        ("studio", STUDIO, "/v1/images", False),
        ("peer", PEER, "/api/restyle", True),
    ):
        flags = ("--model", str(tiny_model), "--threads", "1")
        with running(name, words, route, *flags) as server:
            requests = load.plan(12, (32,), 5, pictures)
            requests = [(kind, data, "great-wave") for kind, data, _ in requests if kind != "wall"]
            outcome = asyncio.run(load.crowd(server, requests, 3))
            assert not outcome.faults
            assert sum(outcome.statuses.values()) == len(requests)
            assert outcome.median > 0
            assert server.memory() > 10
            assert server.processor_seconds() > 0
            family = server.family()
            assert len(family) == (2 if name == "studio" else 1)  # with a worker
        wait_for_the_end(family)


@pytest.mark.slow
def test_bad_clients_end_with_the_benchmark(tiny_model: Path) -> None:
    pids = []

    def fail() -> None:
        flags = ("--model", str(tiny_model), "--threads", "1")
        with running("studio", STUDIO, "/v1/images", *flags) as server:
            words = ("-m", "benchmarks.studio.bad", server.url, server.route, "4", "broken")
            with helper("bad", *words) as bad:
                pids.extend([bad.pid, *server.family()])
                requests = [("picture", load.photo(32), "great-wave")] * 4
                assert not asyncio.run(load.crowd(server, requests, 1)).faults
                raise ValueError("a part of the benchmark fails")

    with pytest.raises(ValueError, match="a part of the benchmark fails"):
        fail()
    assert len(pids) == 3
    wait_for_the_end(pids)
