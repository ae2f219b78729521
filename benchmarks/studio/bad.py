"""Clients that harm: they send slowly or break off, or leave before the answer. A process of its own, so that
the processor time it takes is not the good clients': `python -m benchmarks.studio.bad URL ROUTE COUNT HOW`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from urllib.parse import urlsplit

import httpx

from benchmarks.studio import load

HOW = ("slow", "broken", "leaving")
NICE = 10  # the clients of a real server have machines of their own
PAUSE = 0.2  # seconds between two bytes of a slow client
STAY = 0.5  # seconds before a client breaks off or leaves
ADDRESSES = 10


def request(url: str, route: str) -> tuple[bytes, bytes]:
    """Return the head and the body of a request for a picture of 512 px."""
    form = httpx.Request(
        "POST", url, files={"content": load.photo(512)}, data={"style": "great-wave", "method": "fast"}
    )
    body = form.read()
    head = (
        f"POST {route} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: {form.headers['content-type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


async def client(number: int, url: str, head: bytes, body: bytes, how: str) -> None:
    """Harm a server again and again."""
    parts = urlsplit(url)
    while True:
        try:
            address = (f"127.0.2.{number % ADDRESSES + 1}", 0)
            _, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=address)
            if how == "slow":
                for byte in head + body:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(PAUSE)
            else:
                writer.write(head + (body if how == "leaving" else body[: len(body) // 2]))
                await writer.drain()
                await asyncio.sleep(STAY)
            writer.transport.abort()
        except OSError:
            await asyncio.sleep(PAUSE)


async def crowd(url: str, route: str, count: int, how: str) -> None:
    """Run many of them for ever."""
    head, body = request(url, route)
    print("started", flush=True)
    await asyncio.gather(*(client(number, url, head, body, how) for number in range(count)))


def main() -> None:
    """Harm until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("route")
    parser.add_argument("count", type=int)
    parser.add_argument("how", choices=HOW)
    arguments = parser.parse_args()
    os.nice(NICE)
    asyncio.run(crowd(arguments.url, arguments.route, arguments.count, arguments.how))


if __name__ == "__main__":
    main()
