"""Speed of the transformer, the whole command and the import, beside peers: `python -m benchmarks.speed`."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks import commands, machine, networks
from benchmarks.networks import Size
from benchmarks.peers.counting import multiply_adds, parameters
from benchmarks.peers.microast import StyleBranch
from benchmarks.report import Group, as_json, markdown
from benchmarks.timing import interleaved

PARTS = ("networks", "commands", "import")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    made.add_argument("--sizes", nargs="+", type=Size.parse, default=[Size(512, 512), Size(1280, 720)])
    made.add_argument(
        "--threads",
        nargs="+",
        type=int,
        default=sorted({machine.cores(), 1}, reverse=True),
        help="for networks",
    )
    made.add_argument("--rounds", type=int, default=7, help="rounds; every candidate once a round")
    made.add_argument("--calls", type=int, default=3, help="timed calls a round (commands: one)")
    made.add_argument("--seed", type=int, default=0, help="seeds the order within rounds")
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for speed.md and speed.json")
    return made


def counts() -> dict[str, str]:
    """Parameters and multiply-adds of the rebuilt peers at 512x512, to compare with the published ones."""
    built, _ = networks.peers(Size(64, 64))
    facts = {}
    for name, (network, inputs) in built.items():
        # All of it is convolutions, so it grows with the area.
        gmac = multiply_adds(network, partial(network, *inputs)) * (512 / 64) ** 2 / 1e9
        facts[name] = f"{parameters(network) / 1e3:.1f} k parameters, {gmac:.2f} GMAC at 512x512"
    facts["MicroAST"] += f"; {parameters(StyleBranch()) / 1e3:.1f} k more in its style branch"
    facts["restyle transformer"] = f"{networks.transformer_file().stat().st_size / 1e6:.2f} MB on disk"
    return facts


def measure(arguments: argparse.Namespace) -> list[Group]:
    """Take all groups that the command line asks for."""
    groups: list[Group] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "networks" in arguments.parts:
            for size in arguments.sizes:
                for threads in arguments.threads:
                    timings = interleaved(
                        networks.candidates(size, threads, folder),
                        rounds=arguments.rounds,
                        calls=arguments.calls,
                        seed=arguments.seed,
                    )
                    plural = "thread" if threads == 1 else "threads"
                    groups.append(Group(f"Network, {size}, {threads} {plural}", networks.OURS, timings))
        if "commands" in arguments.parts:
            for size in arguments.sizes:
                timings = interleaved(
                    commands.candidates(size, folder),
                    rounds=arguments.rounds,
                    calls=1,
                    settle=0,
                    seed=arguments.seed,
                )
                groups.append(Group(f"Whole command, cold process, {size}", commands.OURS, timings))
        if "import" in arguments.parts:
            timings = interleaved(
                commands.import_candidates(), rounds=arguments.rounds, calls=3, settle=0, seed=arguments.seed
            )
            groups.append(Group("Import, whole process", commands.IMPORT, timings))
    return groups


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
