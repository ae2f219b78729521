"""Mutations, readers, and a watchdog that ends a reader at limits of time and memory."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from restyle.errors import RestyleError

SECONDS = 10.0  # of one input
MOST_PIXELS = 20_000_000  # of pictures, so that the limit of memory is for what lies about its size
MEMORY = 1_500_000_000  # bytes that the address space may grow
NUMBERS = (
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x01\x00\x00",
)
WORDS = (
    b"null", b"-1", b"1e999", b"NaN", b"true", b"[]", b"{}", b'"\\ud800"', b'"../../x"', b"\x1b[31m",
    b"9" * 40,
)  # fmt: skip

Kind = Literal["read", "refused", "fault"]
Choose = Callable[[Path], Callable[[Path], None]]
Damage = Callable[[bytes, Sequence[bytes], random.Random], bytes]


@dataclass(frozen=True)
class Verdict:
    """What a reader did with an input: read or refused it, or has a fault."""

    index: int
    seed: str
    kind: Kind
    reason: str = ""


def mutated(seed: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damage a file in one to four ways: as disks, transfers and attackers do."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(data) + 1)
        if chance.random() < 0.4:  # headers are where the decisions are
            place = min(place, chance.randrange(64))
        length = min(chance.choice((1, 2, 4, 16, 64, 512)), len(data) - place)
        match chance.randrange(8):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1 if data:
                data[min(place, len(data) - 1)] ^= 1 << chance.randrange(8)
            case 2:
                number = chance.choice(NUMBERS)
                number = number[:: chance.choice((1, -1))][: chance.choice((1, 2, 4))]
                data[place : place + len(number)] = number
            case 3:
                del data[place:]
            case 4:
                del data[place : place + length]
            case 5:
                data[place:place] = data[place : place + length] * chance.choice((1, 8, 100))
            case 6:
                word = chance.choice(WORDS)
                data[place : place + len(word)] = word
            case _:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                data[place : place + length] = other[start : start + length]
    return bytes(data)


def _picture(path: Path) -> None:
    from restyle.images.picture import load_image

    load_image(path, max_pixels=MOST_PIXELS)


def _mask(path: Path) -> None:
    from restyle.images.masks import load_mask

    load_mask(path, max_pixels=MOST_PIXELS)


def _video(path: Path) -> None:
    from restyle.options import VideoOptions
    from restyle.videos.api import open_content

    reader = open_content(path, VideoOptions(), lambda line: None, MOST_PIXELS)
    with closing(reader):
        for count, _ in enumerate(reader.items()):
            if count > 2000:
                break


def _sound(path: Path) -> None:
    from restyle.sounds.read import SoundReader

    with SoundReader(path) as reader:
        for count, _ in enumerate(reader.blocks(4096)):
            if count > 2000:
                break


def _style(path: Path) -> None:
    from restyle.models import style_files

    style_files.read(path)


def _network(path: Path) -> None:
    from restyle.models import network_files

    network_files.read(path)


def _list(path: Path) -> None:
    from restyle.batch.lists import read_jobs
    from restyle.batch.rows import Defaults, Row, columns, make_rows

    out = path.parent / "out"
    for row in make_rows(read_jobs([str(path)], columns(), str(out)), Defaults((), (), {}, "m"), out):
        if isinstance(row, Row) and not os.path.realpath(out / row.output).startswith(
            os.path.realpath(out) + os.sep
        ):
            raise AssertionError(f"the output {row.output!r} leaves its folder")


def _journal(path: Path) -> None:
    from restyle.batch.journal import Finished

    for line in path.read_bytes().splitlines():
        Finished.parse(line)


READERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys((".png", ".jpg", ".webp", ".bmp", ".gif", ".avif", ".tif"), _picture),
    **dict.fromkeys((".mp4", ".mkv", ".avi", ".webm", ".mov", ".ts"), _video),
    **dict.fromkeys((".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff"), _sound),
    **dict.fromkeys((".csv", ".jsonl", ".json", ".txt"), _list),
    ".style": _style, ".restyle": _network, ".journal": _journal,
}  # fmt: skip


def reader_of(seed: Path) -> Callable[[Path], None]:
    """The reader of a seed, by its name."""
    if seed.stem == "moving":
        return _video
    return _mask if seed.stem == "mask" else READERS[seed.suffix]


def input_of(
    seeds: Sequence[Path],
    contents: Sequence[bytes],
    index: int,
    number: int,
    damage: Damage = mutated,
) -> tuple[Path, bytes]:
    """The seed and the damaged bytes of one input: the same for the same `number` and `index`."""
    chance = random.Random(f"{number}-{index}")
    seed = index % len(seeds)
    return seeds[seed], damage(contents[seed], contents, chance)


def fuzz(
    seeds: Sequence[Path],
    indices: Sequence[int],
    number: int = 0,
    choose: Choose = reader_of,
    damage: Damage = mutated,
    seconds: float = SECONDS,
) -> Generator[Verdict, None, None]:
    """Read damaged inputs in a process of its own, which is replaced when it dies or exceeds a limit.

    Parameters
    ----------
    seeds : sequence of Path
    indices : sequence of int
        Numbers of the inputs.
    number : int
        Number of the whole run; another one gives other inputs.
    choose, damage
        Functions that give the reader of a seed, and a damaged copy.
    seconds : float
        Most seconds of one input.
    """
    waiting = list(reversed(indices))
    while waiting:
        pipe, theirs = get_context("spawn").Pipe()
        process: Any = get_context("spawn").Process(
            target=_serve, args=(theirs, list(seeds), number, choose, damage), daemon=True
        )
        process.start()
        theirs.close()
        try:
            pipe.recv()  # everything is imported
        except EOFError:
            process.join()
            raise RuntimeError("the process of the readers does not start") from None
        try:
            while waiting:
                index = waiting.pop()
                pipe.send(index)
                if not pipe.poll(seconds):
                    process.kill()
                    yield Verdict(
                        index, seeds[index % len(seeds)].name, "fault", f"took more than {seconds:g} s"
                    )
                    break
                yield pipe.recv()
        except (EOFError, OSError):
            process.join()
            seed = seeds[index % len(seeds)].name
            yield Verdict(index, seed, "fault", f"the process died: {_signal(process.exitcode)}")
        finally:
            pipe.close()
            process.join()


def _signal(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _serve(pipe: Any, seeds: Sequence[Path], number: int, choose: Choose, damage: Damage) -> None:
    """Read the inputs whose numbers come through the pipe."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    contents = [seed.read_bytes() for seed in seeds]
    for seed in {choose(seed): seed for seed in seeds}.values():
        choose(seed)(seed)  # import everything, before memory is limited
    _limit_memory()
    with tempfile.TemporaryDirectory(prefix="restyle-fuzz-") as folder:
        pipe.send(None)
        while True:
            try:
                index = pipe.recv()
            except EOFError:
                return
            seed, data = input_of(seeds, contents, index, number, damage)
            path = Path(folder, seed.name)
            path.write_bytes(data)
            pipe.send(_read(index, seed, path, choose(seed)))
            path.unlink()


def _limit_memory() -> None:
    """Limit the address space to what is in use and `MEMORY` more."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return  # only Linux tells
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read(index: int, seed: Path, path: Path, reader: Callable[[Path], None]) -> Verdict:
    begun = time.monotonic()
    try:
        reader(path)
    except RestyleError as error:
        line = str(error)
        if len(line.splitlines()) > 1:
            return Verdict(index, seed.name, "fault", f"message of several lines: {line!r}")
        return Verdict(index, seed.name, "refused", line)
    except Exception as error:  # noqa: BLE001, any other exception is what is looked for
        place = sys.exc_info()[2]
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        return Verdict(index, seed.name, "fault", f"{type(error).__name__}: {str(error)[:200]!r} at {where}")
    return Verdict(index, seed.name, "read", f"{time.monotonic() - begun:.2f} s")
