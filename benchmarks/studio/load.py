"""Clients: well-behaved ones that send a mixture of requests, slow ones, and ones that break off."""

from __future__ import annotations

import asyncio
import io
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import numpy as np
from PIL import Image

from benchmarks.studio.servers import Process

STYLES = ("great-wave", "starry-night", "scream", "irises", "composition-vii", "sower", "seascape", "job")
EXPECTED = {"picture": {200}, "wall": {200}, "styles": {200}, "damaged": {422}, "wrong": {422}, "text": {415}}


def photo(side: int, seed: int = 0, form: str = "JPEG") -> bytes:
    """Return a file with a photo-like picture of side x 3/4 side px: smooth shapes and grain."""
    height, width = side * 3 // 4, side
    rows, columns = np.mgrid[0:height, 0:width] / side
    random_numbers = np.random.default_rng(seed)
    waves = np.stack([np.sin(9 * rows + seed), np.cos(7 * columns), np.sin(5 * (rows + columns))], -1)
    pixels = 128 + 80 * waves + random_numbers.normal(0, 12, waves.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, form, quality=92)
    return buffer.getvalue()


@dataclass
class Outcome:
    """What a crowd of clients has seen."""

    seconds: list[float] = field(default_factory=list)  # of pictures
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    busy: int = 0  # 429
    memory: list[float] = field(default_factory=list)  # MB, after each 20 requests

    def percentile(self, part: float) -> float:
        """Return a percentile of the seconds."""
        return float(np.percentile(self.seconds, 100 * part)) if self.seconds else float("nan")

    @property
    def median(self) -> float:
        """Median seconds of a picture."""
        return statistics.median(self.seconds) if self.seconds else float("nan")


def plan(count: int, sides: tuple[int, ...], seed: int, only_pictures: bool) -> list[tuple[str, bytes, str]]:
    """Return a mixture of requests: (kind, file, style)."""
    dice = random.Random(seed)
    files = {(side, form): photo(side, side, form) for side in sides for form in ("JPEG", "PNG")}
    requests = []
    for _ in range(count):
        kind = "picture" if only_pictures else dice.choices(list(EXPECTED), [80, 4, 6, 4, 3, 3])[0]
        data = files[dice.choice(sides), dice.choice(("JPEG", "PNG"))]
        requests.append((kind, data, dice.choice(STYLES)))
    return requests


async def crowd(
    server: Process, requests: list[tuple[str, bytes, str]], clients: int, *, patient: bool = True
) -> Outcome:
    """Send requests from several clients, each with an address of its own and one request at a time."""
    outcome, waiting = Outcome(), iter(requests)

    async def client(number: int) -> None:
        transport = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{number + 1}")
        async with httpx.AsyncClient(transport=transport, base_url=server.url, timeout=300) as session:
            for kind, data, style in waiting:
                await _ask(server, session, kind, data, style, outcome, patient)
                if sum(outcome.statuses.values()) % 20 == 0:
                    outcome.memory.append(server.memory())

    await asyncio.gather(*(client(number) for number in range(clients)))
    return outcome


async def _ask(
    server: Process,
    session: httpx.AsyncClient,
    kind: str,
    data: bytes,
    style: str,
    outcome: Outcome,
    patient: bool,
) -> None:
    """Send one request until it is answered by something else than 429."""
    sent = {"damaged": data[: len(data) // 3], "text": b"a text, not a picture"}.get(kind, data)
    chosen = "no-such-style" if kind == "wrong" else style
    fields: dict[str, str | list[str]] = {"style": chosen, "method": "fast"}
    path = server.route
    if kind == "wall":
        path, fields = "/v1/wall", {"style": list(STYLES[:4]), "size": "128"}
    while True:
        begun = time.perf_counter()
        try:
            if kind == "styles":
                answer = await session.get("/v1/styles")
            else:
                answer = await session.post(path, files={"content": sent}, data=fields)
        except httpx.HTTPError as error:
            outcome.statuses[kind, 0] += 1
            outcome.faults.append(f"{kind}: {error!r}")
            return
        if answer.status_code == 429:
            outcome.busy += 1
            if patient:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            return
        outcome.statuses[kind, answer.status_code] += 1
        if answer.status_code not in EXPECTED[kind]:
            outcome.faults.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
        elif kind == "picture":
            outcome.seconds.append(time.perf_counter() - begun)
        return


async def bad_clients(server: Process, count: int, seconds: float, *, leaving: bool) -> None:
    """Let clients send slowly or break off for some seconds; or, `leaving`, send all and leave."""
    parts = urlsplit(server.url)
    form = httpx.Request(
        "POST", server.url, files={"content": photo(512)}, data={"style": "great-wave", "method": "fast"}
    )
    body = form.read()
    head = (
        f"POST {server.route} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {form.headers['content-type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        while time.monotonic() < end:
            try:
                address = (f"127.0.2.{number % 10 + 1}", 0)
                _, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=address)
                if leaving:
                    writer.write(head + body)
                    await writer.drain()
                    await asyncio.sleep(0.5)
                elif number % 2 == 0:  # a byte at a time
                    for place in range(len(head) + len(body)):
                        writer.write((head + body)[place : place + 1])
                        await writer.drain()
                        await asyncio.sleep(0.2)
                        if time.monotonic() > end:
                            break
                else:  # breaks off in the body
                    writer.write(head + body[: len(body) // 2])
                    await writer.drain()
                    await asyncio.sleep(0.5)
                writer.transport.abort()
            except OSError:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(client(number) for number in range(count)))
