"""The application: page, styles, headers."""

import httpx
import pytest

from restyle.options.studio import StudioOptions
from restyle.studio.security import HEADERS
from restyle.studio.server import make_app


@pytest.fixture
def client() -> httpx.AsyncClient:
    """A client of an application in this process."""
    transport = httpx.ASGITransport(make_app(StudioOptions()))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860")


async def _get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    async with client:
        return await client.get(path)


def get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    import asyncio

    return asyncio.run(_get(client, path))


def test_page_has_headers_that_protect_it(client: httpx.AsyncClient) -> None:
    answer = get(client, "/")
    assert answer.status_code == 200
    assert 'name="restyle-engine"' in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_styles_name_paintings_and_sounds(client: httpx.AsyncClient) -> None:
    entries = {each["name"]: each for each in get(client, "/v1/styles").json()["styles"]}
    assert entries["great-wave"]["kind"] == "painting"
    assert entries["great-wave"]["artwork"] == "/v1/styles/great-wave/artwork"
    assert entries["rain"]["kind"] == "sound"


def test_artwork_is_a_small_jpeg(client: httpx.AsyncClient) -> None:
    answer = get(client, "/v1/styles/great-wave/artwork?size=64")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content[:3] == b"\xff\xd8\xff"
