"""Speed of the transformer, the command and the import, compared with peers: `python -m benchmarks.speed`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks import commands, machine, networks
from benchmarks.networks import Size
from benchmarks.peers.counting import multiply_adds, parameters
from benchmarks.peers.microast import StyleBranch
from benchmarks.report import Group, as_json, markdown
from benchmarks.timing import Timing, interleaved

Timings = dict[str, Timing]

PARTS = ("networks", "commands", "import")
# The targets apply to this size.
TARGET_SIZE = Size(512, 512)
NETWORK_TARGETS = {"Johnson w32, torch": 6.0, "MicroAST, torch": 2.0}
COLD_LIMIT = 1.5  # seconds
IMPORT_LIMIT = 0.06  # seconds, over an interpreter that imports nothing


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    made.add_argument("--sizes", nargs="+", type=Size.parse, default=[Size(512, 512), Size(1280, 720)])
    made.add_argument(
        "--threads",
        nargs="+",
        type=int,
        default=[machine.cores()],
        help="for networks; default: all cores",
    )
    made.add_argument("--rounds", type=int, default=5, help="rounds; each measures every candidate once")
    made.add_argument("--calls", type=int, default=2, help="timed calls per round (commands: one)")
    made.add_argument("--seed", type=int, default=0, help="seeds the order within rounds")
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for speed.md and speed.json")
    return made


def counts() -> dict[str, str]:
    """Count parameters and multiply-adds of the rebuilt peers at 512x512, to check them."""
    built, _ = networks.peers(Size(64, 64))
    facts = {}
    for name, (network, inputs) in built.items():
        # Convolutions only, so it grows with the area.
        gmac = multiply_adds(network, partial(network, *inputs)) * (512 / 64) ** 2 / 1e9
        facts[name] = f"{parameters(network) / 1e3:.1f} k parameters, {gmac:.2f} GMAC at 512x512"
    facts["MicroAST"] += f"; {parameters(StyleBranch()) / 1e3:.1f} k more in its style branch"
    facts["restyle transformer"] = f"{networks.transformer_file().stat().st_size / 1e6:.2f} MB on disk"
    return facts


def progress(title: str, rounds: int, since: float) -> Callable[[int], None]:
    """Return a function that prints a line to standard error at the start of every round."""

    def say(round_: int) -> None:
        what = f"round {round_} of {rounds}" if round_ else "warm-up"
        sys.stderr.write(f"[{time.monotonic() - since:4.0f} s] {title}: {what}\n")
        sys.stderr.flush()

    return say


def measure(arguments: argparse.Namespace) -> list[Group]:
    """Measure all groups that the command line selects."""
    groups: list[Group] = []
    since = time.monotonic()

    def take(title: str, candidates: Mapping[str, Callable[[], object]], calls: int, settle: int) -> Timings:
        return interleaved(
            candidates,
            rounds=arguments.rounds,
            calls=calls,
            settle=settle,
            seed=arguments.seed,
            report=progress(title, arguments.rounds, since),
        )

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "networks" in arguments.parts:
            for size in arguments.sizes:
                for threads in arguments.threads:
                    title = f"Network, {size}, {threads} {'thread' if threads == 1 else 'threads'}"
                    timings = take(title, networks.candidates(size, threads, folder), arguments.calls, 1)
                    targets = NETWORK_TARGETS if size == TARGET_SIZE else {}
                    groups.append(Group(title, networks.OURS, timings, targets=targets))
        if "commands" in arguments.parts:
            for size in arguments.sizes:
                title = f"Whole command, cold process, {size}"
                timings = take(title, commands.candidates(size, folder), 1, 0)
                groups += by_kind_of_style(title, timings, COLD_LIMIT if size == TARGET_SIZE else None)
        if "import" in arguments.parts:
            title = "Import, whole process"
            timings = take(title, commands.import_candidates(), 3, 0)
            limit = timings[commands.NOTHING].median + IMPORT_LIMIT
            groups.append(Group(title, commands.IMPORT, timings, limit=limit, rivals=False))
    return groups


def by_kind_of_style(title: str, timings: Timings, limit: float | None) -> list[Group]:
    """Return the commands with a known style, then those with a style picture, each with ours."""
    pictures = {name: timing for name, timing in timings.items() if name.endswith("PICTURE")}
    known = {name: timing for name, timing in timings.items() if name not in pictures}
    return [
        Group(f"{title}, style known beforehand", commands.OURS, known, limit=limit),
        Group(f"{title}, style from a picture", commands.OURS_PICTURE, pictures, limit=limit),
    ]


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the Markdown report, write it and the JSON.

    Parameters
    ----------
    words : sequence of str or None
        The command line after the program's name; None takes it from the process.
    """
    arguments = parser().parse_args(words)
    busy = machine.busy()
    facts = machine.describe()
    facts["torch threads"] = f"{torch.get_num_threads()} by default, set to each group's"
    facts["rounds x calls, seed"] = f"{arguments.rounds} x {arguments.calls}, {arguments.seed}"
    facts |= counts()
    groups = measure(arguments)
    text = markdown(groups, facts, busy=busy)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "speed.md").write_text(text)
    (arguments.out / "speed.json").write_text(json.dumps(as_json(groups, facts, busy=busy), indent=1))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
