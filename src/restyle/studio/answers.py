"""What the API answers: errors, formats of results, events, metrics."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

T = TypeVar("T")

STATUS_OF_TASK = {
    "bad_input": 422,
    "bad_option": 422,
    "not_installed": 422,
    "too_large": 413,
    "model": 503,
    "cannot_write": 503,
    "cancelled": 503,
    "internal": 500,
}
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
WORDS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 422: "bad_option"}
BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds

# Media types of results, the preferred one of each suffix first.
IMAGE_TYPES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "image/avif": ".avif",
}
VIDEO_TYPES = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "image/gif": ".gif",
}
AUDIO_TYPES = {
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
}


class ApiError(Exception):
    """An error with a status, as `{"error": {"code", "message", "field"}}`.

    Parameters
    ----------
    status : int
    code : str
        One word for programs.
    message : str
        One line for people: what was wrong, and what to do.
    field : str or None
        The field of the request that it is about.
    headers : mapping or None
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field, self.headers = status, code, field, headers
        self.message = " ".join(message.split())

    @classmethod
    def of_task(cls, error: Mapping[str, str]) -> ApiError:
        """Return the error that a worker reported."""
        return cls(STATUS_OF_TASK[error["code"]], error["code"], error["message"])

    def view(self) -> dict[str, Any]:
        """Return the fields of the answer."""
        return {"code": self.code, "message": self.message, "field": self.field}

    def answer(self) -> Response:
        """Return the answer."""
        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse({"error": self.view()}, self.status, headers)


def _accepted(accept: str | None) -> Iterator[tuple[str, float]]:
    """Yield the media types of an `Accept` header with their weights."""
    for part in (accept or "*/*").lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        yield kind, weight


def accepts(accept: str | None, kind: str) -> bool:
    """Tell whether an `Accept` header takes a media type.

    Examples
    --------
    >>> accepts("text/html, image/*;q=0.5", "image/png")
    True
    """
    wanted = (kind, kind.split("/")[0] + "/*", "*/*")
    return any(each in wanted and weight > 0 for each, weight in _accepted(accept))


def choose_type(accept: str | None, offered: Mapping[str, str], usual: str) -> tuple[str, str]:
    """Choose the media type and suffix of a result by an `Accept` header.

    Parameters
    ----------
    accept : str or None
    offered : mapping of media type to suffix
    usual : str
        The suffix where any type will do.

    Raises
    ------
    ApiError
        406: none of the accepted types is offered.

    Examples
    --------
    >>> choose_type("image/webp;q=0.9, image/png", IMAGE_TYPES, ".jpg")
    ('image/png', '.png')
    >>> choose_type("text/html, */*;q=0.1", IMAGE_TYPES, ".jpg")
    ('image/jpeg', '.jpg')
    """
    first = next(kind for kind, suffix in offered.items() if suffix == usual)
    families = {first.split("/")[0] + "/*", "*/*"}
    best, found = 0.0, None
    for given, weight in _accepted(accept):
        kind = first if given in families else given
        if kind in offered and weight > best:
            best, found = weight, kind
    if found is None:
        raise ApiError(
            406, "not_acceptable", f"cannot answer with '{accept}'; accept one of {', '.join(offered)}"
        )
    return found, offered[found]


def prefers_async(request: Request) -> bool:
    """Tell whether a request has `Prefer: respond-async` (RFC 7240)."""
    words = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(word.split(";")[0].strip() == "respond-async" for word in words)


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
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return parsed.exploded[:19]
    return address


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, and cancel it if the client goes away.

    Raises
    ------
    ApiError
        499, which nobody reads.
    """

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.ensure_future(left())
    await asyncio.sleep(0)
    task = asyncio.ensure_future(work)
    try:
        if gone.done():
            raise ApiError(499, "client_left", "the client went away")
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ApiError(499, "client_left", "the client went away")
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()


def event(name: str, data: Any) -> bytes:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


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
