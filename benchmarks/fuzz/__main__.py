"""`python -m benchmarks.fuzz`: read damaged files of every kind; faults are listed, and their inputs kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.fuzz.harness import fuzz, input_of
from benchmarks.fuzz.seeds import make_seeds


def main() -> None:
    """Fuzz, print the counts and each fault; the exit code is 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="inputs")
    parser.add_argument("--seed", type=int, default=0, help="number of the run; another gives other inputs")
    parser.add_argument("--first", type=int, default=0, help="number of the first input, to repeat one")
    parser.add_argument("--output", type=Path, default=Path("out/fuzz"), help="folder of inputs with faults")
    chosen = parser.parse_args()
    begun, counts, faults = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="restyle-fuzz-seeds-") as name:
        seeds = make_seeds(Path(name))
        contents = [seed.read_bytes() for seed in seeds]
        for verdict in fuzz(seeds, range(chosen.first, chosen.first + chosen.count), chosen.seed):
            counts[verdict.kind] += 1
            if verdict.kind != "fault":
                continue
            faults += 1
            seed, data = input_of(seeds, contents, verdict.index, chosen.seed)
            chosen.output.mkdir(parents=True, exist_ok=True)
            kept = chosen.output / f"{chosen.seed}-{verdict.index}-{seed.name}"
            kept.write_bytes(data)
            print(f"{kept}: {verdict.reason}")
    seconds = time.monotonic() - begun
    print(f"{counts['read']} read, {counts['refused']} refused, {faults} faults, {seconds:.0f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
