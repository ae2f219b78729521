"""Well-behaved clients that send a mixture of requests."""

from __future__ import annotations

import asyncio
import io
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

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
