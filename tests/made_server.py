"""A web server on this machine that misbehaves on demand, for tests of downloads."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What a server has, how it behaves, and what it was asked.

    Parameters
    ----------
    files : bytes by path, such as "/net.pth"
    ranges : whether it knows the header Range
    drops : break the connection after that many bytes of an answer; the first is used for the first answer,
        and so on; when they are used up, no more connections break
    statuses : answers such as 503 to give first, one a request
    moved : where a path has moved to
    says_length : whether it tells how long an answer will be
    asked : (path, value of Range or None) of every request
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    drops: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    says_length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site on a free port of the loopback interface; its `address` is set meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            if site.statuses:
                self._refuse(site.statuses.pop(0))
            elif self.path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path not in site.files:
                self._refuse(404)
            else:
                self._give(site.files[self.path], wanted if site.ranges else None)

        def _give(self, content: bytes, wanted: str | None) -> None:
            found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
            start = int(found[1]) if found else 0
            if found and start >= len(content):
                self._refuse(416)
                return
            part = content[start:]
            self.send_response(206 if found else 200)
            if site.says_length:
                self.send_header("Content-Length", str(len(part)))
            if found:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if site.drops:
                self.wfile.write(part[: site.drops.pop(0)])
                self.wfile.flush()
                self.close_connection = True
            else:
                self.wfile.write(part)

        def _refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *parts: object) -> None:
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
