"""restyle in the browser: a page, and an HTTP API with a queue, jobs and limits (extra `studio`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the worker processes need no server
    from starlette.responses import Response

PAGE = Path(__file__).parent / "page"
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
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


class ApiError(Exception):
    """An error with a status, as `{"error": {"code", "message", "field"}}`.

    The code is one word for programs; the message is one line for people: what was wrong, and what to do; the
    field is that of the request that it is about.
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
        from starlette.responses import JSONResponse

        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse({"error": self.view()}, self.status, headers)
