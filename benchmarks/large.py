"""`python -m benchmarks.large`: time and memory of huge pictures; writes `out/large.md`.

The pictures are made by this script: waves with grain, as TIFF, neither easy nor hard to compress. Every
command is a process of its own. 1 megapixel is measured three times, and its median counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import machine
from restyle.images import tiff

STYLE = "great-wave"


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, seconds of processor time, and gigabytes of memory at the peak."""

    seconds: float
    processor: float
    memory: float


def make_picture(path: Path, side: int) -> None:
    """Write a TIFF of `side` x `side` px, some rows at a time."""
    grain = np.random.default_rng(0).integers(-6, 7, (512, 512, 3)).astype(np.float32)
    x = np.arange(side)

    def read(rows: slice) -> npt.NDArray[np.uint8]:
        y = np.arange(rows.start, rows.stop)[:, None]
        plane = 127 + 70 * np.sin(x / 901) * np.cos(y / 733) + 25 * np.sin((x + 2 * y) / 37)
        colors = plane[..., None] * np.array([1, 0.9, 0.6]) + np.array([0, 12, 40])
        colors = colors + grain[np.ix_(y[:, 0] % 512, x % 512)]
        return np.asarray(np.clip(colors, 0, 255), np.uint8)

    with open(path, "wb") as stream:
        tiff.write(stream, (side, side, 3), np.dtype(np.uint8), read)


def cost(*arguments: str) -> Cost:
    """Run `restyle image` with arguments."""
    command = [
        sys.executable,
        "-m",
        "restyle",
        "image",
        *arguments,
        "--overwrite",
        "--max-pixels",
        "2000000000",
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6)


def measure(folder: Path, sides: list[int], threads: int, own_size: bool) -> list[str]:
    """Measure one megapixel and squares of these sides; return the rows of a table."""
    small = folder / "1000.tif"
    make_picture(small, 1000)
    lines = []
    for method in ("fast", "paint"):
        kinds = [()] if method == "paint" or not own_size else [(), ("--paint-size", "100000")]
        for more in kinds:
            options = ["--style", STYLE, "--method", method, "--threads", str(threads), *more]
            runs = [cost(str(small), *options, "-o", str(folder / "small.tif")) for _ in range(3)]
            one = Cost(*(statistics.median(getattr(run, name) for run in runs)
                         for name in ("seconds", "processor", "memory")))  # fmt: skip
            shown = method + (" at its own size" if more else "")
            lines.append(_row(shown, 1000, one, one))
            for side in sides:
                source = folder / f"{side}.tif"
                if not source.exists():
                    make_picture(source, side)
                suffix = "tif" if side <= 20_000 else "dzi"
                found = cost(str(source), *options, "-o", str(folder / f"large.{suffix}"))
                lines.append(_row(f"{shown}, to .{suffix}", side, found, one))
                print(lines[-1], flush=True)
    return lines


def _row(name: str, side: int, found: Cost, one: Cost) -> str:
    share = found.processor / (side**2 / 1e6) / one.processor
    return (
        f"| {name} | {side**2 / 1e6:,.0f} | {found.seconds:,.0f} | {found.processor:,.0f} |"
        f" {share:.2f} | {found.memory:.2f} |"
    )


def main() -> None:
    """Parse the arguments, measure, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[10_000], help="of the pictures, in px")
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--own-size", action="store_true", help="also paint them at their own size: minutes")
    parser.add_argument("--out", type=Path, default=Path("out"))
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    rows = measure(arguments.out, arguments.sides, arguments.threads, arguments.own_size)
    head = (
        "| method | megapixels | seconds | processor, s | of as many single megapixels | memory, GB |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    report = arguments.out / "large.md"
    report.write_text("\n".join((*head, *rows)) + "\n")
    print(report)


if __name__ == "__main__":
    main()
