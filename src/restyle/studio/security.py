"""What every request passes before the application sees it, and the headers and metrics of every answer.

A page of another site cannot use the studio through the browser of somebody who runs it: requests under
another host name are refused (DNS rebinding), and so are those that pages of other sites send (forged
requests). With a token, only those who have it get anything but `/healthz`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import socket
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from restyle.studio import CONTENT_SECURITY_POLICY, ApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("restyle.studio")

METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
COOKIE = "restyle_studio"
HEADER_SECONDS = 15.0  # in which the header of a request has to be complete
READ_SECONDS = 60.0  # in which a client has to read something of an answer
CROWDED = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
LOCKED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>restyle studio</title>
<p>This studio asks for a token. Open the address that <code>restyle studio</code> printed, which ends in
<code>/?token=...</code>.</p>"""


def client_of(request: Request) -> str:
    """Return what tells the client of a request from others."""
    return network_of(request.client.host if request.client else "unknown")


def network_of(address: str) -> str:
    """Return what tells clients apart: an address, of IPv6 the network of 64 bits of one customer."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or parsed.exploded[:19])
    return address


class Metrics:
    """Counts of answers and their seconds, in the text format of Prometheus."""

    def __init__(self) -> None:
        self._answers: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = method if method in METHODS else "other"  # clients can make up any number of names
        self._answers[known, route, status] += 1
        row = self._seconds[route]
        for place, bound in enumerate(BUCKETS):
            row[place] += seconds <= bound
        row[-2] += 1
        row[-1] += seconds

    def text(self, gauges: Iterable[tuple[str, str, str, Sequence[tuple[str, float]]]]) -> str:
        """Return all metrics; `gauges` are (name, type, help, [(labels, value)])."""
        lines = [
            "# HELP restyle_requests_total Answers by route and status.",
            "# TYPE restyle_requests_total counter",
        ]
        for (method, route, status), count in sorted(self._answers.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"restyle_requests_total{{{labels}}} {count}")
        lines += [
            "# HELP restyle_request_seconds Seconds from the request to the end of the answer.",
            "# TYPE restyle_request_seconds histogram",
        ]
        for route, row in sorted(self._seconds.items()):
            name = f'restyle_request_seconds_bucket{{route="{route}",le='
            lines += [f'{name}"{bound}"}} {row[place]:g}' for place, bound in enumerate(BUCKETS)]
            lines.append(f'{name}"+Inf"}} {row[-2]:g}')
            lines.append(f'restyle_request_seconds_sum{{route="{route}"}} {row[-1]:g}')
            lines.append(f'restyle_request_seconds_count{{route="{route}"}} {row[-2]:g}')
        for full, kind, about, values in gauges:
            lines += [f"# HELP {full} {about}", f"# TYPE {full} {kind}"]
            lines += [f"{full}{labels} {value:g}" for labels, value in values]
        return "\n".join(lines) + "\n"


class Guard:
    """ASGI middleware: hosts, origins, token, headers, metrics.

    Without a token, everyone is let in. `hosts` are names by which clients may call this server, besides its
    addresses, `localhost` and its own name; `origins` are other sites that may use the API, such as
    `https://example.com`.
    """

    def __init__(
        self, app: App, *, token: str | None, hosts: set[str], origins: set[str], metrics: Metrics
    ) -> None:
        self.app, self.token, self.metrics = app, token, metrics
        name = socket.gethostname().lower()
        self.hosts = {"localhost", name, f"{name}.local", *(host.lower() for host in hosts)}
        self.origins = origins
        self.cookie = "" if token is None else hashlib.sha256(f"restyle {token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in given)]
            await send(message)

        request = Request(scope)
        try:
            refusal = self._refusal(request)
            app: App = self.app if refusal is None else refusal
            await app(scope, receive, with_headers)
        except Exception:
            if status:
                raise  # the answer has begun; the connection is closed
            log.exception("%s %s failed", request.method, request.url.path)
            fault = ApiError(500, "internal", "the server has a fault; its log says more").answer()
            await fault(scope, receive, with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.count(request.method, route, status, time.perf_counter() - begun)

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that must not reach the application."""
        host = request.headers.get("host", "")
        if not self._knows(host):
            why = f"this server does not answer to '{host:.60}'; start it with --allow-host to change that"
            return ApiError(400, "unknown_host", why).answer()
        if self._is_foreign(request, host):
            why = "requests of other sites are refused; start the server with --cors ORIGIN"
            return ApiError(403, "cross_site", why).answer()
        if self.token is None or request.url.path == "/healthz" or request.method == "OPTIONS":
            return None
        return self._without_token(request)

    def _knows(self, host: str) -> bool:
        """Tell whether a `Host` header is an address or a known name: an attacker has only other names."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            if name not in self.hosts:
                ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_foreign(self, request: Request, host: str) -> bool:
        """Tell whether a page of another site has sent a request. It may link to this server, no more."""
        origin, headers = request.headers.get("origin"), request.headers
        if request.method in SAFE and headers.get("sec-fetch-mode") == "navigate":
            return False
        if origin is not None:
            return origin not in self.origins and origin.lower().partition("://")[2] != host.lower()
        return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")

    def _without_token(self, request: Request) -> Response | None:
        """Return the answer to a request without the token; one that has it in the address gets a cookie."""
        assert self.token is not None
        word, _, given = request.headers.get("authorization", "").partition(" ")
        if word.lower() == "bearer" and _same(given.strip(), self.token):
            return None
        try:
            cookie = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        if cookie is not None and _same(cookie.value, self.cookie):
            return None
        if request.url.path == "/":
            query = dict(parse_qsl(request.url.query))
            if _same(query.get("token", ""), self.token):
                answer, safe = RedirectResponse("/", 303), request.url.scheme == "https"
                answer.set_cookie(COOKIE, self.cookie, httponly=True, samesite="strict", secure=safe)
                return answer
            return HTMLResponse(LOCKED, 401)
        why = "send the token as 'Authorization: Bearer TOKEN'"
        return ApiError(401, "token_needed", why, headers={"WWW-Authenticate": "Bearer"}).answer()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections of clients that do not send a header, or do not read an answer.

    It also closes those beyond half of all connections of one client.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock, and send small packets at once: an answer's head and body are two of them."""
        super().connection_made(transport)
        # asyncio does this for listeners that it has made itself.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._has_too_many():
            transport.write(CROWDED)
            transport.close()
            return
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Restart the clock for the header of a further request."""
        if self.cycle is not None and self.cycle.response_complete and self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self._stop_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the clock of an answer that is not read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        self._stop_unread()

    def _has_too_many(self) -> bool:
        """Tell whether this client has half of all connections already. Those of a proxy are everybody's."""
        limit = self.config.limit_concurrency
        if limit is None or self.client is None or self.config.proxy_headers:
            return False
        addresses = [getattr(each, "client", None) for each in self.connections]
        own = network_of(self.client[0])
        return sum(each is not None and network_of(each[0]) == own for each in addresses) > limit // 2

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
