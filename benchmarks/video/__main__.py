"""Steadiness, speed and memory of `restyle video`: `python -m benchmarks.video`.

The folder of results stores what each part finds, so parts (and clips of the first) can be run separately.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.video import parts
from benchmarks.video.results import store_section, write_report
from benchmarks.video.scores import STYLES, optimized, steadiness, trail
from restyle.models.arbitrary import Arbitrary
from restyle.options.video import VideoMethodOptions

DOCS = Path(__file__).parents[2] / "docs" / "lab" / "benchmarks" / "video.md"
Part = Callable[[argparse.Namespace, Arbitrary], Iterator[str]]

PARTS: dict[str, Part] = {
    "steadiness": steadiness,
    "trails": trail,
    "optimized": optimized,
    "speed": parts.speed,
    "live": parts.live,
    "memory": lambda arguments, method: parts.memory(arguments),
    "length": lambda arguments, method: parts.length(arguments),
}


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__)
    made.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    made.add_argument("--clips", nargs="+", default=None, help="names in the folder of clips; default: all")
    made.add_argument("--styles", nargs="+", default=list(STYLES), help="pictures in the folder of presets")
    made.add_argument("--frames", type=int, default=16, help="frames of each clip")
    made.add_argument("--side", type=int, default=320, help="longest side of the frames, for steadiness")
    made.add_argument("--rounds", type=int, default=3, help="rounds of the speed part")
    made.add_argument("--seconds", type=float, default=20.0, help="length of each live clip")
    made.add_argument("--minutes", type=int, default=60, help="length of the long clip")
    made.add_argument("--steady", default="flow", help="--steady of the long clip")
    made.add_argument(
        "--weights",
        nargs="+",
        type=float,
        default=[0.0, VideoMethodOptions.temporal_weight],
        help="temporal weights of optimized videos",
    )
    made.add_argument("--threads", type=int, default=machine.cores())
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for video.md and contact sheets")
    made.add_argument("--docs", action="store_true", help="write docs/lab/benchmarks/video.md as well")
    return made


def main() -> None:
    """Run the selected parts; write and print the report."""
    arguments = parser().parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    method = Arbitrary(threads=arguments.threads)
    for part in arguments.parts:
        lines = []
        for line in PARTS[part](arguments, method):
            lines.append(line)
            print(line, flush=True)
        store_section(arguments.out, part, lines)
        print(flush=True)
    write_report(arguments.out, PARTS)
    if arguments.docs:
        DOCS.parent.mkdir(exist_ok=True)
        write_report(arguments.out, PARTS, DOCS)


if __name__ == "__main__":
    main()
