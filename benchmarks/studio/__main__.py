"""What the studio costs over the library, and what it stands: `python -m benchmarks.studio`.

Each part prints a table as soon as it is measured. Beside the studio stands a server in the shape of rembg's
(`peer`): FastAPI with a thread pool and no queue.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from benchmarks import machine
from benchmarks.report import BUSY
from benchmarks.studio import bad, load
from benchmarks.studio.servers import (
    PEER,
    STUDIO,
    Process,
    helper,
    running,
    seconds_to_ready,
    stop_at_the_end,
)
from restyle import pipeline
from restyle.images import encode, formats
from restyle.models import arbitrary, session
from restyle.options import ImageOptions, OptimizeOptions
from restyle.style import Style, styles

DOCS = Path(__file__).parents[2] / "docs" / "lab" / "benchmarks" / "studio.md"
WARM_UP = 100  # requests before memory counts
PEER_PART = 4  # the peer gets this part of the requests
WALL = 48
PATIENCE = 60.0  # seconds for the good client beside bad ones


def studio(arguments: argparse.Namespace) -> tuple[str, tuple[str, ...], str, str, str]:
    """Return how the studio is started."""
    return "studio", STUDIO, "/v1/images", "--threads", str(arguments.threads)


def peer(arguments: argparse.Namespace) -> tuple[str, tuple[str, ...], str, str, str]:
    """Return how the peer is started."""
    return "rembg's shape", PEER, "/api/restyle", "--threads", str(arguments.threads)


def overhead(arguments: argparse.Namespace) -> Iterator[str]:
    """Compare a picture by the API with one by the library, in turns, each from JPEG to JPEG.

    The library decodes, stylizes and encodes as a worker of the studio does: the same functions, settings and
    threads, and its style is encoded before.
    """
    session.set_spinning(False)
    data = load.photo(512)
    network = arbitrary.load(threads=arguments.threads)
    style = Style.from_preset("great-wave", model=network)
    with running(*studio(arguments)) as ours, running(*peer(arguments)) as other:
        client = httpx.Client(timeout=60, trust_env=False)

        def library() -> None:
            method = OptimizeOptions(method="fast")
            picture = pipeline.image(data, style, network, ImageOptions(), method=method)
            encode.encode(picture, formats.JPEG, None, "the picture")

        def request(server: Process) -> None:
            fields = {"style": "great-wave", "method": "fast"}
            client.post(server.url + server.route, files={"content": data}, data=fields).raise_for_status()

        calls: dict[str, Callable[[], None]] = {
            "library": library,
            "studio": lambda: request(ours),
            "rembg's shape": lambda: request(other),
        }
        took: dict[str, list[float]] = {name: [] for name in calls}
        order = random.Random(0)
        for turn in range(arguments.rounds + 2):
            for name in order.sample(list(calls), len(calls)):
                begun = time.perf_counter()
                calls[name]()
                if turn >= 2:
                    took[name].append(time.perf_counter() - begun)
    base = statistics.median(took["library"])
    yield "| 512 px, JPEG to JPEG | median ms | over the library, ms |"
    yield "| --- | ---: | ---: |"
    for name, seconds in took.items():
        median = statistics.median(seconds)
        yield f"| {name} | {1000 * median:.1f} | {1000 * (median - base):+.1f} |"
    added = 1000 * (statistics.median(took["studio"]) - base)
    yield f"\nTarget: at most 10 ms over the library: {'met' if added <= 10 else 'missed'}."


def first(arguments: argparse.Namespace) -> Iterator[str]:
    """Measure the start, the first picture, and the wall."""
    yield "| | seconds | target |"
    yield "| --- | ---: | ---: |"
    yield f"| start to first page | {seconds_to_ready(STUDIO, '/'):.2f} | |"
    data = load.photo(1024)
    with running(*studio(arguments)) as server, httpx.Client(timeout=120, trust_env=False) as client:
        begun = time.perf_counter()
        fields = {"style": "great-wave", "method": "fast"}
        client.post(server.url + "/v1/images", files={"content": data}, data=fields).raise_for_status()
        yield f"| first picture, 1024 px | {time.perf_counter() - begun:.2f} | 2 |"
        names = [style.name for style in styles()][:WALL]
        begun = time.perf_counter()
        tile, count = 0.0, 0
        with client.stream(
            "POST", server.url + "/v1/wall", files={"content": data}, data={"style": names}
        ) as answer:
            for _ in answer.iter_lines():
                count += 1
                tile = tile or time.perf_counter() - begun
        yield f"| first of {count} thumbnails | {tile:.2f} | |"
        yield f"| wall of {count} | {time.perf_counter() - begun:.2f} | 8 |"


def mixed(arguments: argparse.Namespace) -> Iterator[str]:
    """Send a mixture from several clients: failures, memory, latency against what the queue says."""
    sides = tuple(arguments.sides)
    span = f"pictures of {min(sides)} to {max(sides)} px"
    yield f"{arguments.requests} requests, {arguments.clients} clients, {span}; the peer: only pictures.\n"
    yield "| server | failures | 429 | median s | 95 % s | memory MB, warm | at the end | most | change |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    notes = []
    for made, only_pictures in ((studio, False), (peer, True)):
        count = max(1, arguments.requests // (PEER_PART if only_pictures else 1))
        requests = load.plan(count, sides, 1, only_pictures)
        with running(*made(arguments)) as server:
            warm = load.plan(min(WARM_UP, count), sides, 2, only_pictures)
            asyncio.run(load.crowd(server, warm, arguments.clients))
            before = server.memory()
            begun = time.perf_counter()
            outcome = asyncio.run(load.crowd(server, requests, arguments.clients))
            rate = len(requests) / (time.perf_counter() - begun)
            after = server.memory()
            change = 100 * (after / before - 1)
            yield (
                f"| {server.name} | {len(outcome.faults)} | {outcome.busy} | {outcome.median:.2f} |"
                f" {outcome.percentile(0.95):.2f} | {before:.0f} | {after:.0f} |"
                f" {max(outcome.memory, default=after):.0f} | {change:+.1f} % |"
            )
            said = arguments.clients / rate
            notes.append(
                f"{server.name}: {rate:.1f} requests a second; {arguments.clients} clients in turn wait"
                f" {said:.2f} s each, the median is {outcome.median / said:.2f} times that."
            )
            notes += outcome.faults[:5]
            if made is studio:
                targets = {
                    "no failure but 429": not outcome.faults,
                    "memory within 5 %": abs(change) <= 5,
                    "median at most what the queue says": outcome.median <= 1.05 * said,
                }
                notes += [f"Target, {name}: {'met' if met else 'missed'}." for name, met in targets.items()]
    yield "\n" + "\n".join(f"- {note}" for note in notes)


def broken(arguments: argparse.Namespace) -> Iterator[str]:
    """Measure a good client beside many that send slowly, break off, or leave before the answer.

    The bad ones are a process of their own with a low priority. On two cores they and the server's share of
    their requests still take time from the good one: the last columns say how much.
    """
    yield (
        f"{arguments.bad} bad clients of {bad.ADDRESSES} addresses beside a good one, pictures of 512 px."
        " Processor: seconds in a second, of the server without its workers, and of the bad clients.\n"
    )
    yield (
        "| server | bad clients | alone, median s | beside them | 95 % | failures | processor: server |"
        " bad clients | memory MB before | after |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    requests = load.plan(max(3, arguments.rounds // 2), (512,), 3, only_pictures=True)
    for made in (studio, peer):
        for how in bad.HOW:
            with running(*made(arguments)) as server:
                asyncio.run(load.crowd(server, requests[:5], 1))
                alone = asyncio.run(load.crowd(server, requests, 1))
                before = server.memory()
                words = ("-m", "benchmarks.studio.bad", server.url, server.route, str(arguments.bad), how)
                with helper("bad clients", *words) as crowd:
                    time.sleep(2)
                    begun = time.perf_counter()
                    used = server.processor_seconds(alone=True), crowd.processor_seconds()
                    try:
                        harmed = asyncio.run(asyncio.wait_for(load.crowd(server, requests, 1), PATIENCE))
                    except TimeoutError:
                        yield (
                            f"| {server.name} | {WORDS[how]} | {alone.median:.2f} | not served within"
                            f" {PATIENCE:.0f} s | | | | | {before:.0f} | {server.memory():.0f} |"
                        )
                        continue
                    after = server.processor_seconds(alone=True), crowd.processor_seconds()
                    seconds = time.perf_counter() - begun
                time.sleep(2)
                shares = [(end - start) / seconds for start, end in zip(used, after, strict=True)]
                yield (
                    f"| {server.name} | {WORDS[how]} | {alone.median:.2f} | {harmed.median:.2f} |"
                    f" {harmed.percentile(0.95):.2f} | {len(harmed.faults)} | {shares[0]:.2f} |"
                    f" {shares[1]:.2f} | {before:.0f} | {server.memory():.0f} |"
                )


def idle(arguments: argparse.Namespace) -> Iterator[str]:
    """Measure the processor time of servers that nobody uses."""
    yield "| server | processor ms in a second |"
    yield "| --- | ---: |"
    for made in (studio, peer):
        with running(*made(arguments)) as server:
            asyncio.run(load.crowd(server, load.plan(2, (256,), 4, only_pictures=True), 1))
            time.sleep(2)
            before = server.processor_seconds()
            time.sleep(arguments.idle)
            yield f"| {server.name} | {1000 * (server.processor_seconds() - before) / arguments.idle:.2f} |"


WORDS = {"slow": "send slowly", "broken": "break off", "leaving": "leave before the answer"}
PARTS = {"overhead": overhead, "first": first, "mixed": mixed, "broken": broken, "idle": idle}


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.studio", description=__doc__)
    made.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), metavar="PART")
    made.add_argument("--requests", type=int, default=1000, help="of the part mixed")
    made.add_argument("--clients", type=int, default=20)
    made.add_argument("--sides", type=int, nargs="+", default=[128, 256, 384, 512], help="of pictures, in px")
    made.add_argument("--bad", type=int, default=100, help="clients that send slowly or break off")
    made.add_argument("--rounds", type=int, default=30, help="pictures of the parts overhead and broken")
    made.add_argument("--idle", type=float, default=10.0, help="seconds of the part idle")
    made.add_argument("--threads", type=int, default=machine.cores(), help="of each worker")
    made.add_argument("--docs", action="store_true", help="write docs/lab/benchmarks/studio.md as well")
    return made


def main() -> None:
    """Run the parts, print their tables, and write them where that is wanted."""
    arguments = parser().parse_args()
    stop_at_the_end()
    begun = time.monotonic()
    lines = ["# Studio: results", "", "Written by `python -m benchmarks.studio --docs`.", ""]
    lines += [BUSY, ""] if machine.busy() else []
    facts = {**machine.describe(), "threads of a worker": str(arguments.threads)}
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    print("\n".join(lines), flush=True)
    for part in arguments.parts:
        lines += ["", f"## {part.capitalize()}", ""]
        print("\n".join(lines[-3:]), flush=True)
        for line in PARTS[part](arguments):
            lines.append(line)
            print(line, flush=True)
    lines += ["", f"This took {(time.monotonic() - begun) / 60:.1f} minutes."]
    print("\n".join(lines[-2:]), flush=True)
    if arguments.docs:
        DOCS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
