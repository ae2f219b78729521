"""Who may use the studio: hosts, origins, tokens; and clients that do not send or do not read."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from restyle.studio import security
from restyle.studio.security import HEADERS, Guard, ImpatientProtocol, Metrics
from tests.studio.conftest import LIMIT, wait_until

HOST = "127.0.0.1:7860"
CONNECTIONS = 20


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path; /broken raises."""
    request = Request(scope, receive)
    if request.url.path == "/broken":
        raise RuntimeError("wrong inside")
    await JSONResponse({"path": request.url.path})(scope, receive, send)


def ask(method: str = "GET", path: str = "/", token: str | None = None, **headers: str) -> httpx.Response:
    """Send a request through the guard."""
    guard: Any = Guard(
        app, token=token, hosts={"Studio.example.com"}, origins={"https://friend.org"}, metrics=Metrics()
    )

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(guard)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=given)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host", [HOST, "localhost:7860", "[::1]:7860", "192.168.1.7", "studio.example.com:443"]
)
def test_known_hosts(host: str) -> None:
    answer = ask(host=host)
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "host", ["evil.com", "127.0.0.1.evil.com", "evil.com:7860", "", "[::1", "localhost.evil.com"]
)
def test_other_names_are_refused(host: str) -> None:
    answer = ask(host=host)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_host")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "https://friend.org"}, 200),
        ({"origin": "https://evil.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"origin": f"http://user@{HOST}"}, 403),
        ({"origin": "https://evil.com", "sec_fetch_mode": "navigate"}, 403),  # a form
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
def test_other_sites_can_only_link_here(headers: dict[str, str], status: int) -> None:
    assert ask("POST", **headers).status_code == status
    assert ask("DELETE", **headers).status_code == status
    assert ask("GET", **headers).status_code == (200 if "sec_fetch_mode" in headers else status)


def test_token_by_header_or_by_cookie() -> None:
    assert ask(path="/v1/styles", token="secret").json()["error"]["code"] == "token_needed"
    assert ask(path="/v1/styles", token="secret", authorization="Bearer wrong").status_code == 401
    assert ask(path="/v1/styles", token="secret", authorization="Bearer secret").status_code == 200
    assert ask(path="/healthz", token="secret").status_code == 200
    page = ask(path="/", token="secret")
    assert (page.status_code, "token" in page.text) == (401, True)
    assert ask(path="/?token=wrong", token="secret").status_code == 401
    opened = ask(path="/?token=secret", token="secret")
    cookie = opened.headers["set-cookie"]
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "secret" not in cookie
    assert ask(path="/v1/styles", token="secret", cookie=cookie.split(";")[0]).status_code == 200


def test_faults_have_the_headers_as_well(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(path="/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "wrong inside" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "wrong inside" in caplog.text


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients have half a second."""
    monkeypatch.setattr(security, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(security, "READ_SECONDS", 0.5)


@pytest.fixture
def server() -> Iterator[uvicorn.Server]:
    """A server whose answer is large."""

    async def large(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        await Response(bytes(50 << 20))(scope, receive, send)

    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        large,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    wait_until(lambda: server.started)
    yield server
    server.should_exit = True
    thread.join()


@pytest.fixture
def address(server: uvicorn.Server) -> tuple[str, int]:
    """The address of the server."""
    found: tuple[str, int] = server.servers[0].sockets[0].getsockname()
    return found


def left(connection: socket.socket) -> int:
    """Read until the server closes a connection; return the number of bytes."""
    received = 0
    connection.settimeout(LIMIT)
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            received += len(data)
    return received


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_clients_that_do_not_send_a_header_are_closed(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as silent, socket.create_connection(address) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow")
        assert left(silent) == left(slow) == 0


def test_a_client_has_half_of_the_connections(address: tuple[str, int], server: uvicorn.Server) -> None:
    def state(connection: socket.socket) -> bytes:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connection.settimeout(LIMIT)
        return connection.recv(1 << 10).split(b"\r\n")[0]

    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS // 2 + 3)]
        wait_until(lambda: sum(map(readable, many)) == 3)
        refused = [connection for connection in many if readable(connection)]
        assert refused[0].recv(1 << 10).startswith(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n")
        other = socket.create_connection(address, source_address=("127.0.0.2", 0))
        assert state(stack.enter_context(other)) == b"HTTP/1.1 200 OK"
        before = len(server.server_state.connections)
        many[0].close()
        wait_until(lambda: len(server.server_state.connections) < before)
        again = stack.enter_context(socket.create_connection(address))
        assert state(again) == b"HTTP/1.1 200 OK"


def readable(connection: socket.socket) -> bool:
    """Whether the server has sent something."""
    return bool(select.select([connection], [], [], 0)[0])


@pytest.mark.usefixtures("impatient")
def test_clients_that_do_not_read_are_closed(address: tuple[str, int], server: uvicorn.Server) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(1 << 10).startswith(b"HTTP/1.1 200 OK")
        wait_until(lambda: not server.server_state.connections)  # the buffers of both sides are full
        assert left(connection) < 50 << 20


def test_small_packets_are_sent_at_once(address: tuple[str, int], server: uvicorn.Server) -> None:
    """An answer's head and body are two packets; with Nagle's algorithm, the second waits 40 ms."""
    with socket.create_connection(address):
        wait_until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        transport: Any = connection.transport
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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
