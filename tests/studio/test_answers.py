"""Types of results, clients, and work whose client leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from restyle.studio.answers import (
    IMAGE_TYPES,
    ApiError,
    Metrics,
    choose_type,
    client_of,
    prefers_async,
    unless_gone,
)


def request(client: str = "127.0.0.1", receive: Any = None, **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (client, 1)}, receive)


@pytest.mark.parametrize(
    ("accept", "suffix"),
    [
        (None, ".png"),
        ("*/*", ".png"),
        ("image/*", ".png"),
        ("image/webp", ".webp"),
        ("image/jpeg;q=0.5, image/tiff", ".tif"),
        ("text/html, image/avif;q=0.1", ".avif"),
        ("image/png;q=0, image/jpeg;q=x, image/webp;q=0.1", ".webp"),
    ],
)
def test_accepted_type(accept: str | None, suffix: str) -> None:
    assert choose_type(accept, IMAGE_TYPES, ".png")[1] == suffix


def test_no_accepted_type() -> None:
    with pytest.raises(ApiError) as caught:
        choose_type("text/html", IMAGE_TYPES, ".png")
    assert caught.value.status == 406


def test_clients_and_preferences() -> None:
    assert client_of(request("10.0.0.7")) == "10.0.0.7"
    assert client_of(request("2001:db8:1:2:3::4")) == client_of(request("2001:db8:1:2:9::9"))
    assert client_of(request("2001:db8::1:2:3")) == client_of(request("2001:db8::9"))  # zeros left out
    assert client_of(request("2001:db8:1:2::1")) != client_of(request("2001:db8:1:3::1"))
    assert client_of(request("::ffff:10.0.0.7")) == "10.0.0.7"
    assert prefers_async(request(prefer="wait=10, Respond-Async"))
    assert not prefers_async(request(prefer="return=minimal"))


def test_work_ends_when_its_client_leaves() -> None:
    async def run() -> list[str]:
        happened = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                happened.append("cancelled")
                raise

        async def leaves() -> dict[str, str]:
            await asyncio.sleep(0.02)
            return {"type": "http.disconnect"}

        with pytest.raises(ApiError) as caught:
            await unless_gone(request(receive=leaves), work())
        assert caught.value.status == 499
        await asyncio.sleep(0)

        async def stays() -> dict[str, str]:
            await asyncio.sleep(60)
            raise AssertionError

        async def short() -> str:
            return "done"

        happened.append(await unless_gone(request(receive=stays), short()))
        return happened

    assert asyncio.run(run()) == ["cancelled", "done"]


def test_made_up_methods_take_no_memory() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.count(f"M{number}", "other", 405, 0.1)
    counted = [line for line in metrics.text([]).splitlines() if line.startswith("restyle_requests_total{")]
    assert counted == ['restyle_requests_total{method="other",route="other",status="405"} 1000']


def test_times_are_a_histogram() -> None:
    metrics = Metrics()
    for seconds in (0.02, 0.3, 100.0):
        metrics.count("GET", "/x", 200, seconds)
    text = metrics.text([("restyle_jobs", "gauge", "Jobs.", [("", 3)])])
    assert 'restyle_requests_total{method="GET",route="/x",status="200"} 3' in text
    assert 'restyle_request_seconds_bucket{route="/x",le="0.05"} 1' in text
    assert 'restyle_request_seconds_bucket{route="/x",le="60.0"} 2' in text
    assert 'restyle_request_seconds_bucket{route="/x",le="+Inf"} 3' in text
    assert text.endswith("restyle_jobs 3\n")
