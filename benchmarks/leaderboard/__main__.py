"""Measure a model on a suite, compare it with the committed rows, and add it to the board.

    python -m benchmarks.leaderboard                       # the shipped model on the suite dev
    python -m benchmarks.leaderboard --model my-model/     # a folder of `restyle export`
    python -m benchmarks.leaderboard results/ --run ''     # also results of another method

A suite needs its data: RESTYLE_SHARED names the folder that holds data/; default: ../shared.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.leaderboard import board, suite
from benchmarks.machine import describe
from restyle.cli.evaluation import facts_of, load_bench, measure, plan_of, print_failures, print_rows
from restyle.evaluate.networks import DEFAULT
from restyle.evaluate.summary import summarize
from restyle.models import catalog
from restyle.options import EngineOptions
from restyle.options.train import EvaluateOptions

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "lab" / "leaderboard"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.leaderboard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("results", nargs="*", help="folders of results, each a row")
    found.add_argument("--suite", default="dev", help="%(default)s")
    found.add_argument("--run", action="append", default=[], metavar="SETTINGS", help="settings to add")
    found.add_argument("--metric", action="append", default=[], choices=["lpips-alex", "fid"])
    found.add_argument("--model", default=catalog.DEFAULT)
    found.add_argument("--encoder", default=DEFAULT, help="network for the figures")
    found.add_argument("--size", type=int, metavar="N", help="short side in px; default: the suite's")
    found.add_argument("--threads", type=int, metavar="N")
    found.add_argument("--fresh", action="store_true", help="ignore cached measurements")
    found.add_argument("--folder", type=Path, default=FOLDER, help="folder of the boards")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and update the board."""
    given = parser().parse_args(arguments)
    chosen = suite.find(given.suite)
    pairs = suite.pairs_of(chosen)
    engine = EngineOptions(model=given.model, threads=given.threads)
    options = EvaluateOptions(size=given.size, encoder=given.encoder, fresh=given.fresh)
    bench = load_bench(options, engine, given.metric, chosen.size)
    facts = facts_of(bench, describe())
    contents = {pair.content.stem: pair.content for pair in pairs}
    styles = {pair.style.stem: pair.style for pair in pairs}
    runs = [*chosen.settings, *given.run]
    with tempfile.TemporaryDirectory(prefix="restyle-leaderboard-") as folder:
        plan = plan_of(given.results, contents, styles, runs, pairs, engine, Path(folder), bench.size)
        evaluation, _ = measure(plan, bench, options.frames)
    rows = summarize(evaluation)
    if rows:
        print_rows(rows, facts)
        for line in board.update(given.folder, chosen.name, rows, facts):
            print(line)
    print_failures([*plan.unmatched, *evaluation.failures])


if __name__ == "__main__":
    main()
