"""Plan and run an evaluation: pairs and candidates, from files, folders and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from restyle.cli.evaluation_candidates import method_candidate
from restyle.cli.evaluation_output import Sheet
from restyle.cli.terminal import Bar
from restyle.errors import OptionError
from restyle.evaluate import encoder, lpips_fid
from restyle.evaluate.bench import Bench
from restyle.evaluate.cache import Cache
from restyle.evaluate.pairs import Pair, combined, listed, matched, read_pairs
from restyle.evaluate.run import TRIVIAL, Candidate, Evaluation, evaluate, result_files
from restyle.options import EngineOptions
from restyle.options.evaluate import EvaluateOptions

SIZE = 512  # px, short side, by default


class Plan(NamedTuple):
    """What to measure, and one line for each result that belongs to no pair."""

    pairs: list[Pair]
    candidates: list[Candidate]
    unmatched: list[str]

    @property
    def inputs(self) -> list[Path]:
        """Files that must not be overwritten."""
        return [path for pair in self.pairs for path in (pair.content, pair.style)]


def load_bench(
    options: EvaluateOptions, engine: EngineOptions, metrics: Sequence[str], size: int = SIZE
) -> Bench:
    """Load the networks, and the cache unless `--fresh` is given."""
    network = encoder.load(options.encoder, engine.threads)
    cache = None if options.fresh else Cache()
    return Bench(network, options.size or size, lpips_fid.load(metrics), cache)


def make_plan(
    results: Sequence[str] | None,
    content: Sequence[str] | None,
    style: Sequence[str] | None,
    runs: Sequence[str] | None,
    pairs: str | None,
    engine: EngineOptions,
    folder: Path,
    size: int,
) -> Plan:
    """Plan an evaluation before anything is measured.

    Parameters
    ----------
    results, content, style : files and folders
    runs : settings, see `method_candidate`
    pairs : path of a list of pairs
    folder : for frames of videos; the caller removes it
    size : short side in px to which contents are scaled

    Raises
    ------
    OptionError
        Content or style is missing.
    InputError
        A file or folder does not exist, or no result belongs to any pair.
    """
    if not content or not style:
        missing = "--content" if not content else "--style"
        raise OptionError(f"give {missing}: a result is compared with its content and its style")
    contents, styles = listed(content, "contents"), listed(style, "styles")
    chosen = read_pairs(Path(pairs), contents, styles) if pairs else None
    return plan_of(results or [], contents, styles, runs or [], chosen, engine, folder, size)


def plan_of(
    results: Sequence[str],
    contents: dict[str, Path],
    styles: dict[str, Path],
    runs: Sequence[str],
    chosen: list[Pair] | None,
    engine: EngineOptions,
    folder: Path,
    size: int,
) -> Plan:
    """`make_plan` with files by name, and pairs; None: all that there are results of, or all combinations."""
    candidates, unmatched = _of_results(results, contents, styles, chosen)
    if not results and not runs:
        runs = [""]
    candidates += [method_candidate(text, engine, folder, size) for text in dict.fromkeys(runs)]
    if chosen is None:
        found = {pair for candidate in candidates for pair in candidate.pairs or ()}
        chosen = [pair for pair in combined(contents, styles) if pair in found or not results]
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1 or name in TRIVIAL:
            raise OptionError(f"two rows are called '{name}'; rename a folder of results")
    return Plan(chosen, candidates, unmatched)


def measure(plan: Plan, bench: Bench, frames: int) -> tuple[Evaluation, Sheet]:
    """Measure everything, with a progress bar; also collect pictures for the contact sheet."""
    sheet = Sheet(plan.pairs)
    try:
        with Bar(len(plan.pairs), "starting") as bar:
            evaluation = evaluate(
                plan.pairs,
                plan.candidates,
                bench,
                frames=frames,
                look=sheet.add,
                report=lambda done, name: bar.at(done * len(plan.pairs), name),
            )
    except KeyboardInterrupt:
        if bench.cache is None:
            raise
        raise KeyboardInterrupt("finished measurements are cached") from None
    return evaluation, sheet


def _of_results(
    results: Sequence[str],
    contents: dict[str, Path],
    styles: dict[str, Path],
    chosen: list[Pair] | None,
) -> tuple[list[Candidate], list[str]]:
    """Make a candidate of each folder, and one of all single files."""
    groups: dict[str, list[str]] = {}
    for result in results:
        name = Path(result).resolve().name if Path(result).is_dir() else "results"
        groups.setdefault(name, []).append(result)
    candidates, unmatched = [], []
    for name, sources in groups.items():
        files, lines = matched(listed(sources, "results").values(), contents, styles)
        if chosen is not None:
            lines += [
                f"{files[pair]}: {pair.name} is not among the pairs" for pair in files if pair not in chosen
            ]
            files = {pair: path for pair, path in files.items() if pair in chosen}
        candidates.append(result_files(name, files))
        unmatched += lines
    return candidates, unmatched
