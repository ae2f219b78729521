"""What an evaluation is to measure: pairs and candidates, from files, folders, settings and suites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from restyle.cli.evaluation_candidates import painter
from restyle.errors import OptionError
from restyle.evaluate.pairs import Pair, combined, listed, matched, read_pairs
from restyle.evaluate.runs import TRIVIAL, Candidate, result_files
from restyle.evaluate.suite import Suite, pairs_of
from restyle.options import EngineOptions


class Work(NamedTuple):
    """What is to be measured, and one line for each result that belongs to no pair."""

    pairs: list[Pair]
    candidates: list[Candidate]
    strangers: list[str]


def planned(
    results: Sequence[str],
    content: Sequence[str],
    style: Sequence[str],
    runs: Sequence[str],
    pairs: str | None,
    suite: Suite | None,
    engine: EngineOptions,
    folder: Path,
    size: int,
) -> Work:
    """Plan an evaluation before anything is measured.

    Parameters
    ----------
    results, content, style : files and folders
    runs : settings, see `painters.painter`
    pairs : path of a list of pairs
    suite : brings contents, styles and pairs, and its own runs first
    folder : for frames of films; the caller removes it
    size : short side in px at which is painted

    Raises
    ------
    OptionError
        Something is missing, or contradicts the suite.
    InputError
        A file or folder is not there, or no result belongs to any pair.
    """
    if suite is not None:
        if content or style or pairs:
            raise OptionError(
                f"the suite '{suite.name}' brings its own content, style and pairs; leave them out"
            )
        chosen: list[Pair] | None = pairs_of(suite)
        contents = {pair.content.stem: pair.content for pair in chosen or []}
        styles = {pair.style.stem: pair.style for pair in chosen or []}
        runs = [*suite.settings, *runs]
    else:
        if not content or not style:
            missing = "--content" if not content else "--style"
            raise OptionError(f"give {missing}: figures compare a result with its content and its style")
        contents, styles = listed(content, "contents"), listed(style, "styles")
        chosen = read_pairs(Path(pairs), contents, styles) if pairs else None
    candidates, strangers = _of_results(results, contents, styles, chosen)
    if not results and not runs:
        runs = [""]
    candidates += [painter(settings, engine, folder, size) for settings in dict.fromkeys(runs)]
    if chosen is None:
        found = {pair for candidate in candidates for pair in candidate.pairs or ()}
        chosen = [pair for pair in combined(contents, styles) if pair in found or not results]
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1 or name in TRIVIAL:
            raise OptionError(f"two rows are called '{name}'; rename a folder of results")
    return Work(chosen, candidates, strangers)


def _of_results(
    results: Sequence[str],
    contents: dict[str, Path],
    styles: dict[str, Path],
    chosen: list[Pair] | None,
) -> tuple[list[Candidate], list[str]]:
    """A candidate for each folder, and one for all single files."""
    groups: dict[str, list[str]] = {}
    for result in results:
        name = Path(result).resolve().name if Path(result).is_dir() else "results"
        groups.setdefault(name, []).append(result)
    candidates, strangers = [], []
    for name, sources in groups.items():
        files, lines = matched(listed(sources, "results").values(), contents, styles)
        if chosen is not None:
            lines += [
                f"{files[pair]}: {pair.name} is not among the pairs" for pair in files if pair not in chosen
            ]
            files = {pair: path for pair, path in files.items() if pair in chosen}
        candidates.append(result_files(name, files))
        strangers += lines
    return candidates, strangers
